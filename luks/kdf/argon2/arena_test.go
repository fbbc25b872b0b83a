// SPDX-License-Identifier: Apache-2.0

package argon2

import (
	"bytes"
	"context"
	"errors"
	"math"
	"testing"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"
)

func TestArenaIsAlignedZeroedAndWiped(t *testing.T) {
	for _, size := range []uint64{8 << 10, chunkSize, 3*chunkSize + 12<<10} {
		a, err := newArena(t.Context(), size, 1)
		if err != nil {
			t.Fatal(err)
		}
		if uint64(len(a.bytes)) != size || uintptr(unsafe.Pointer(&a.bytes[0]))%chunkSize != 0 {
			t.Errorf("%d bytes at %p, want %d", len(a.bytes), a.bytes, size)
		}
		if !bytes.Equal(a.bytes, make([]byte, size)) {
			t.Error("not zeroed")
		}
		for i := range a.bytes {
			a.bytes[i] = 0xa5
		}
		a.wipe()
		if !bytes.Equal(a.bytes, make([]byte, size)) {
			t.Error("not wiped")
		}
		for range 2 {
			if err := a.release(); err != nil || a.bytes != nil {
				t.Errorf("release: %v", err)
			}
		}
	}
}

func TestWhatCannotBeMappedIsAnError(t *testing.T) {
	for _, size := range []uint64{1 << 50, math.MaxInt, math.MaxUint64} {
		a, err := reserve(size)
		if !errors.Is(err, unix.ENOMEM) || a.release() != nil {
			t.Errorf("%d bytes: %v", size, err)
		}
	}
}

func TestCancellationStopsPopulating(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	var lack *MemoryError
	if _, err := newArena(ctx, 4*chunkSize, 1); !errors.Is(err, context.Canceled) || errors.As(err, &lack) {
		t.Error(err)
	}
}

func TestPagerTakesHugePagesUnlessTheyCostMoreThanTheyBring(t *testing.T) {
	const cheap, fair, dear = 100 * time.Microsecond, time.Millisecond, 5 * time.Millisecond
	for _, v := range []struct {
		name  string
		price func(chunk int) [2]time.Duration // by kind of page
		want  int                              // of the last chunks
	}{
		{"cheap", func(int) [2]time.Duration { return [2]time.Duration{cheap, cheap} }, huge},
		{"dear", func(int) [2]time.Duration { return [2]time.Duration{dear, fair} }, ordinary},
		{"all dear", func(int) [2]time.Duration { return [2]time.Duration{dear, dear} }, huge},
		{"one dear among cheap ones", func(i int) [2]time.Duration {
			if i == 20 {
				return [2]time.Duration{dear, dear}
			}
			return [2]time.Duration{cheap, fair}
		}, huge},
		{"cheap ones run out", func(i int) [2]time.Duration {
			if i < 50 {
				return [2]time.Duration{cheap, cheap}
			}
			return [2]time.Duration{dear, fair}
		}, ordinary},
		{"ordinary ones run out", func(i int) [2]time.Duration {
			if i < 50 {
				return [2]time.Duration{dear, fair}
			}
			return [2]time.Duration{dear, dear}
		}, huge},
		{"dear ones run out", func(i int) [2]time.Duration {
			if i < 30 {
				return [2]time.Duration{dear, fair}
			}
			return [2]time.Duration{cheap, fair}
		}, huge},
		{"dear ones and cheap ones in turn", func(i int) [2]time.Duration {
			if i/40%2 == 0 {
				return [2]time.Duration{dear, fair}
			}
			return [2]time.Duration{cheap, fair}
		}, ordinary},
	} {
		p := newPager(4)
		others := 0 // among the last chunks
		for i := range 100 {
			kind := p.choose()
			p.record(kind, v.price(i)[kind])
			if i < samples && kind != huge {
				t.Fatalf("%s: chunk %d has kind %d", v.name, i, kind)
			}
			if i >= 90 && kind != v.want {
				others++
			}
		}
		if mayTry := v.want == ordinary; others > 1 || others > 0 && !mayTry {
			t.Errorf("%s: %d of the last chunks are of another kind than %d", v.name, others, v.want)
		}
	}
}
