// SPDX-License-Identifier: Apache-2.0

package commit

import (
	"bytes"
	"errors"
	"fmt"
	"slices"

	"github.com/orthrus-luks/orthrus/luks/far"
	"github.com/orthrus-luks/orthrus/luks/header"
	"github.com/orthrus-luks/orthrus/luks/layout"
	"github.com/orthrus-luks/orthrus/luks/luks2"
)

// ErrNotFree is the kind of NotFreeError.
var ErrNotFree = errors.New("the room for the far header is not proven to be free")

// NotFreeError says where in the room for a far header something lies.
type NotFreeError struct{ Offset uint64 } // bytes

func (e *NotFreeError) Error() string {
	return fmt.Sprintf("%v: byte %d is not zero", ErrNotFree, e.Offset)
}

func (e *NotFreeError) Unwrap() error { return ErrNotFree }

// free refuses bytes that the heads name.
func (s *Session) free(e luks2.Extent) error {
	return layout.After(s.choice.Copy, s.choice.Copy, s.size(), e)
}

// FarWrite is a step that makes the far header at a place hold the heads as the next commit will leave them:
// that is deterministic, since salts stay.
type FarWrite struct {
	Place far.Place
	Next  luks2.Copy
	Other far.Place // the one in force or just wiped, which may have the better copy of a damaged keyslot
	Keep  bool      // what is not ours stays as it is; otherwise a free place is filled
	After bool      // Next is what the last commit left
}

func (w FarWrite) run(s *Session) error {
	if err := uncovered(s.dev, w.Place); err != nil {
		return err
	}
	now := s.choice.Copy
	found := far.Read(s.dev, w.Place)
	if w.Keep && found.State != far.Unreadable && !far.Ours(found, now) {
		return nil
	}
	if err := s.overwriteLeft(found); err != nil {
		return err
	}
	want, err := w.desired(s, found)
	if err != nil {
		return err
	}
	l, stages, err := w.stages(s, found, want)
	if err != nil || stages == nil {
		return err
	}
	return s.wrote(l, applySettled(s.dev, Plan{stages}))
}

// stages says how what was found becomes what is wanted; nil where it is so.
func (w FarWrite) stages(s *Session, found far.Found, want far.Desired) (l far.Locator, stages []Stage, err error) {
	now := s.choice.Copy
	switch {
	case !far.Ours(found, now):
		if err := freePlace(s.dev, found, s.o.Free, remnants(s.dev, w.Other)...); err != nil {
			return l, nil, err
		}
		l = far.New(now.Header.UUID, w.Place, want.Contents, s.size())
		stages, err = farCreate(s.dev, l, want.Body, now)
	case found.Locator.Announces(want.Contents, w.Next.Header.UUID):
		l = found.Locator
		stages, err = farFulfil(l, want.Body, now)
	case !found.Locator.Updating() && found.Locator.Contents.Equal(want.Contents) &&
		found.Locator.UUID == w.Next.Header.UUID:
	default:
		l = found.Locator.Successor(want.Contents, s.size()).Renamed(w.Next.Header.UUID)
		stages, err = farUpdate(l, want.Body, now)
	}
	return l, stages, err
}

// wrote remembers a far header that was written, and read back, by this very session.
func (s *Session) wrote(l far.Locator, err error) error {
	s.made = nil
	if err == nil {
		l = l.Final()
		s.made = &l
	}
	return err
}

// inForce returns the locator of a far header that is in order and ours.
func (s *Session) inForce(p far.Place) (far.Locator, error) {
	if s.made != nil && s.made.Place == p {
		return *s.made, nil
	}
	f := far.Read(s.dev, p)
	if !far.Ours(f, s.choice.Copy) || f.Locator.Updating() {
		return f.Locator, errors.Join(far.ErrDisplaced, f.Err)
	}
	return f.Locator, nil
}

