// SPDX-License-Identifier: Apache-2.0

package argon2

import (
	"bytes"
	"context"
	"encoding/hex"
	"errors"
	"math"
	"testing"
	"time"

	"github.com/orthrus-luks/orthrus/test/pace"
	"golang.org/x/crypto/argon2"
	"pgregory.net/rapid"
)

// peer derives by an independent implementation.
func peer(password, salt []byte, p Params, length int) []byte {
	derive := argon2.IDKey
	if p.Variant == I {
		derive = argon2.Key
	}
	return derive(password, salt, p.Time, p.Memory, uint8(p.Lanes), uint32(length))
}

// RFC 9106, sections 5.2 and 5.3.
func TestRFC9106Vectors(t *testing.T) {
	for variant, want := range map[Variant]string{
		I:  "c814d9d1dc7f37aa13f0d77f2494bda1c8de6b016dd388d29952a4c4672b6ce8",
		ID: "0d640df58d78766c08c037a34a8b53c9d01ef0452d75b65eb52520e96b01e659",
	} {
		for _, e := range engines() {
			p := Params{Variant: variant, Time: 3, Memory: 32, Lanes: 4, engine: &e, grain: 1}
			p.secret, p.data = bytes.Repeat([]byte{3}, 8), bytes.Repeat([]byte{4}, 12)
			got := make([]byte, 32)
			err := Key(t.Context(), got, bytes.Repeat([]byte{1}, 32), bytes.Repeat([]byte{2}, 16), p)
			if err != nil || hex.EncodeToString(got) != want {
				t.Errorf("%s, variant %d: %x, %v", e.name, variant, got, err)
			}
		}
	}
}

func TestAgreesWithAnIndependentImplementation(t *testing.T) {
	all := engines()
	rapid.Check(t, func(t *rapid.T) {
		p := Params{
			Variant: rapid.SampledFrom([]Variant{I, ID}).Draw(t, "variant"),
			Time:    rapid.Uint32Range(1, 5).Draw(t, "time"),
			Lanes:   rapid.Uint32Range(1, 16).Draw(t, "lanes"),
			Workers: rapid.IntRange(0, 3).Draw(t, "workers"),
			grain:   1,
		}
		p.Memory = rapid.Uint32Range(8*p.Lanes, 40*p.Lanes).Draw(t, "memory")
		password := rapid.SliceOfN(rapid.Byte(), 0, 100).Draw(t, "password")
		salt := rapid.SliceOfN(rapid.Byte(), MinSalt, 64).Draw(t, "salt")
		got := make([]byte, rapid.IntRange(MinKey, 200).Draw(t, "length"))
		want := peer(password, salt, p, len(got))
		for _, e := range all {
			p.engine = &e
			if err := Key(t.Context(), got, password, salt, p); err != nil {
				t.Fatal(err)
			}
			if !bytes.Equal(got, want) {
				t.Fatalf("%s: %x, want %x", e.name, got, want)
			}
		}
	})
}

// Larger than a huge page, than a block of addresses and than the interval between two polls.
func TestAgreesOnMemoryOfRealisticSize(t *testing.T) {
	for _, p := range []Params{
		{Variant: ID, Time: 2, Memory: 7 << 10, Lanes: 3},
		{Variant: ID, Time: 1, Memory: 5<<10 + 7, Lanes: 1},
		{Variant: I, Time: 2, Memory: 4 << 10, Lanes: 2},
		{Variant: ID, Time: 1, Memory: 9 << 10, Lanes: 9},
	} {
		want := peer([]byte("password"), []byte("some salt"), p, 32)
		for _, e := range engines() {
			p.engine = &e
			got := make([]byte, 32)
			if err := Key(t.Context(), got, []byte("password"), []byte("some salt"), p); err != nil || !bytes.Equal(got, want) {
				t.Errorf("%s %+v: %x, want %x, %v", e.name, p, got, want, err)
			}
		}
	}
}

func FuzzKey(f *testing.F) {
	f.Add([]byte("password"), []byte("some salt"), uint8(2), uint8(1), uint8(30), uint8(4), uint8(32))
	f.Fuzz(func(t *testing.T, password, salt []byte, variant, passes, memory, lanes, length uint8) {
		p := Params{Variant: I + Variant(variant%2), Time: 1 + uint32(passes%4), Lanes: 1 + uint32(lanes%16), grain: 1}
		p.Memory = 8*p.Lanes + 4*uint32(memory)
		if len(salt) < MinSalt {
			salt = append(salt, make([]byte, MinSalt)...)
		}
		got := make([]byte, MinKey+int(length))
		want := peer(password, salt, p, len(got))
		for _, e := range engines() {
			p.engine = &e
			if err := Key(t.Context(), got, password, salt, p); err != nil || !bytes.Equal(got, want) {
				t.Fatalf("%s %+v: %x, want %x, %v", e.name, p, got, want, err)
			}
		}
	})
}

