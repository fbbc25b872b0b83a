// SPDX-License-Identifier: Apache-2.0

package argon2

import (
	"context"
	"runtime"
	"sync"
)

// run fills the matrix with the given number of threads, the caller's being one of them.
func (m *matrix) run(ctx context.Context, workers int, progress func(float64)) error {
	meeting := newBarrier(workers)
	defer context.AfterFunc(ctx, meeting.cancel)()
	silent := func(uint32) bool { return meeting.cancelled() }
	var group sync.WaitGroup
	for w := 1; w < workers; w++ {
		group.Go(func() { m.work(w, workers, meeting, silent) })
	}
	report := reporter{progress: progress, total: uint64(m.params.Time) * uint64(m.length) * uint64(m.share(1,
		workers))}
	m.work(0, workers, meeting, func(blocks uint32) bool {
		report.add(blocks)
		return meeting.cancelled()
	})
	group.Wait()
	return ctx.Err()
}

// work fills the lanes of worker w in all passes.
func (m *matrix) work(w, workers int, meeting *barrier, poll poll) {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	fillers := m.fillers(w, workers)
	for pass := range m.params.Time {
		for slice := range uint32(slices) {
			for i := range fillers {
				fillers[i].fill(pass, slice, poll)
			}
			if !meeting.wait() {
				return
			}
		}
	}
}

// fillers deals out the lanes of worker w in groups.
func (m *matrix) fillers(w, workers int) []filler {
	from, to := m.share(w, workers), m.share(w+1, workers)
	var fillers []filler
	for from < to {
		f := filler{matrix: m}
		for ; from < to && len(f.lanes) < maxGroup; from++ {
			f.lanes = append(f.lanes, cursor{lane: from})
		}
		fillers = append(fillers, f)
	}
	return fillers
}

// share returns the first lane of worker w.
func (m *matrix) share(w, workers int) uint32 {
	return uint32(uint64(m.lanes) * uint64(w) / uint64(workers))
}

// reporter turns counts of blocks into progress in steps of a hundredth.
type reporter struct {
	progress    func(float64)
	done, total uint64 // blocks
	last        uint64 // hundredths
}

func (r *reporter) add(blocks uint32) {
	if r.progress == nil {
		return
	}
	r.done = min(r.done+uint64(blocks), r.total)
	if now := r.done * 100 / r.total; now > r.last {
		r.last = now
		r.progress(float64(r.done) / float64(r.total))
	}
}
