// SPDX-License-Identifier: Apache-2.0

package crash

import (
	"fmt"
	"math"

	"github.com/orthrus-luks/orthrus/test/crash/disk"
)

// struckBy runs the operation anew under each fault of a list. Its states are the one in which the
// operation leaves the disk, all power cuts on the way there, and some reorderings.
func struckBy(list func(*session) []disk.Fault) func(*session) states {
	return func(s *session) states {
		return func(yield func(State) bool) {
			for _, f := range list(s) {
				if s.picked() && !s.struck(f, yield) {
					return
				}
			}
		}
	}
}

// reorderings is the number of reordered states tried for each fault.
const reorderings = 8

func (s *session) struck(f disk.Fault, yield func(State) bool) bool {
	d, err := s.run(s.base, f)
	r := newRecord(s.op, d.Trace(err))
	told := func(state State) bool {
		state.Story.earlier = f
		state.Lied = f.Do == disk.Lie
		return yield(state)
	}
	for state := range cuts(r) {
		if !told(state) {
			return false
		}
	}
	for range reorderings {
		if !told(shuffled(r, s.rng)) {
			return false
		}
	}
	return true
}

// each makes one fault of a kind for every call of the clean run.
func (s *session) each(c disk.Call, do disk.Action) []disk.Fault {
	list := make([]disk.Fault, s.calls[c])
	for n := range list {
		list[n] = disk.Fault{Call: c, N: n, Do: do}
	}
	return list
}

// sticky adds to every fault its lasting form.
func sticky(list []disk.Fault) []disk.Fault {
	for _, f := range list[:len(list):len(list)] {
		f.Sticky = true
		list = append(list, f)
	}
	return list
}

func lostWrites(s *session) []disk.Fault { return sticky(s.each(disk.Write, disk.Drop)) }

func lies(s *session) []disk.Fault { return s.each(disk.Write, disk.Lie) }

func flushErrors(s *session) []disk.Fault { return sticky(s.each(disk.Sync, disk.Fail)) }

// flushThenAgain runs the operation under each flush error, and then once more, as a person would: what the
// first run wrote may read well and never become durable. Its states are the power cuts of both runs, and
// crashes.
func flushThenAgain(s *session) states {
	return func(yield func(State) bool) {
		for _, f := range s.each(disk.Sync, disk.Fail) {
			for _, f.Times = range []int{1, 2, math.MaxInt32} {
				if s.picked() && !s.rerun(f, yield) {
					return
				}
			}
		}
	}
}

func flushThenAgainMore(s *session) states {
	return s.reruns(func() disk.Fault {
		return disk.Fault{Call: disk.Sync, Do: disk.Fail, Times: 1 + s.rng.IntN(3)}
	})
}

// killedThenAgain stops the program before each of its calls and runs it once more on the same machine: what
// the first run wrote is there to be read, and no more durable than it was.
func killedThenAgain(s *session) states {
	return func(yield func(State) bool) {
		for _, call := range []disk.Call{disk.Write, disk.Sync} {
			for _, f := range s.each(call, disk.Unplug) {
				if s.picked() && !s.rerun(f, yield) {
					return
				}
			}
		}
	}
}

func killedThenAgainMore(s *session) states {
	return s.reruns(func() disk.Fault {
		return disk.Fault{Call: []disk.Call{disk.Write, disk.Sync}[s.rng.IntN(2)], Do: disk.Unplug}
	})
}

// reruns draws faults, and when they strike.
func (s *session) reruns(draw func() disk.Fault) states {
	return func(yield func(State) bool) {
		for {
			f := draw()
			if f.N = s.rng.IntN(max(s.calls[f.Call], 1)); !s.rerun(f, yield) {
				return
			}
		}
	}
}

// rerun yields the states of a run under the fault with another one behind it.
func (s *session) rerun(f disk.Fault, yield func(State) bool) bool {
	d, _ := s.run(s.base, f)
	if f.Do == disk.Unplug {
		d.Revive()
	}
	r := newRecord(s.op, d.Trace(s.op.Run(d)))
	for state := range cuts(r) {
		if !yield(state.with(once{f}, nil)) {
			return false
		}
	}
	for range crashesPerRun {
		if !yield(crashed(s, r).with(once{f}, nil)) {
			return false
		}
	}
	return true
}

// once is what befalls the first of two runs.
type once struct{ fault disk.Fault }

func (o once) String() string {
	if o.fault.Do == disk.Unplug {
		return fmt.Sprintf("killed at %v %d, and again", o.fault.Call, o.fault.N)
	}
	return o.fault.String() + ", and again"
}

// readErrors strike single reads, all from one on, and those of one copy for a while.
func readErrors(s *session) []disk.Fault {
	return append(sticky(s.each(disk.Read, disk.Fail)), s.passing()...)
}

// passing lists read errors of one copy that end after some reads.
func (s *session) passing() []disk.Fault {
	var list []disk.Fault
	for _, r := range s.op.Copies {
		for n := range 4 {
			for _, times := range []int{1, 2, 3, 4, 6, 8, 12} {
				list = append(list, disk.Fault{Call: disk.Read, N: n, Do: disk.Fail, Where: r, Times: times})
			}
		}
	}
	return list
}

// writeErrors lets nothing, one sector, half or all of the write reach the disk.
func writeErrors(s *session) []disk.Fault {
	var list []disk.Fault
	for _, f := range s.each(disk.Write, disk.Fail) {
		length := s.lengthOf(f.N)
		for _, f.Keep = range []int{0, 1, length / 2, length} {
			list = append(list, f)
		}
	}
	return sticky(list)
}

// lengthOf is the length in sectors of the nth write of the clean run.
func (s *session) lengthOf(n int) int {
	if n < len(s.clean.writes) {
		return s.clean.run(s.clean.writes[n]).Len()
	}
	return 0
}

// misplacedWrites land a sector, a block, or their own length before or behind.
func misplacedWrites(s *session) []disk.Fault {
	var list []disk.Fault
	for _, f := range s.each(disk.Write, disk.Misplace) {
		for _, by := range []int64{1, 8, int64(s.lengthOf(f.N))} {
			f.Shift = by
			list = append(list, f)
			f.Shift = -by
			list = append(list, f)
		}
	}
	return list
}

// misplacedWhole are the states in which an operation, run to its end, leaves the disk after one of
// its writes went elsewhere.
func misplacedWhole(s *session) states {
	return func(yield func(State) bool) {
		for _, f := range misplacedWrites(s) {
			if !s.picked() {
				continue
			}
			d, err := s.run(s.base, f)
			state := newRecord(s.op, d.Trace(err)).final()
			state.Story.earlier = f
			if !yield(state) {
				return
			}
		}
	}
}

func unplugs(s *session) []disk.Fault {
	var list []disk.Fault
	for _, c := range []disk.Call{disk.Read, disk.Write, disk.Sync} {
		list = append(list, s.each(c, disk.Unplug)...)
	}
	return list
}
