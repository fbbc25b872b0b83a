// SPDX-License-Identifier: Apache-2.0

package argon2

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"runtime"
	"time"

	"github.com/orthrus-luks/orthrus/dm/given"
)

// Variant is a member of the Argon2 family, by its number in RFC 9106.
type Variant uint32

// The variants that LUKS uses.
const (
	I  Variant = 1 // addresses independent of the data
	ID Variant = 2 // independent in the first half of the first pass, then dependent
)

const (
	// MaxLanes is the largest number of lanes.
	MaxLanes = 1<<24 - 1
	// MinSalt is the shortest salt, in bytes.
	MinSalt = 8
	// MinMemory is the smallest memory for one lane, in KiB.
	MinMemory = 8
	// MinKey is the length of the shortest key, in bytes.
	MinKey = 4

	version = 0x13
	slices  = 4 // synchronisation points per pass
)

// ErrParams is returned for parameters with which Argon2 is not defined.
var ErrParams = errors.New("argon2 parameters out of range")

// Params are the inputs of Argon2 besides password and salt.
type Params struct {
	Variant Variant
	Time    uint32 // passes over the memory
	Memory  uint32 // KiB
	Lanes   uint32

	// Workers bounds the number of threads; 0 means as many as there are lanes and processors.
	Workers int
	// Kept, if set, is memory left by an earlier derivation, and is left this one's.
	Kept *Kept
	// Progress, if set, is called with the share of work done, 0 to 1, about a hundred times,
	// always from the goroutine that called Key.
	Progress func(done float64)

	// Inputs K and X, which LUKS leaves empty and the vectors of RFC 9106 do not.
	secret, data []byte
	// What tests choose: the engine rather than the best one, and how many blocks between two
	// meetings make a thread worth its while.
	engine *engine
	grain  uint32
}

// defaultGrain is about 10 µs.
const defaultGrain = 128

// Key fills out. When ctx is cancelled, Key returns its error within 50 ms, and leaves memory that
// takes longer to be wiped and unmapped behind it; see Wait. A *MemoryError means that the memory is
// not to be had. Whatever the error, out is zeroed.
func Key(ctx context.Context, out, password, salt []byte, p Params) error {
	if err := p.derive(ctx, out, password, salt); err != nil {
		clear(out)
		return fmt.Errorf("argon2: %w", err)
	}
	return nil
}

// Check returns ErrParams, with details, if Argon2 is not defined for p.
func (p *Params) Check() error {
	switch {
	case p.Variant != I && p.Variant != ID:
		return fmt.Errorf("%w: variant %d", ErrParams, p.Variant)
	case p.Time < 1:
		return fmt.Errorf("%w: %d passes", ErrParams, p.Time)
	case p.Lanes < 1 || p.Lanes > MaxLanes:
		return fmt.Errorf("%w: %d lanes", ErrParams, p.Lanes)
	case uint64(p.Memory) < MinMemory*uint64(p.Lanes):
		return fmt.Errorf("%w: %d KiB for %d lanes", ErrParams, p.Memory, p.Lanes)
	}
	return nil
}

// Measure derives a key of keyLength bytes from fixed inputs and returns the time that takes on a machine
// with free memory at hand: the time in which the kernel found it here varies from run to run by far
// more than the rest, with what other processes did before. Instead it counts what wiping takes four times:
// Key wipes the memory afterwards, and the kernel clears it before, which with all that giving it takes is
// some three times as much.
func Measure(ctx context.Context, keyLength int, p Params) (took time.Duration, err error) {
	key, salt := make([]byte, keyLength), make([]byte, MinSalt)
	err = p.onMemory(ctx, func(m *matrix, a *arena) error {
		start := time.Now()
		err := p.compute(ctx, m, key, nil, salt)
		computed := time.Now()
		a.wipe()
		took = computed.Sub(start) + 4*time.Since(computed)
		return err
	})
	if err != nil {
		return 0, fmt.Errorf("argon2: %w", err)
	}
	return took, nil
}

func (p *Params) derive(ctx context.Context, out, password, salt []byte) error {
	if len(salt) < MinSalt || len(out) < MinKey {
		return fmt.Errorf("%w: a salt of %d bytes, a key of %d", ErrParams, len(salt), len(out))
	}
	return p.onMemory(ctx, func(m *matrix, _ *arena) error { return p.compute(ctx, m, out, password, salt) })
}

// onMemory calls do with a matrix on an arena, which is kept or wiped and returned afterwards.
func (p *Params) onMemory(ctx context.Context, do func(*matrix, *arena) error) (err error) {
	if err := errors.Join(given.Context(ctx), p.Check()); err != nil {
		return err
	}
	m := newMatrix(p)
	a, err := p.Kept.take(m.bytes())
	if a == nil && err == nil {
		a, err = newArena(ctx, m.bytes(), p.Time)
	}
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, p.Kept.put(ctx, a)) }()
	m.memory = a.bytes
	return do(m, a)
}

func (p *Params) compute(ctx context.Context, m *matrix, out, password, salt []byte) error {
	m.start(p.prehash(password, salt, len(out)))
	if err := m.run(ctx, p.workers(m), p.Progress); err != nil {
		return err
	}
	m.finish(out)
	return nil
}

// workers returns the number of threads for m. Each should have so much to do between two
// meetings that meeting does not matter.
func (p *Params) workers(m *matrix) int {
	n := min(runtime.GOMAXPROCS(0), int(p.Lanes))
	if p.Workers > 0 {
		n = min(n, p.Workers)
	}
	slice := uint64(m.segment) * uint64(p.Lanes)
	return max(1, min(n, int(slice/uint64(cmp.Or(p.grain, defaultGrain)))))
}
