// SPDX-License-Identifier: Apache-2.0

package argon2

import (
	"bytes"
	"context"
	"errors"
	"testing"
)

// Each derivation finds what the one before it left, of the same size or of another.
func TestKeptMemoryChangesNoKey(t *testing.T) {
	kept := &Kept{}
	for i, memory := range []uint32{4096, 4096, 64, 4096, 64, 64} {
		p := Params{Variant: ID, Time: 2, Memory: memory, Lanes: uint32(i%3 + 1)}
		want, got := make([]byte, 32), make([]byte, 32)
		if err := Key(t.Context(), want, []byte("password"), []byte("somesalt"), p); err != nil {
			t.Fatal(err)
		}
		p.Kept = kept
		if err := Key(t.Context(), got, []byte("password"), []byte("somesalt"), p); err != nil {
			t.Fatal(err)
		}
		if !bytes.Equal(got, want) {
			t.Errorf("derivation %d: %x, want %x", i, got, want)
		}
		if len(kept.free) != 1 {
			t.Errorf("derivation %d: %d arenas kept", i, len(kept.free))
		}
	}
	if err := kept.Close(); err != nil || len(kept.free) != 0 {
		t.Errorf("%d arenas left, %v", len(kept.free), err)
	}
}

func TestMemoryOfACancelledDerivationIsNotKept(t *testing.T) {
	kept := &Kept{}
	ctx, cancel := context.WithCancel(t.Context())
	p := Params{Variant: ID, Time: 50, Memory: 16 << 10, Lanes: 1, Kept: kept, Progress: func(float64) { cancel() }}
	if err := Key(ctx, make([]byte, 32), nil, make([]byte, 8), p); !errors.Is(err, context.Canceled) {
		t.Fatal(err)
	}
	if len(kept.free) != 0 {
		t.Errorf("%d arenas kept", len(kept.free))
	}
}
