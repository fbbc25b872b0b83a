// SPDX-License-Identifier: Apache-2.0

package crash

import (
	"fmt"
	"hash/fnv"
	"math/rand/v2"

	"github.com/orthrus-luks/orthrus/test/crash/disk"
)

// session is one operation under one kind of fault.
type session struct {
	op   Operation
	base *disk.Image
	rng  *rand.Rand // what the faults draw from

	clean record // of the operation without a fault
	calls [3]int // its calls, by disk.Call
}

// newSession runs the operation once, without a fault. It fails where the operation does, and where
// it writes what it does not own.
func newSession(op Operation, fault string, seed uint64) (*session, error) {
	base, err := op.Setup()
	if err != nil {
		return nil, fmt.Errorf("%s: setup: %w", op.Name, err)
	}
	s := &session{op: op, base: base, rng: newRand(seed, op.Name, fault)}
	d, err := s.run(base, disk.Fault{})
	if err != nil {
		return nil, fmt.Errorf("%s: without a fault: %w", op.Name, err)
	}
	for c := range s.calls {
		s.calls[c] = d.Calls(disk.Call(c))
	}
	t := d.Trace(nil)
	s.clean = newRecord(t)
	return s, audit(op, t)
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
