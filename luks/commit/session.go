// SPDX-License-Identifier: Apache-2.0

package commit

import (
	"bytes"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"math"

	"github.com/orthrus-luks/orthrus/luks/far"
	"github.com/orthrus-luks/orthrus/luks/header"
	"github.com/orthrus-luks/orthrus/luks/luks2"
)

// ErrUnhealthy refuses a transaction while the heads are not both valid and equal.
var ErrUnhealthy = errors.New("the header copies are not both valid and equal")

// Session is the metadata of one LUKS2 volume, as they are under the exclusive lock.
type Session struct {
	dev    header.Device
	heads  header.Heads
	choice header.Choice
	raw    []byte       // both heads, byte for byte; only where they are equal
	made   *far.Locator // of the far header that was written last
	random io.Reader
	o      Options
	lag    error
	// changed: a change was carried out.
	changed bool
}

// Options say what is known beside the device.
type Options struct {
	// UUID is that of the volume; empty for any.
	UUID string
	// Force lets a damaged head be overwritten where something else left its signature on the device, or where
	// a copy that cannot be read may be newer: a person knows whose device it is and what is given up.
	Force bool
	// Tell is told each step of a transaction before it begins; nil for silence.
	Tell func(Step)
	// Free tells that the room for a new far header is known to be free, whatever lies there. Otherwise
	// it must read as zeros.
	Free bool
	// Heals tells that heads are to be made equal and nothing else: their sequence number stays, even the
	// last one, so that what was judged before the lock can be known again.
	Heals bool
	// Ends tells that what both heads name is to be destroyed: where they contradict each other under one sequence
	// number, it does not matter which of them counts, and the primary does.
	Ends bool
	// Settles tells that the heads of a reencryption were judged, both together: that they differ is then no reason
	// to leave them alone.
	Settles bool
}

// Begin reads the heads, for a caller that holds the exclusive lock, and makes sure that they are fit to be
// changed: the same volume as before, not conflicting, no foreign signature over a damaged copy, not in the
// middle of a reencryption with unequal heads, and, but for Options.Heals, not at the end of the sequence
// numbers. An update that wraps carries no other change, so that whichever copy the next reader takes for the
// newer one says the same. What was there before is made durable first: see settle.
func Begin(dev header.Device, o Options) (*Session, error) {
	s := &Session{dev: dev, random: rand.Reader, o: o}
	if err := settle(dev); err != nil {
		return nil, err
	}
	if err := s.read(); err != nil {
		return nil, err
	}
	if o.UUID != "" && s.choice.Copy.Header.UUID != o.UUID {
		return nil, ErrAnotherVolume
	}
	if o.Ends {
		s.settle()
	}
	if err := s.changeable(); err != nil {
		return nil, err
	}
	if s.choice.Copy.Header.SeqID == math.MaxUint64 && !o.Heals {
		return s, s.wrap()
	}
	return s, nil
}

// changeable refuses heads that are not fit to be changed.
func (s *Session) changeable() error {
	_, err := planHeal(s.dev, s.heads, s.choice, s.o.Force)
	if !s.o.Settles || !errors.Is(err, header.ErrReencrypting) {
		return err
	}
	if !header.Damage(s.heads) || s.o.Force {
		return nil
	}
	foreign, err := ForeignSignatures(s.dev)
	if err == nil && len(foreign) > 0 {
		err = &header.ForeignError{Foreign: foreign[0]}
	}
	return err
}

// GoBy puts the head at that place in force, although the other one is newer, for Options.Settles: the next change
// goes over the other one first, and bears a number beyond both.
func (s *Session) GoBy(p header.Place) {
	c := header.Choice{Place: p, Reason: header.PrimaryNewer, Copy: s.heads.At(p).Copy}
	if p == header.Secondary {
		c.Reason = header.SecondaryNewer
	}
	c.Copy.Header.SeqID = s.choice.Copy.Header.SeqID
	s.choice = c
}

// wrap makes the sequence number begin anew. The far header follows, since who is refused afterwards leaves it as it
// is; but for one that a transaction is about, which brings it in step at its end.
func (s *Session) wrap() error {
	c := Change{Next: s.Now()}
	_, err := s.follow(c.Next)
	c.Apart = errors.Is(err, far.ErrUnderWay)
	return s.Do(c)
}