// desired builds the body from the keyslot areas on the device and the heads to be. A keyslot that cannot be
// read, or is not what it was, counts as what the old copy has of it.
func (w FarWrite) desired(s *Session, found far.Found) (far.Desired, error) {
	head, heads := s.choice.Copy, header.Plan{}
	if !w.After {
		if err := s.unchanged(); err != nil {
			return far.Desired{}, err
		}
		var err error
		if heads, err = header.PlanUpdate(s.heads, s.choice, w.Next, s.random); err != nil {
			return far.Desired{}, err
		}
		head = heads.Next
	}
	old := found
	if !far.Ours(found, s.choice.Copy) && !w.Other.None() && w.Other != w.Place {
		old = far.Read(s.dev, w.Other)
	}
	source, err := far.Gathered(s.dev, s.heads, head, old)
	if err != nil {
		return far.Desired{}, err
	}
	for _, write := range heads.Writes {
		source.Put(luks2.Extent{Offset: write.Offset, Size: uint64(len(write.Bytes))}, write.Bytes)
	}
	return source.Build(head, &old)
}

// remnants are the slots of a far header that was wiped, locator last, where no locator is in order any more: a
// write of zeros that went elsewhere leaves a part of one behind.
func remnants(dev header.Device, p far.Place) []luks2.Extent {
	if p.None() {
		return nil
	}
	if f := far.Read(dev, p); f.State != far.Absent && f.State != far.Damaged {
		return nil
	}
	return []luks2.Extent{p.Slot(0), p.Slot(1)}
}

// freePlace refuses a place where something lies that is not ours. A locator of ours that was torn while it
// was announced, with nothing but zeros where its body goes, is ours.
func freePlace(dev header.Device, found far.Found, free bool, except ...luks2.Extent) error {
	if found.State == far.Unreadable {
		return fmt.Errorf("%w: %w", far.ErrUnsure, found.Err)
	}
	if free {
		return nil
	}
	for _, e := range found.Place.Extents() {
		if found.State == far.Damaged && e.Size == far.SlotSize {
			continue
		}
		for _, part := range e.Outside(except) {
			if err := Zeros(dev, part); err != nil {
				return err
			}
		}
	}
	return nil
}