// cancelKey cancels a derivation that would take years after the given time, and returns how long that took.
func cancelKey(t *testing.T, variant Variant, memory uint32, after time.Duration) time.Duration {
	ctx, cancel := context.WithCancel(t.Context())
	var cancelled time.Time
	time.AfterFunc(after, func() { cancelled = time.Now(); cancel() })
	out := bytes.Repeat([]byte{1}, 32)
	p := Params{Variant: variant, Time: math.MaxUint32, Memory: memory, Lanes: 4}
	if err := Key(ctx, out, []byte("p"), []byte("some salt"), p); !errors.Is(err, context.Canceled) {
		t.Errorf("variant %d: %v", variant, err)
	}
	if !bytes.Equal(out, make([]byte, 32)) {
		t.Error("out is not zeroed")
	}
	return time.Since(cancelled)
}

// prompt is how soon a cancelled derivation is over on a quiet machine; uncancelled it takes seconds.
const prompt = 15 * time.Millisecond

func TestCancellationIsPromptAndLeavesNothing(t *testing.T) {
	for _, v := range []struct {
		variant Variant
		memory  uint32 // KiB
		after   time.Duration
	}{
		{I, 16 << 10, 0},
		{I, 16 << 10, time.Millisecond},
		{I, 16 << 10, 20 * time.Millisecond},
		{ID, 16 << 10, 0},
		{ID, 16 << 10, 20 * time.Millisecond},
		{ID, 512 << 10, 10 * time.Millisecond}, // while the kernel finds the memory
		{ID, 512 << 10, 400 * time.Millisecond},
	} {
		took := cancelKey(t, v.variant, v.memory, v.after)
		for range 20 { // others may keep the processors busy
			if took > pace.Limit(prompt) {
				took = cancelKey(t, v.variant, v.memory, v.after)
			}
		}
		if took > pace.Limit(prompt) {
			t.Errorf("%+v: took %v", v, took)
		}
		Wait()
		if leaving.wait(t.Context()) {
			t.Error("memory is left after Wait")
		}
	}
}

func TestTooMuchMemoryIsAnErrorWithNumbers(t *testing.T) {
	out := []byte{1, 2, 3, 4}
	err := Key(t.Context(), out, nil, make([]byte, 8), Params{Variant: ID, Time: 1, Memory: math.MaxUint32, Lanes: 1})
	var lack *MemoryError
	if !errors.Is(err, ErrMemory) || !errors.As(err, &lack) || lack.Needed != (math.MaxUint32-3)<<10 || lack.Available < 1<<20 {
		t.Errorf("%v, %+v", err, lack)
	}
	if !bytes.Equal(out, make([]byte, 4)) {
		t.Error("out is not zeroed")
	}
}

func TestUndefinedParametersAreRefused(t *testing.T) {
	good := Params{Variant: ID, Time: 1, Memory: 64, Lanes: 2}
	for name, v := range map[string]struct {
		change    func(*Params)
		salt, out int
	}{
		"variant d":    {func(p *Params) { p.Variant = 0 }, 8, 32},
		"no pass":      {func(p *Params) { p.Time = 0 }, 8, 32},
		"no lane":      {func(p *Params) { p.Lanes = 0 }, 8, 32},
		"many lanes":   {func(p *Params) { p.Lanes, p.Memory = MaxLanes+1, math.MaxUint32 }, 8, 32},
		"small memory": {func(p *Params) { p.Memory = 15 }, 8, 32},
		"short salt":   {func(*Params) {}, 7, 32},
		"short key":    {func(*Params) {}, 8, 3},
	} {
		p := good
		v.change(&p)
		if err := Key(t.Context(), make([]byte, v.out), nil, make([]byte, v.salt), p); !errors.Is(err, ErrParams) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestProgressGrowsToOne(t *testing.T) {
	var seen []float64
	p := Params{Variant: ID, Time: 3, Memory: 16 << 10, Lanes: 4, Progress: func(done float64) { seen = append(seen, done) }}
	if err := Key(t.Context(), make([]byte, 32), nil, make([]byte, 8), p); err != nil {
		t.Fatal(err)
	}
	for i := 1; i < len(seen); i++ {
		if seen[i] <= seen[i-1] {
			t.Fatalf("%v after %v", seen[i], seen[i-1])
		}
	}
	if n := len(seen); n < 20 || n > 100 || seen[n-1] < 0.98 || seen[n-1] > 1 {
		t.Errorf("%d steps: %v", n, seen)
	}
}

func TestFillingAllocatesNothing(t *testing.T) {
	m := newMatrix(&Params{Variant: ID, Time: 1, Memory: 1 << 10, Lanes: 4})
	m.memory = make([]byte, m.bytes())
	f := m.fillers(0, 1)[0]
	never := func(uint32) bool { return false }
	if n := testing.AllocsPerRun(5, func() { f.fill(1, 2, never) }); n != 0 {
		t.Errorf("%v allocations per segment", n)
	}
}
