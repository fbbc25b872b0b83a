// SPDX-License-Identifier: Apache-2.0

package commit

import (
	"errors"
	"fmt"
	"slices"

	"github.com/orthrus-luks/orthrus/luks/far"
	"github.com/orthrus-luks/orthrus/luks/header"
	"github.com/orthrus-luks/orthrus/luks/luks2"
)

// ErrFarLeft is the kind of FarError.
var ErrFarLeft = errors.New("the far header was left behind")

// ErrFarUUID refuses another uuid while the far header cannot follow.
var ErrFarUUID = errors.New("the far header is known by the uuid, and cannot be given another one now")

// FarError says that the heads were changed as asked for, and that the far header still holds what was
// to go, or was not written.
type FarError struct {
	Keyslots []int // revoked in the heads, and alive in the far header
	Place    far.Place
	Err      error
	Made     bool // the heads were changed as asked for before this
}

func (e *FarError) Error() string {
	text := fmt.Sprintf("%v: at byte %d: %v", ErrFarLeft, e.Place.Start(), e.Err)
	if len(e.Keyslots) > 0 {
		holds := "it still holds"
		if errors.Is(e.Err, far.ErrCutOff) {
			holds = "it may still hold"
		}
		text = fmt.Sprintf("%v: at byte %d %s the old material of %s: %v", ErrFarLeft, e.Place.Start(), holds,
			luks2.NameKeyslots(e.Keyslots), e.Err)
	}
	if e.Made {
		text += " (the change itself is made)"
	}
	return text
}

func (e *FarError) Unwrap() []error { return []error{ErrFarLeft, e.Err} }

// following keeps the far header in step with one change of the heads: judged before it, written after it.
type following struct {
	dev     header.Device
	has     bool // the heads name a far header
	refused error
	renamed bool // the uuid changes, by which the far header is known
	token   far.Token
	seqID   uint64 // of the heads before
	old     far.Found
	next    luks2.Copy
	// announced is set where the locator had to be written before the heads.
	announced *far.Locator
	desired   far.Desired
	revoked   []revoked
	copies    []far.Found // where the heads say that one is, or may be
	forgotten []far.Found // where they do not
}

// follow judges the far header before the heads become next. It writes nothing.
func (s *Session) follow(next luks2.Copy) (*following, error) {
	now := s.choice.Copy
	e := far.Gather(s.dev, now)
	f := &following{dev: s.dev, has: e.HasToken, token: e.Token, old: e.Recorded, next: next}
	f.renamed, f.seqID = now.Header.UUID != next.Header.UUID, now.Header.SeqID
	f.next.Header.SeqID = now.Header.SeqID + 1
	var err error
	if f.has {
		if e.Live, err = Live(s.dev); err != nil {
			return nil, err
		}
	}
	j := far.Judge(e)
	f.sort(e, j)
	if f.has {
		f.refused = j.Writable()
	}
	f.revoked = revokedBy(now, f.next)
	if f.refused != nil || len(f.forgotten) > 0 {
		readAll(s.dev, f.revoked)
	}
	if j.Standing == far.Transit && !f.passes(now) {
		return nil, j.Why
	}
	f.has = f.has && j.Standing != far.None
	return f, nil
}

// sort tells copies that the heads speak of from those that they forgot. A token that cannot be read may speak
// of any.
func (f *following) sort(e far.Evidence, j far.Judgement) {
	f.forgotten = j.Forgotten
	if e.TokenErr != nil {
		f.copies, f.forgotten = f.forgotten, nil
		return
	}
	if !e.Token.Far.None() {
		f.copies = []far.Found{e.Recorded}
	}
	for _, other := range e.Others {
		if e.HasToken && other.Place.Locator == e.Token.To.Locator {
			f.copies = append(f.copies, other)
		}
	}
}

// passes tells whether the change is made while a transaction of the far header waits: one that takes key
// material away, which must not wait for a place that cannot be written, and any where the far header only goes.
// What the transaction counts with must stay.
func (f *following) passes(now luks2.Copy) bool {
	if len(f.revoked) == 0 && f.token.Phase != far.Disabling {
		return false
	}
	t, _, found, err := far.Find(f.next.Metadata)
	return found && err == nil && t == f.token && !f.renamed && now.Header.Size == f.next.Header.Size &&
		far.Length(now) == far.Length(f.next) && far.DataEnd(now.Metadata, 0) == far.DataEnd(f.next.Metadata, 0)
}

// announce gives the stage that announces a new uuid: the far header must be ours at each instant. Where it
// is, and cannot be written now, the uuid stays, or nobody would know whose key material lies there.
func (f *following) announce(c Change, heads header.Plan) ([]Stage, error) {
	gone := errors.Is(f.refused, far.ErrDisplaced) || errors.Is(f.refused, far.ErrCutOff)
	if f.has && f.renamed && f.refused != nil && !gone {
		return nil, fmt.Errorf("%w: %w", ErrFarUUID, f.refused)
	}
	if !f.has || f.refused != nil || f.old.Locator.UUID == f.next.Header.UUID {
		return nil, nil
	}
	l, stage, err := f.announcement(c, heads)
	f.announced = &l
	return []Stage{stage}, err
}

