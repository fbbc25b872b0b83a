// SPDX-License-Identifier: Apache-2.0

// Package parallel does long work on all processors.
package parallel

import (
	"context"
	"runtime"
	"sync"
	"sync/atomic"

	"github.com/orthrus-luks/orthrus/dm/given"
)

// mostWorkers bounds the memory: each has its buffers.
const mostWorkers = 16

// Do does n pieces of work on all processors, or on as many as workers says. Each worker gets its own function from
// newWorker, and the first error ends them all.
func Do(ctx context.Context, workers int, n uint64, newWorker func() func(i uint64) error) error {
	if err := given.Context(ctx); err != nil {
		return err
	}
	if workers <= 0 {
		workers = runtime.GOMAXPROCS(0)
	}
	workers = int(min(uint64(workers), mostWorkers, max(n, 1)))
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	var next atomic.Uint64
	var all sync.WaitGroup
	for range workers {
		all.Go(func() {
			work := newWorker()
			for i := next.Add(1) - 1; i < n && ctx.Err() == nil; i = next.Add(1) - 1 {
				if err := work(i); err != nil {
					cancel(err)
				}
			}
		})
	}
	all.Wait()
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	return nil
}

// Meter counts the bytes that are done. The zero value tells nobody.
type Meter struct {
	Tell func(done int64) // never called by two at once

	mu   sync.Mutex
	done int64
}

// Add counts n bytes more.
func (m *Meter) Add(n int) {
	if m.Tell == nil {
		return
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	m.done += int64(n)
	m.Tell(m.done)
}
