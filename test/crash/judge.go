// SPDX-License-Identifier: Apache-2.0

package crash

import (
	"fmt"
	"hash/maphash"

	"github.com/orthrus-luks/orthrus/test/crash/disk"
)

// judge judges the states of one operation, equal ones once.
type judge struct {
	op    Operation
	s     *session
	known map[caseKey]Verdict
	seed  maphash.Seed
	// recovered remembers what recovery came to where it saw the same.
	recovered map[recoveryKey]Verdict
}

// recoveryKey identifies what recovery sees, and what it is to keep.
type recoveryKey struct {
	sum    disk.Sum
	before Outcome
}

// caseKey identifies a case.
type caseKey struct {
	sum          disk.Sum
	acknowledged bool
	hit          uint64
}

func newJudge(s *session) *judge {
	return &judge{
		op: s.op, s: s, known: map[caseKey]Verdict{}, seed: maphash.MakeSeed(),
		recovered: map[recoveryKey]Verdict{},
	}
}

// with is the judge of another session of the same operation: what was judged need not be judged again.
func (j *judge) with(s *session) *judge {
	other := *j
	other.s = s
	return &other
}

func (j *judge) key(c Case) caseKey {
	k := caseKey{sum: c.Image.Sum(), acknowledged: c.Acknowledged}
	for _, r := range c.Hit {
		k.hit += maphash.Comparable(j.seed, r)
	}
	for _, r := range c.Rotted {
		k.hit += 3 * maphash.Comparable(j.seed, r)
	}
	return k
}

// verdict judges a state and what recovery makes of it. fresh is false where an equal case had been
// judged before.
func (j *judge) verdict(state State) (v Verdict, fresh bool) {
	if state.Strayed != nil {
		return broken("%v", state.Strayed), true
	}
	v, fresh = j.of(state.Case)
	if state.Lied && (v.Outcome == Broken || v.Outcome.Excusable()) {
		return Verdict{Lied, v.Reason}, fresh
	}
	if state.Before == nil || v.Outcome == Broken || v.Outcome.Excusable() {
		return v, fresh
	}
	before, _ := j.of(*state.Before)
	if before.Outcome != v.Outcome && firm(before.Outcome) && !mended(*state.Before, before, v) {
		return broken("recovery turned %v into %v", before.Outcome, v.Outcome), fresh
	}
	return v, fresh
}

// firm outcomes may not change any more.
// mended: a keyslot that a fault struck passed for one that was removed, and recovery brought it back from a further copy.
// That is as it should be unless somebody was told that it had gone.
func mended(c Case, before, after Verdict) bool {
	return len(c.Hit) > 0 && !c.Acknowledged && before.Outcome == New && after.Outcome == Old
}

func firm(o Outcome) bool { return o == Old || o == New }

func broken(format string, args ...any) Verdict { return Verdict{Broken, fmt.Sprintf(format, args...)} }

func (j *judge) of(c Case) (v Verdict, fresh bool) {
	k := j.key(c)
	if v, ok := j.known[k]; ok {
		return v, false
	}
	v = j.check(c)
	if firm(v.Outcome) || v.Outcome == Between {
		v = j.checkRecovery(c, v)
	}
	j.known[k] = v
	return v, true
}

func (j *judge) check(c Case) Verdict {
	v := j.op.Check(c)
	if c.Acknowledged && (v.Outcome == Old || v.Outcome == Between) {
		return broken("acknowledged, but the state is the %v one", v.Outcome)
	}
	return v
}

// checkRecovery judges what recovery makes of a case.
func (j *judge) checkRecovery(c Case, before Verdict) Verdict {
	if j.op.Recover == nil {
		return before
	}
	k := recoveryKey{c.Image.SumOfAll(j.op.Seen), before.Outcome}
	if v, ok := j.recovered[k]; ok {
		return v
	}
	d, err := j.s.recover(c.Image, noFault)
	v := j.afterRecovery(c, before, d, err)
	if v.Outcome != Broken && keeps(d, j.op.Seen) {
		j.recovered[k] = v
	}
	return v
}

// keeps tells whether only the ranges seen were read.
func keeps(d *disk.Recorder, seen []disk.Range) bool {
	for _, r := range d.Reads() {
		if !r.Within(seen) {
			return false
		}
	}
	return true
}

// afterRecovery judges a recovery: it succeeds, keeps the outcome, writes what it may, and has
// nothing left to write when it is repeated. Where a sector cannot be read it may refuse instead, or stop before the
// step that needs it.
func (j *judge) afterRecovery(c Case, before Verdict, d *disk.Recorder, err error) Verdict {
	if err != nil && !c.Image.Unreadable() {
		return broken("%v, and recovery fails: %v", before.Outcome, err)
	}
	t := d.Trace(nil)
	if err := audit(j.op, t); err != nil {
		return broken("recovery: %v", err)
	}
	if len(t.Events) == 0 {
		return before
	}
	after := c
	after.Image = t.After()
	v := j.check(after)
	if v.Outcome == Broken || v.Outcome != before.Outcome && firm(before.Outcome) && !mended(c, before, v) {
		return broken("recovery (error %v) turned %v into %v %s", err, before.Outcome, v.Outcome, v.Reason)
	}
	again, failed := j.s.recover(after.Image, noFault)
	if failed != nil && !after.Image.Unreadable() || again.Calls(disk.Write) != 0 {
		return broken("recovering a second time: %d writes, error %v", again.Calls(disk.Write), failed)
	}
	return before
}
