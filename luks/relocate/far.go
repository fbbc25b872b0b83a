// SPDX-License-Identifier: Apache-2.0

package relocate

import (
	"bytes"
	"errors"
	"fmt"

	"github.com/orthrus-luks/orthrus/luks/commit"
	"github.com/orthrus-luks/orthrus/luks/far"
	"github.com/orthrus-luks/orthrus/luks/header"
	"github.com/orthrus-luks/orthrus/luks/luks2"
)

// writeFar makes the far header at a place hold the heads as the next commit will leave them: that is
// deterministic, since salts stay.
type writeFar struct {
	place far.Place
	next  luks2.Copy
	other far.Place // the one in force, which may have the better copy of a damaged keyslot
	keep  bool      // what is not ours stays as it is; otherwise a free place is filled
	after bool      // next is what the last commit left
}

func (w writeFar) run(s *session) error {
	if err := s.uncovered(w.place); err != nil {
		return err
	}
	found := far.Read(s.dev, w.place)
	if w.keep && found.State != far.Unreadable && !ours(found, s.now) {
		return nil
	}
	want, err := w.desired(s, found)
	if err != nil {
		return err
	}
	if ours(found, s.now) {
		if !found.Locator.Updating() && found.Locator.Contents.Equal(want.Contents) {
			return nil
		}
		l := found.Locator.Successor(want.Contents, uint64(s.dev.Size()))
		return s.wrote(l, commit.FarUpdateSettled(s.dev, l, want.Body))
	}
	if err := s.free(found); err != nil {
		return err
	}
	l := far.New(s.now.Header.UUID, w.place, want.Contents, uint64(s.dev.Size()))
	return s.wrote(l, commit.FarCreate(s.dev, l, want.Body))
}

// wrote remembers a far header that was written, and read back, by this very session.
func (s *session) wrote(l far.Locator, err error) error {
	s.made = nil
	if err == nil {
		l = l.Final()
		s.made = &l
	}
	return err
}

// inForce returns the locator of a far header that is in order and ours.
func (s *session) inForce(p far.Place) (far.Locator, error) {
	if s.made != nil && s.made.Place == p {
		return *s.made, nil
	}
	f := far.Read(s.dev, p)
	if !ours(f, s.now) || f.Locator.Updating() {
		return f.Locator, errors.Join(far.ErrDisplaced, f.Err)
	}
	return f.Locator, nil
}

// ours: a far header of this volume, all of whose bytes are accounted for.
func ours(f far.Found, head luks2.Copy) bool {
	return f.State == far.Whole && f.Locator.Of(head.Header.UUID)
}

// desired builds the body from the keyslot areas on the device and the heads to be.
func (w writeFar) desired(s *session, found far.Found) (far.Desired, error) {
	head, plan := s.now, header.Plan{}
	if !w.after {
		var err error
		if plan, err = s.plan(w.next); err != nil {
			return far.Desired{}, err
		}
		head = w.next
		head.Header.SeqID = s.now.Header.SeqID + 1
	}
	source := make([]byte, far.Length(head))
	if n, err := s.dev.ReadAt(source, 0); n < len(source) {
		return far.Desired{}, fmt.Errorf("reading the header: %w", err)
	}
	for _, write := range plan.Writes {
		copy(source[write.Offset:], write.Bytes)
	}
	old := &found
	if !ours(found, s.now) && !w.other.None() && w.other != w.place {
		*old = far.Read(s.dev, w.other)
	}
	return far.Build(source, head, old)
}

// free refuses a place where something lies that is not ours. A locator of ours that was torn while it
// was announced, with nothing but zeros where its body goes, is ours.
func (s *session) free(found far.Found, except ...luks2.Extent) error {
	if found.State == far.Unreadable {
		return fmt.Errorf("%w: %w", far.ErrUnsure, found.Err)
	}
	if s.o.Free {
		return nil
	}
	for _, e := range found.Place.Extents() {
		if found.State == far.Damaged && e.Size == far.SlotSize {
			continue
		}
		for _, part := range subtract(e, except) {
			if err := zeros(s.dev, part); err != nil {
				return err
			}
		}
	}
	return nil
}

// zeros looks for a byte that is not zero.
func zeros(dev header.Device, e luks2.Extent) error {
	const piece = 256 << 10
	p, nothing := make([]byte, piece), make([]byte, piece)
	for at := e.Offset; at < e.End(); at += piece {
		part := p[:min(piece, e.End()-at)]
		if n, err := dev.ReadAt(part, int64(at)); n < len(part) {
			return fmt.Errorf("%w: %w", ErrNotFree, err)
		}
		if bytes.Equal(part, nothing[:len(part)]) {
			continue
		}
		return &NotFreeError{at + uint64(bytes.IndexFunc(part, func(r rune) bool { return r != 0 }))}
	}
	return nil
}

// uncovered refuses a place over which a mapping reaches.
func (s *session) uncovered(p far.Place) error {
	if s.o.Live == nil {
		return nil
	}
	live, err := s.o.Live()
	if err != nil {
		return err
	}
	for _, e := range p.Extents() {
		for _, l := range live {
			if overlap(e, l) {
				return far.ErrCovered
			}
		}
	}
	return nil
}

// wipeFar overwrites an old far header: only one of this volume, whole, and older than the one in
// force where there is to be one. Where nothing of that kind lies there, there is nothing to wipe.
type wipeFar struct{ place, inForce far.Place }

func (w wipeFar) run(s *session) error {
	if w.place.None() || w.place.End() > uint64(s.dev.Size()) {
		return nil
	}
	old := far.Read(s.dev, w.place)
	if old.State == far.Unreadable {
		return fmt.Errorf("%w: %w", far.ErrUnsure, old.Err)
	}
	if !ours(old, s.now) {
		return nil
	}
	if !w.inForce.None() {
		l, err := s.inForce(w.inForce)
		if err != nil {
			return err
		}
		if !header.Newer(l.SeqID, old.Locator.SeqID) {
			return nil
		}
	}
	if err := s.uncovered(w.place); err != nil {
		return err
	}
	return commit.FarWipe(s.dev, old)
}

// Preflight holds the rooms that steps are going to fill with a new far header against what lies there
// and what is mapped, before anything is written; a room that an old far header lies in as well counts
// without that. Errors are far.ErrCovered, far.ErrUnsure, and a NotFreeError.
func Preflight(dev header.Device, head luks2.Copy, steps []Step, o Options) error {
	s := &session{dev: dev, now: head, o: o}
	for _, step := range steps {
		w, ok := step.act.(writeFar)
		if !ok || w.keep {
			continue
		}
		if err := s.uncovered(w.place); err != nil {
			return err
		}
		found := far.Read(dev, w.place)
		if ours(found, head) {
			continue
		}
		if err := s.free(found, w.other.Extents()...); err != nil {
			return err
		}
	}
	return nil
}
