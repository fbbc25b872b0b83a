// SPDX-License-Identifier: Apache-2.0

package crash

import (
	"fmt"
	"iter"
	"math/rand/v2"

	"github.com/orthrus-luks/orthrus/test/crash/disk"
)

// State is an image that a fault may leave, with the story how.
type State struct {
	Case
	// Before, where not nil, is the image on which only recovery has run since: it must
	// not have changed the outcome.
	Before *Case
	// Lied tells that the drive showed on reads what it had not written: then no operation can
	// know better, and what it acknowledged may be missing.
	Lied bool
	// Strayed is a write on the way there that the operation, or recovery, did not own.
	Strayed error
	Story   story
}

// story tells how a state came about: what happened at which of the record's runs.
type story struct {
	what    string
	epoch   int
	run     int // within the epoch
	detail  int
	earlier fmt.Stringer // what happened before that
}

func (s story) String() string {
	text := fmt.Sprintf("epoch %d, write %d: %s %d", s.epoch, s.run, s.what, s.detail)
	if s.earlier != nil {
		text = fmt.Sprintf("%v; then %s", s.earlier, text)
	}
	return text
}

// with returns the state with an earlier part of its story, and the ranges struck then.
func (s State) with(earlier fmt.Stringer, hit []disk.Range) State {
	s.Story.earlier = earlier
	s.Hit = append(s.Hit[:len(s.Hit):len(s.Hit)], hit...)
	return s
}

// states is a sequence of states.
type states = iter.Seq[State]

// record is a trace, divided into epochs.
type record struct {
	epochs       []disk.Epoch
	acknowledged bool
	hit          []disk.Range
	writes       []place
	strayed      error
}

// place names one write of a record.
type place struct{ epoch, run int }

func newRecord(op Operation, t disk.Trace) record {
	r := record{epochs: t.Epochs(), acknowledged: t.Acknowledged, hit: t.Hit, strayed: audit(op, t)}
	for e, epoch := range r.epochs {
		for run := epoch.Doubt; run < len(epoch.Pending); run++ {
			r.writes = append(r.writes, place{e, run})
		}
	}
	return r
}

func (r record) run(p place) disk.Run { return r.epochs[p.epoch].Pending[p.run] }

// state makes the state with runs persisted in the epoch. Only what was returned from is acknowledged: all
// writes of the last epoch were made.
func (r record) state(epoch int, runs []disk.Run, done bool, s story) State {
	e := r.epochs[epoch]
	s.epoch = epoch
	return State{
		Case: Case{
			Image:        e.Durable.With(runs...),
			Acknowledged: r.acknowledged && e.Last && done,
			Hit:          r.hit,
		},
		Strayed: r.strayed,
		Story:   s,
	}
}

// final is the state in which the operation left the disk.
func (r record) final() State {
	last := len(r.epochs) - 1
	pending := r.epochs[last].Pending
	return r.state(last, pending, true, story{what: "all writes done", run: len(pending)})
}

// some draws one of the writes, false where there are none.
func (r record) some(rng *rand.Rand) (place, bool) {
	if len(r.writes) == 0 {
		return place{}, false
	}
	return r.writes[rng.IntN(len(r.writes))], true
}
