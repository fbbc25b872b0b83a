// SPDX-License-Identifier: Apache-2.0

package kdf

import (
	"context"
	"errors"
	"math"
	"time"

	"github.com/orthrus-luks/orthrus/luks/kdf/argon2"
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

// Where measuring Argon2 begins: with so little that slow machines are not kept for long.
const (
	firstTime   = 1
	firstMemory = 64 << 10 // KiB
)

// samples is how many derivations of half the target are measured, each on memory of its own: where that
// lies makes a tenth of the time.
const samples = 2

// Calibrate measures this machine and returns costs, without a salt, that take the time asked for.
// Measuring itself takes less than twice that. Memory is bounded by the request, by half of the
// machine's, and by half of what is free where that matters (see MemoryLimit). It returns an error
// of Derive, or the context's.
func Calibrate(ctx context.Context, r Request) (Params, error) {
	if r.KeySize <= 0 {
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
	return calibrateArgon2(r, func(p Params) (time.Duration, error) {
		return argon2.Measure(ctx, r.KeySize, p.argon2())
	})
}

// calibrateArgon2 runs with a small memory, then with what promises half the target, and takes the costs
// from the mean of that.
func calibrateArgon2(r Request, run func(Params) (time.Duration, error)) (Params, error) {
	most := min(r.MaxMemory, MemoryLimit())
	cpus := max(1, min(r.MaxCPUs, uint32(CPUsOnline()), CreationLimits().MaxCPUs))
	p := Params{Type: r.Type, Time: firstTime, Memory: max(min(firstMemory, most), 8*cpus), CPUs: cpus}
	took, err := run(p)
	if err != nil {
		return Params{}, err
	}
	p = p.scaled(r.Target.Seconds()/2/took.Seconds(), most)
	sum := time.Duration(0)
	for range samples {
		took, err := run(p)
		if err != nil {
			return Params{}, err
		}
		sum += took
	}
	return p.scaled(samples*r.Target.Seconds()/sum.Seconds(), most), nil
}

// scaled multiplies the cost, in few passes over much memory rather than the other way round.
// Where whole passes over all the memory would miss the mark, it takes one more over a little less.
func (p Params) scaled(ratio float64, mostMemory uint32) Params {
	const miss = 0.04
	limits := CreationLimits()
	work := float64(p.Time) * float64(p.Memory) * ratio
	passes := math.Round(work / float64(mostMemory))
	if math.Abs(passes*float64(mostMemory)-work) > miss*work {
		passes = math.Ceil(work / float64(mostMemory))
	}
	p.Time = clampTo(passes, limits.MinTime, limits.MaxTime)
	p.Memory = clampTo(work/float64(p.Time), max(limits.MinMemory, 8*p.CPUs), mostMemory)
	return p
}

// clampTo brings value between least and most; if those cross, most counts.
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
