// SPDX-License-Identifier: Apache-2.0

package commit

import (
	"fmt"
	"io"

	"github.com/orthrus-luks/orthrus/luks/header"
	"github.com/orthrus-luks/orthrus/luks/luks2"
)

// Step is one step of a transaction. What it writes is durable and was read back before the next one begins.
type Step struct {
	What   string         // for people: "move the area of keyslot 3"
	Writes []luks2.Extent // bytes, in the order of writing
	Act    Act
}

func (s Step) String() string {
	if len(s.Writes) == 0 {
		return s.What
	}
	text := s.What + ": "
	for i, w := range s.Writes {
		if i > 0 {
			text += ", "
		}
		text += fmt.Sprintf("bytes %d to %d", w.Offset, w.End()-1)
	}
	return text
}

// StepError says which step of a transaction failed. Those before it were carried out, and the heads tell of what
// was begun.
type StepError struct {
	What string
	Err  error
}

func (e *StepError) Error() string { return e.What + ": " + e.Err.Error() }

func (e *StepError) Unwrap() error { return e.Err }

// Act is what a step does: Heads, Copy, Wipe, FarWrite, FarWipe or Call.
type Act interface{ run(s *Session) error }

// Run carries out a transaction that was planned from heads like planned, telling each step before it begins.
// It stops at the first error; what was begun is then in the heads. Errors are ErrUnhealthy, header.ErrChanged, and a
// StepError.
func (s *Session) Run(planned luks2.Copy, steps []Step) error {
	if len(steps) == 0 {
		return nil
	}
	if err := s.unchanged(); err != nil {
		return err
	}
	if !sameWords(s.choice.Copy, planned) {
		return header.ErrChanged
	}
	for _, step := range steps {
		if s.o.Tell != nil {
			s.o.Tell(step)
		}
		if err := step.Act.run(s); err != nil {
			return &StepError{step.What, err}
		}
	}
	return nil
}

// sameWords compares what two copies say, whichever of the two places they are from.
func sameWords(a, b luks2.Copy) bool {
	a.Header.Salt, b.Header.Salt = [luks2.SaltSize]byte{}, [luks2.SaltSize]byte{}
	a.Header.Offset, b.Header.Offset = 0, 0
	return a.Header == b.Header && a.Metadata.Equal(b.Metadata)
}

// Heads is a step that commits Change, whose far header is written by steps of its own.
type Heads struct{ Change Change }

func (h Heads) run(s *Session) error {
	if err := s.unchanged(); err != nil {
		return err
	}
	c := h.Change
	c.Apart = true
	c.Next.Metadata = c.Next.Metadata.Clone()
	p, _, err := s.plan(c)
	if err != nil {
		return err
	}
	if err := applySettled(s.dev, p); err != nil {
		return err
	}
	return s.read()
}

// Copy brings a keyslot's material to a place that nothing names yet; bytes.
type Copy struct {
	Keyslot  int
	From, To luks2.Extent
}

func (c Copy) run(s *Session) error {
	a := Area{fmt.Sprintf("area of keyslot %d", c.Keyslot), c.To.Offset, make([]byte, c.From.Size)}
	if err := header.ReadFull(s.dev, a.Bytes, c.From.Offset); err != nil {
		return err
	}
	return s.aside(a)
}

// Wipe overwrites ranges that nothing names any more with random bytes.
type Wipe struct {
	What   string
	Ranges []luks2.Extent
}

func (w Wipe) run(s *Session) error {
	for _, r := range w.Ranges {
		a := Area{w.What, r.Offset, make([]byte, r.Size)}
		if _, err := io.ReadFull(s.random, a.Bytes); err != nil {
			return err
		}
		if err := s.aside(a); err != nil {
			return err
		}
	}
	return nil
}

// aside writes where the heads name nothing.
func (s *Session) aside(a Area) error {
	now := s.choice.Copy
	if err := s.free(a.Extent()); err != nil {
		return err
	}
	return applySettled(s.dev, Plan{[]Stage{{Areas: []Area{a}, Holds: now}}})
}

// Call is a step that somebody else carries out: it writes nothing on the device.
type Call struct{ Do func() error }

func (c Call) run(*Session) error { return c.Do() }
