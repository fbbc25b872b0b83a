// SPDX-License-Identifier: Apache-2.0

package kdf

import (
	"context"
	"errors"
	"math"
	"time"
)

// Request says how long a key derivation shall take on this machine.
type Request struct {
	Type      string
	Hash      string        // of PBKDF2
	Target    time.Duration // how long one derivation takes
	MaxMemory uint32        // of Argon2, KiB
	MaxCPUs   uint32        // of Argon2
	KeySize   int           // bytes to derive; 0 for 32
}

// Where measuring Argon2 begins, and the smallest costs it ends with.
const (
	firstTime   = 4
	firstMemory = 64 << 10 // KiB
)

// A derivation that took between these shares of the target is good enough.
const (
	shortEnough = 1.10
	longEnough  = 0.95
)

// Calibrate measures this machine and returns costs, without a salt, that take the time asked for.
// Measuring itself takes less than twice that. Memory is bounded by the request, by half of the
// machine's, and by half of what is free where that matters (see MemoryLimit). It returns an error
// of Derive, or the context's.
func Calibrate(ctx context.Context, r Request) (Params, error) {
	if r.KeySize == 0 {
		r.KeySize = 32
	}
	if r.Type == PBKDF2 {
		rate, err := measure(ctx, r.Hash, r.KeySize, r.Target/4)
		if err != nil {
			return Params{}, err
		}
		n := clampTo(rate*r.Target.Seconds(), CreationLimits().MinIterations, math.MaxUint32)
		return Params{Type: PBKDF2, Hash: r.Hash, Iterations: n}, nil
	}
	return calibrateArgon2(r, func(p Params) (time.Duration, error) { return timed(ctx, p, r.KeySize) })
}

// calibrateArgon2 runs with a small memory, then with what that promises, and corrects the result
// once more if the promise was not kept.
func calibrateArgon2(r Request, run func(Params) (time.Duration, error)) (Params, error) {
	most := min(r.MaxMemory, MemoryLimit())
	p := Params{Type: r.Type, Time: firstTime, Memory: min(firstMemory, most), CPUs: max(1, min(r.MaxCPUs, uint32(CPUsOnline())))}
	for range 2 {
		took, err := run(p)
		if err != nil {
			return Params{}, err
		}
		ratio := r.Target.Seconds() / took.Seconds()
		if 1/ratio >= longEnough && 1/ratio <= shortEnough {
			break
		}
		p = p.scaled(ratio, most)
	}
	return p, nil
}

// scaled multiplies the cost: more memory before more passes, fewer passes before less memory.
func (p Params) scaled(ratio float64, mostMemory uint32) Params {
	limits := CreationLimits()
	work := float64(p.Time) * float64(p.Memory) * ratio
	if ratio >= 1 {
		p.Memory = clampTo(work/float64(p.Time), p.Memory, mostMemory)
		p.Time = clampTo(math.Round(work/float64(p.Memory)), limits.MinTime, limits.MaxTime)
		return p
	}
	p.Time = clampTo(math.Round(work/float64(p.Memory)), limits.MinTime, p.Time)
	p.Memory = clampTo(work/float64(p.Time), max(limits.MinMemory, 8*p.CPUs), p.Memory)
	return p
}

func clampTo(value float64, least, most uint32) uint32 {
	return uint32(math.Min(math.Max(value, float64(least)), float64(most)))
}

// timed derives once from a fixed passphrase.
func timed(ctx context.Context, p Params, keySize int) (time.Duration, error) {
	p.Salt = make([]byte, 32)
	start := time.Now()
	err := p.Derive(ctx, make([]byte, keySize), []byte("benchmark"))
	return max(time.Since(start), time.Microsecond), err
}

// MeasurePBKDF2 returns how many iterations of PBKDF2 with that hash one core does in a second,
// for a key of 256 bits. It takes about a quarter of a second.
func MeasurePBKDF2(ctx context.Context, hash string) (float64, error) {
	return measure(ctx, hash, 32, 250*time.Millisecond)
}

// measure doubles the iterations until they take long enough for the clock to be trusted.
func measure(ctx context.Context, hash string, keySize int, long time.Duration) (float64, error) {
	for n := uint32(1000); ; n *= 2 {
		took, err := timed(ctx, Params{Type: PBKDF2, Hash: hash, Iterations: n}, keySize)
		if err != nil {
			return 0, err
		}
		if took >= long/2 {
			return float64(n) / took.Seconds(), nil
		}
		if n > math.MaxUint32/2 {
			return 0, errors.New("kdf: the clock does not advance")
		}
	}
}