// settle takes the primary of two heads of one volume that contradict each other.
func (s *Session) settle() {
	a, b := s.heads.Primary.Copy.Header, s.heads.Secondary.Copy.Header
	if s.choice.Reason == header.Conflicting && a.UUID == b.UUID && a.Size == b.Size {
		s.choice.Reason = header.OnlyPrimary
	}
}

// Now is the head in force; its metadata may be changed.
func (s *Session) Now() luks2.Copy {
	c := s.choice.Copy
	c.Metadata = c.Metadata.Clone()
	return c
}

// Device is what the session writes to.
func (s *Session) Device() header.Device { return s.dev }

// Heads are both copies, and the one in force, as they are now.
func (s *Session) Heads() (header.Heads, header.Choice) { return s.heads, s.choice }

// Lag is why the last change left the far header as it was; nil where it did not, or where there is none.
func (s *Session) Lag() error { return s.lag }

func (s *Session) size() uint64 { return uint64(max(s.dev.Size(), 0)) }

func (s *Session) read() (err error) {
	s.heads = header.Read(s.dev)
	if s.choice, err = header.Choose(s.heads); err != nil {
		return err
	}
	s.raw, err = nil, nil
	if s.choice.Healthy() {
		s.raw, err = s.bytes()
	}
	return err
}

// bytes are both heads as they are on the device.
func (s *Session) bytes() ([]byte, error) {
	p := make([]byte, 2*s.choice.Copy.Header.Size)
	return p, header.ReadFull(s.dev, p, 0)
}

// Do carries out one change: Before, the heads, After, and then the far header. The error is made of FarErrors
// where the heads are as asked for and a far header still holds what was to go. While a transaction of the far
// header waits, it refuses with far.ErrUnderWay what takes no key material away.
func (s *Session) Do(c Change) error {
	stray, err := s.copies(s.choice.Copy, c.Next)
	if err != nil {
		return err
	}
	c.Before = append(stray, c.Before...)
	left, err := LeftBehind(s.dev, s.heads, s.choice, c.Next)
	if err != nil {
		return err
	}
	c.After = append(c.After, left...)
	p, heads, err := s.plan(c)
	if err != nil {
		return err
	}
	if c.Apart {
		return s.carryOut(p, c, heads.Next)
	}
	f, err := s.follow(c.Next)
	if err != nil {
		return err
	}
	announced, err := f.announce(c, heads)
	if err != nil {
		return err
	}
	f.forewarn(c, heads)
	p.Stages = append(announced, p.Stages...)
	if err := s.carryOut(p, c, heads.Next); err != nil {
		return err
	}
	s.lag, err = f.after(s, c, heads)
	return err
}

// carryOut applies the plan of a change, and reads the heads again. The error is an UnfinishedError where a write
// failed after something had come of it.
func (s *Session) carryOut(p Plan, c Change, next luks2.Copy) error {
	if err := applySettled(s.dev, p); err != nil {
		return s.cutOff(err, c, next)
	}
	s.changed = true
	return s.Since(s.read())
}

// Since says of an error of reading that a change is in, where one was carried out; nil stays nil.
func (s *Session) Since(err error) error { return since(s.changed, err) }

// Since does so for LUKS1.
func (s *Session1) Since(err error) error { return since(s.changed, err) }

func since(changed bool, err error) error {
	if err == nil || !changed {
		return err
	}
	return fmt.Errorf("%w, and cannot be read again: %w", ErrInForce, err)
}

// unchanged makes sure that the heads are, byte for byte, those of the last commit.
func (s *Session) unchanged() error {
	if !s.choice.Healthy() {
		return fmt.Errorf("%w: %v", ErrUnhealthy, s.choice.Reason)
	}
	raw, err := s.bytes()
	if err != nil {
		return err
	}
	if !bytes.Equal(raw, s.raw) {
		return header.ErrChanged
	}
	return nil
}

// Holds tells whether the keyslot stands.
func (s *Session) Holds(k Identity) bool { return heldBy(s.choice.Copy).has(k) }
