// SPDX-License-Identifier: Apache-2.0

package crash

import "github.com/orthrus-luks/orthrus/test/crash/disk"

// depth is how many recoveries in a row are crashed.
const depth = 3

// recoveryCuts yields, for every power cut of the operation, every power cut of its recovery.
func recoveryCuts(s *session) states {
	return func(yield func(State) bool) {
		for state := range cuts(s.clean) {
			for again := range cuts(s.recovered(state)) {
				if !yield(again.since(state)) {
					return
				}
			}
		}
	}
}

// recoveryMore yields crashes of recoveries, up to three deep.
func recoveryMore(s *session) states {
	return func(yield func(State) bool) {
		for {
			first := crashed(s, s.clean)
			state := first
			for range 1 + s.rng.IntN(depth) {
				r := s.recovered(state)
				for range crashesPerRun / 8 {
					if !yield(crashed(s, r).since(state)) {
						return
					}
				}
				state = crashed(s, r).since(first)
			}
		}
	}
}

// recovered is the record of recovering from a state.
func (s *session) recovered(state State) record { return s.recoveredWith(state, noFault) }

// since makes a state of a recovery one of what was recovered from: recovery acknowledges nothing
// new, and takes nothing back.
func (s State) since(before State) State {
	s.Acknowledged = before.Acknowledged
	s.Before = &before.Case
	return s.with(before.Story, before.Hit)
}

// recoveryErrors yields, for every power cut and every call that recovering from it makes, the state
// in which recovery leaves the disk when that call fails; and when the reads of one copy do, for a
// while.
func recoveryErrors(s *session) states {
	return func(yield func(State) bool) {
		for before := range cuts(s.clean) {
			for _, f := range s.recoveryFaults(before) {
				if !s.picked() {
					continue
				}
				if r := s.recoveredWith(before, f); !yield(r.final().sinceError(before, f)) {
					return
				}
			}
		}
	}
}

func (s *session) recoveryFaults(before State) []disk.Fault {
	d, _ := s.recover(before.Image, noFault)
	list := s.passing()
	for _, call := range []disk.Call{disk.Read, disk.Write, disk.Sync} {
		for n := range d.Calls(call) {
			list = append(list, disk.Fault{Call: call, N: n, Do: disk.Fail},
				disk.Fault{Call: call, N: n, Do: disk.Fail, Sticky: true})
		}
	}
	return list
}

// recoveryError draws a crash, an error of the disk while recovering from it, and a second crash.
func recoveryError(s *session) State {
	before := crashed(s, s.clean)
	f := disk.Fault{
		Call:   disk.Call(s.rng.IntN(3)),
		N:      s.rng.IntN(8),
		Do:     disk.Fail,
		Sticky: s.rng.IntN(2) == 0,
		Keep:   s.rng.IntN(32),
	}
	r := s.recoveredWith(before, f)
	return crashed(s, r).sinceError(before, f)
}

func (s *session) recoveredWith(before State, f disk.Fault) record {
	d, err := s.recover(before.Image, f)
	return newRecord(s.op, d.Trace(err))
}

func (s State) sinceError(before State, f disk.Fault) State {
	s = s.since(before)
	s.Story.earlier = twice{before.Story, f}
	return s
}

// twice is a story and a fault behind it.
type twice struct {
	story story
	fault disk.Fault
}

func (t twice) String() string { return t.story.String() + "; in recovery " + t.fault.String() }
