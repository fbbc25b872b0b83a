// SPDX-License-Identifier: Apache-2.0

package crash

import (
	"fmt"
	"hash/fnv"
	"math/rand/v2"

	"github.com/orthrus-luks/orthrus/test/crash/disk"
)

// course is an operation as it goes without a fault.
type course struct {
	base  *disk.Image
	clean record
	calls [3]int // by disk.Call
}

// newCourse runs the operation once. It fails where the operation does, and where it writes what it
// does not own.
func newCourse(op Operation) (*course, error) {
	base, err := op.Setup()
	if err != nil {
		return nil, fmt.Errorf("%s: setup: %w", op.Name, err)
	}
	d := disk.NewRecorder(base, noFault)
	if err := op.Run(d); err != nil {
		return nil, fmt.Errorf("%s: without a fault: %w", op.Name, err)
	}
	c := &course{base: base, clean: newRecord(op, d.Trace(nil))}
	for call := range c.calls {
		c.calls[call] = d.Calls(disk.Call(call))
	}
	return c, c.clean.strayed
}

// session is one operation under one kind of fault.
type session struct {
	*course
	op   Operation
	rng  *rand.Rand // what the faults draw from
	thin int        // one in so many is tried; at least 1
	turn int
}

// picked tells, in turn, of one state in s.thin that it is to be tried.
func (s *session) picked() bool {
	s.turn++
	return s.turn%s.thin == 0
}

func newSession(c *course, op Operation, fault string, seed uint64, thin int) *session {
	s := &session{course: c, op: op, rng: newRand(seed, op.Name, fault), thin: max(thin, 1)}
	s.turn = s.rng.IntN(s.thin)
	return s
}

func newRand(seed uint64, names ...string) *rand.Rand {
	h := fnv.New64a()
	for _, name := range names {
		_, _ = h.Write(append([]byte(name), 0))
	}
	return rand.New(rand.NewPCG(seed, h.Sum64()))
}

// run carries the operation out on a disk with a fault.
func (s *session) run(start *disk.Image, f disk.Fault) (*disk.Recorder, error) {
	d := disk.NewRecorder(start, f)
	return d, s.op.Run(d)
}

// recover runs the recovery on a disk with a fault.
func (s *session) recover(start *disk.Image, f disk.Fault) (*disk.Recorder, error) {
	d := disk.NewRecorder(start, f)
	return d, s.op.Recover(d)
}

// AuditError names a write outside of what the operation owns.
type AuditError struct {
	Operation string
	Range     disk.Range
}

func (e *AuditError) Error() string {
	return fmt.Sprintf("%s: wrote %d bytes at %d, which it does not own", e.Operation, e.Range.Length, e.Range.Offset)
}

// audit checks every write of a trace; what a fault put elsewhere is not the operation's.
func audit(op Operation, t disk.Trace) error {
	for _, w := range t.Writes() {
		if !w.Within(op.Owned) && !w.Within(t.Hit) {
			return &AuditError{Operation: op.Name, Range: w}
		}
	}
	return nil
}