func (f *following) announcement(c Change, heads header.Plan) (l far.Locator, stage Stage, err error) {
	if err := f.prepare(c, heads); err != nil {
		return l, stage, err
	}
	l = f.locator()
	stage, err = locatorStage(l, heads.Now)
	return l, stage, err
}

// forewarn announces that a keyslot goes whose material is overwritten before the heads forget it: where that is cut
// off, the far header's copy would pass for the cure of a damaged keyslot. From one that is going itself it is struck.
// A far header that cannot be written keeps no key alive: what is wrong with it is said after the change.
func (f *following) forewarn(c Change, heads header.Plan) {
	if f.has && f.token.Phase == far.Disabling && f.overwrites(c.Before) {
		f.strike(heads.Now)
	}
	if !f.has || f.refused != nil || f.announced != nil || !f.overwrites(c.Before) {
		return
	}
	l, stage, err := f.announcement(c, heads)
	if err == nil && applySettled(f.dev, Plan{[]Stage{stage}}) == nil {
		f.announced = &l
	}
}

// strike wipes what goes from the far headers that are this volume's, under no mapping.
func (f *following) strike(holds luks2.Copy) {
	for _, old := range f.copies {
		if !far.Ours(old, holds) && !far.WipedAt(old) || uncovered(f.dev, old.Place) != nil {
			continue
		}
		if _, stages, err := farLeaves(old, holds); err == nil {
			// What is left of it is named after the change.
			_ = applySettled(f.dev, Plan{append(stages, struck(old, holds, f.revoked).Stages...)})
		}
	}
}

// overwrites tells whether revoked material is among what goes before the heads.
func (f *following) overwrites(before []Area) bool {
	for _, a := range before {
		if slices.ContainsFunc(f.revoked, func(r revoked) bool { return r.area().Overlaps(a.Extent()) }) {
			return true
		}
	}
	return false
}

// prepare builds the body from the device, the material, and the heads that the plan writes.
func (f *following) prepare(c Change, heads header.Plan) error {
	valid := func(p header.Place) header.Found {
		return header.Found{Place: p, State: header.Valid, Copy: f.next}
	}
	src, err := far.Gathered(f.dev, header.Heads{Primary: valid(header.Primary), Secondary: valid(header.Secondary)},
		f.next, f.old)
	if err != nil {
		return err
	}
	for _, a := range c.Before {
		src.Put(a.Extent(), a.Bytes)
	}
	for _, w := range heads.Writes {
		src.Put(luks2.Extent{Offset: w.Offset, Size: uint64(len(w.Bytes))}, w.Bytes)
	}
	f.desired, err = src.Build(f.next, &f.old)
	return err
}

// locator announces the change. The one before it may have been left by an update that was cut off, and
// tell of older heads.
func (f *following) locator() far.Locator {
	l := f.old.Locator.Successor(f.desired.Contents, uint64(f.dev.Size())).Renamed(f.next.Header.UUID)
	l.Old.SeqID = f.seqID
	return l
}

// after writes the far header, once the heads are durable, and wipes what the heads forgot. lag is why it was left
// as it was, where that leaves no revoked material behind; err is made of FarErrors.
func (f *following) after(s *Session, c Change, heads header.Plan) (lag, err error) {
	lag, err = f.bring(s, c, heads)
	return lag, errors.Join(err, disown(s, f.forgotten, f.revoked, f.seqID))
}

// bring brings the far header that the heads name into step.
func (f *following) bring(s *Session, c Change, heads header.Plan) (lag, err error) {
	if !f.has {
		return nil, nil
	}
	if errors.Is(f.refused, far.ErrCutOff) && len(f.revoked) > 0 {
		err = s.wipeSevered(f.token.Far, f.next, f.revoked)
	}
	if f.refused != nil {
		for _, old := range f.copies {
			if left := kept(f.dev, old, f.revoked); len(left) > 0 {
				err = errors.Join(err, &FarError{Keyslots: left, Place: old.Place, Err: f.refused, Made: true})
			}
		}
		if err != nil {
			return nil, err
		}
		return f.refused, nil
	}
	if err := errors.Join(s.overwriteLeft(f.old), f.write(c, heads)); err != nil {
		return nil, &FarError{Keyslots: kept(f.dev, f.old, f.revoked), Place: f.token.Far, Err: err, Made: true}
	}
	return nil, nil
}

func (f *following) write(c Change, heads header.Plan) error {
	if err := f.prepare(c, heads); err != nil {
		return err
	}
	var stages []Stage
	var err error
	if f.announced != nil && f.desired.Contents.Equal(f.announced.Contents) {
		stages, err = farFulfil(*f.announced, f.desired.Body, heads.Next)
	} else {
		if f.announced != nil {
			f.old.Locator = *f.announced
		}
		stages, err = farUpdate(f.locator(), f.desired.Body, heads.Next)
	}
	if err != nil {
		return err
	}
	// The heads were written since, and began with a sync.
	return applySettled(f.dev, Plan{stages})
}
