// SPDX-License-Identifier: Apache-2.0

package pace

import (
	"os"
	"runtime"
	"strconv"
	"sync"
	"sync/atomic"
	"time"
)

// Env hands the factor on to programs that are started.
const Env = "ORTHRUS_PACE"

const (
	// margin is how many times longer than on a quiet machine a limit is in any case: others may begin something
	// right after the measurement.
	margin = 4
	// most bounds the factor, so that a test that hangs ends.
	most = 20
	// span is how long the machine is measured.
	span = 100 * time.Millisecond
	// expected is how many steps a processor does in that time on the quiet machine that the limits were written on:
	// a server of 2022 at about 3 GHz.
	expected = 46_000_000
)

// Factor is how many times slower than that machine this one is, from 1 to 20; it is measured once.
var Factor = sync.OnceValue(func() float64 { return factor(os.Getenv(Env)) })

// factor takes what was handed on, and measures where nothing was.
func factor(handedOn string) float64 {
	if known, err := strconv.ParseFloat(handedOn, 64); err == nil {
		return bounded(known)
	}
	return bounded(expected / measure(span))
}

func bounded(factor float64) float64 { return min(max(factor, 1), most) }

// Limit is how long to wait for something that takes quiet at most on a quiet machine.
func Limit(quiet time.Duration) time.Duration { return scaled(quiet, Factor()) }

func scaled(quiet time.Duration, factor float64) time.Duration {
	return time.Duration(float64(quiet) * margin * factor)
}

// Await looks every few milliseconds whether something is so; false where it is not within Limit(quiet).
func Await(quiet time.Duration, so func() bool) bool {
	const pause = 10 * time.Millisecond
	if so() {
		return true
	}
	for deadline := time.Now().Add(Limit(quiet)); time.Now().Before(deadline); {
		time.Sleep(pause)
		if so() {
			return true
		}
	}
	return so()
}

// measure is how many steps each processor does within a time while all are asked to.
func measure(span time.Duration) float64 {
	workers := runtime.GOMAXPROCS(0)
	var steps atomic.Int64
	var group sync.WaitGroup
	end := time.Now().Add(span)
	for range workers {
		group.Go(func() { steps.Add(work(end)) })
	}
	group.Wait()
	return float64(max(steps.Load(), 1)) / float64(workers)
}

// work does steps that depend on each other, which no compiler or processor does side by side.
func work(end time.Time) (steps int64) {
	const batch = 10000
	x := uint64(1)
	for time.Now().Before(end) {
		for range batch {
			x ^= x << 13
			x ^= x >> 7
			x ^= x << 17
		}
		steps += batch
	}
	sink.Store(x)
	return steps
}

// sink keeps the work from being left out.
var sink atomic.Uint64