// Zeros refuses with a NotFreeError where a byte is not zero.
func Zeros(dev header.Device, e luks2.Extent) error {
	const piece = 256 << 10
	p, nothing := make([]byte, piece), make([]byte, piece)
	for at := e.Offset; at < e.End(); at += piece {
		part := p[:min(piece, e.End()-at)]
		if err := header.ReadFull(dev, part, at); err != nil {
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
func uncovered(dev header.Device, p far.Place) error {
	reached, err := Live(dev)
	if err != nil {
		return err
	}
	if far.Reaches(reached, p) {
		return far.ErrCovered
	}
	return nil
}

// FarWipe is a step that overwrites an old far header: only one of this volume, whole, and older than the one
// in force where there is to be one. Where nothing of that kind lies there, there is nothing to wipe.
type FarWipe struct{ Place, InForce far.Place }

func (w FarWipe) run(s *Session) error {
	if w.Place.None() {
		return nil
	}
	now := s.choice.Copy
	if w.Place.End() > s.size() {
		return s.wipeSevered(w.Place, now, nil)
	}
	old := far.Read(s.dev, w.Place)
	going := far.Going(old, now) || far.WipedAt(old)
	if old.State == far.Unreadable && !going {
		return fmt.Errorf("%w: %w", far.ErrUnsure, old.Err)
	}
	switch {
	case far.Ours(old, now), going:
	case old.State == far.Foreign && old.Of(now): // it stays, and is forgotten
		return NamePlace(w.Place, s.bringBack(old))
	default:
		return nil
	}
	if !w.InForce.None() {
		l, err := s.inForce(w.InForce)
		if err != nil {
			return err
		}
		if !header.Newer(l.SeqID, old.Locator.SeqID) {
			return nil
		}
	}
	return NamePlace(w.Place, s.retire(old))
}

// retire wipes a far header, after what only that proves or has whole has been seen to.
func (s *Session) retire(f far.Found) error {
	if err := s.bringBack(f); err != nil {
		return err
	}
	return errors.Join(s.overwriteLeft(f), wipeFar(s.dev, f, s.choice.Copy))
}

// bringBack puts the material of keyslots that a far header has whole, and the device has not, to its place: the
// device may have been damaged since a transaction began. What a removal has overwritten it does not: that is struck
// from a far header before (see forewarn).
func (s *Session) bringBack(f far.Found) error {
	err := f.LastCopyOn(s.dev, s.heads, s.choice.Copy)
	var last *far.LastCopyError
	if !errors.As(err, &last) {
		return err
	}
	for _, id := range last.Keyslots {
		k, err := s.choice.Copy.Metadata.Keyslot(id)
		if err != nil {
			return err
		}
		a := Area{fmt.Sprintf("area of keyslot %d", id), k.Area.Offset, f.Body[k.Area.Offset:k.Area.End()]}
		if err := applySettled(s.dev, Plan{[]Stage{{Areas: []Area{a}, Holds: s.choice.Copy}}}); err != nil {
			return err
		}
	}
	return nil
}

// recorded is the far header in force; its State is far.Absent where there is none of this volume.
func (s *Session) recorded() (f far.Found, err error) {
	t, _, found, err := far.Find(s.choice.Copy.Metadata)
	if err != nil || !found || t.Far.None() {
		return f, err
	}
	if f = far.Read(s.dev, t.Far); !f.Of(s.choice.Copy) {
		return far.Found{}, nil
	}
	return f, nil
}

// LastCopy returns a far.LastCopyError where the far header in force has the last whole copy of a keyslot.
func (s *Session) LastCopy() error {
	f, err := s.recorded()
	if err != nil {
		return err
	}
	return f.LastCopyOn(s.dev, s.heads, s.choice.Copy)
}

// BringBack puts what only the far header in force has whole to its place, before steps that copy areas as they are on
// the device.
func (s *Session) BringBack() error {
	f, err := s.recorded()
	if err != nil {
		return err
	}
	return NamePlace(f.Place, s.bringBack(f))
}

// wipeFar wipes a far header that is ours and whole, under no mapping. holds is the head in force, none in LUKS1.
func wipeFar(dev header.Device, f far.Found, holds luks2.Copy) error {
	if err := uncovered(dev, f.Place); err != nil {
		return err
	}
	stages, err := farWipe(f, holds)
	if err != nil {
		return err
	}
	return applySettled(dev, Plan{stages})
}

// wipeSevered wipes the body of a far header whose locator the device has lost, unless a mapping reaches over it: who
// asked for that says that it stays. Where an area of a keyslot of those heads is not as on the device, nothing tells
// which is whole, nor whose it is: of what goes the material goes that is known, and the rest stays.
func (s *Session) wipeSevered(p far.Place, head luks2.Copy, going []revoked) error {
	f, found := far.Severed(s.dev, head, p)
	if !found {
		return nil
	}
	err := uncovered(s.dev, p)
	if errors.Is(err, far.ErrCovered) {
		return nil
	}
	if err == nil {
		err = s.wipeBody(f, head, going)
	}
	return NamePlace(p, err)
}

func (s *Session) wipeBody(f far.Found, head luks2.Copy, going []revoked) error {
	unclear := f.Unclear(s.dev, head)
	var known []revoked
	for _, r := range going {
		if r.fills(f.Body) {
			known = append(known, r)
			unclear = slices.DeleteFunc(unclear, func(id int) bool { return id == r.slot.ID })
		}
	}
	plan := severed(f, s.choice.Copy)
	if len(unclear) > 0 {
		plan = struck(f, s.choice.Copy, known)
	}
	return errors.Join(s.overwriteLeft(f), applySettled(s.dev, plan))
}

// fills tells whether a body has the material at its place, or had it.
func (r revoked) fills(body []byte) bool {
	e := r.area()
	return r.bytes != nil && e.End() <= uint64(len(body)) && far.Blank(body[e.Offset:e.End()], r.bytes)
}

// severed is the plan that wipes all parts of the body.
func severed(f far.Found, holds luks2.Copy) Plan {
	var list []luks2.Extent
	for _, p := range f.Locator.Parts {
		list = append(list, p.Extent)
	}
	return partsWiped(f, holds, list)
}

// struck is the plan that wipes what a far header has of those keyslots.
func struck(f far.Found, holds luks2.Copy, going []revoked) Plan {
	var list []luks2.Extent
	for _, r := range going {
		list = append(list, r.area())
	}
	return partsWiped(f, holds, list)
}

// partsWiped is the plan that wipes those ranges of a body, the last first: the heads, which tell what the others are,
// go last.
func partsWiped(f far.Found, holds luks2.Copy, list []luks2.Extent) (p Plan) {
	for _, e := range slices.Backward(list) {
		if e.End() <= uint64(len(f.Body)) {
			p.loose(holds, Area{"wiped part of the far header", f.Place.Body.Offset + e.Offset, make([]byte, e.Size)})
		}
	}
	return p
}

// NamePlace makes a FarError of an error that is none yet; nil stays nil.
func NamePlace(p far.Place, err error) error {
	var left *FarError
	if err == nil || errors.As(err, &left) {
		return err
	}
	return &FarError{Place: p, Err: err}
}

// Preflight holds the rooms that steps are going to fill with a new far header against what lies there
// and what is mapped, before anything is written; a room that an old far header lies in as well counts
// without that. free: whatever lies there does not count. Errors are far.ErrCovered, far.ErrUnsure, and a
// NotFreeError.
func Preflight(dev header.Device, head luks2.Copy, steps []Step, free bool) error {
	for _, step := range steps {
		w, ok := step.Act.(FarWrite)
		if !ok || w.Keep {
			continue
		}
		if err := uncovered(dev, w.Place); err != nil {
			return err
		}
		found := far.Read(dev, w.Place)
		if far.Ours(found, head) {
			continue
		}
		if err := freePlace(dev, found, free, w.Other.Extents()...); err != nil {
			return err
		}
	}
	return nil
}

// FreePlace refuses a place for a far header on a device whose head that is, where something lies that is not
// ours. Errors are far.ErrUnsure and a NotFreeError.
func FreePlace(dev header.Device, head luks2.Copy, found far.Found) error {
	if far.Ours(found, head) {
		return nil
	}
	return freePlace(dev, found, false)
}

// Wipe wipes another far header of this volume than the one in force, where it is still there, whole, apart
// from the one in force and from the metadata, and under no mapping. Errors say why it was not.
func (s *Session) Wipe(seen far.Found, inForce far.Place) error {
	f := far.Look(s.dev, seen.Place.Locator) // it may have been wiped meanwhile, or changed
	switch {
	case f.State == far.Absent:
		return nil
	case far.Going(f, s.choice.Copy):
	case f.State == far.Unreadable:
		return fmt.Errorf("%w: %w", far.ErrUnsure, f.Err)
	case f.State != far.Whole && (f.State != far.Foreign || !f.Of(s.choice.Copy) || !inForce.None()):
		return fmt.Errorf("%w: %w", far.ErrDisplaced, f.Err)
	case !inForce.None() && f.Place.Overlaps(inForce):
		return fmt.Errorf("%w: it overlaps the one in force", far.ErrDisplaced)
	case f.Place.Start() < layout.Metadata(s.choice.Copy):
		return fmt.Errorf("%w: it lies over the heads", far.ErrDisplaced)
	case f.State == far.Foreign:
		return s.wipeProven(f)
	}
	return s.retire(f)
}

// wipeProven wipes, of a far header that is damaged and goes for good, the locator and each part that its sum proves to
// be its own. far.ErrDisplaced where a keyslot is left.
func (s *Session) wipeProven(f far.Found) error {
	if err := uncovered(s.dev, f.Place); err != nil {
		return err
	}
	if err := s.bringBack(f); err != nil {
		return err
	}
	var proven []luks2.Extent
	left := false
	for _, p := range f.Locator.Parts {
		if of := f.Body[p.Offset:p.End()]; f.Vouches(p.Extent, of) {
			proven = append(proven, p.Extent)
		} else if p.Offset >= 2*s.choice.Copy.Header.Size {
			left = true
		}
	}
	plan := partsWiped(f, s.choice.Copy, proven)
	plan.Stages = append(plan.Stages, locatorWiped(f.Locator, s.choice.Copy)...)
	if err := applySettled(s.dev, plan); err != nil || !left {
		return err
	}
	return fmt.Errorf("%w: %w", far.ErrDisplaced, f.Err)
}

// CatchUp brings the far header into step where that may be done, and tells why it was not.
func (s *Session) CatchUp() error {
	f, err := s.Far()
	if err != nil || f.Standing == far.None || f.Standing == far.InStep {
		return err
	}
	if err := f.Writable(); err != nil {
		return err
	}
	return s.Refresh(f.Token.Far)
}

// Refresh brings the far header at a place, judged to be writable, into step with the heads as they are.
func (s *Session) Refresh(p far.Place) error {
	if err := (FarWrite{Place: p, Next: s.choice.Copy, Keep: true, After: true}).run(s); err != nil {
		return &FarError{Place: p, Err: err}
	}
	return nil
}

// Far examines the far header.
func (s *Session) Far() (far.Status, error) {
	return far.Examine(s.dev, s.heads, s.choice.Copy, func() ([]luks2.Extent, error) { return Live(s.dev) })
}
