// SPDX-License-Identifier: Apache-2.0

package commit

import (
	"errors"
	"fmt"
	"strings"

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
}

func (e *FarError) Error() string {
	if len(e.Keyslots) == 0 {
		return fmt.Sprintf("%v: at byte %d: %v", ErrFarLeft, e.Place.Start(), e.Err)
	}
	ids := make([]string, len(e.Keyslots))
	for i, id := range e.Keyslots {
		ids[i] = fmt.Sprint(id)
	}
	return fmt.Sprintf("%v: at byte %d it still holds the old material of keyslot %s: %v",
		ErrFarLeft, e.Place.Start(), strings.Join(ids, ", "), e.Err)
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
}

// revoked is a keyslot whose material goes; bytes are what it was, where the far header cannot be written.
type revoked struct {
	id    int
	area  luks2.Extent
	bytes []byte
}

// follow judges the far header before the heads become next. It writes nothing.
func (s *Session) follow(next luks2.Copy) (*following, error) {
	now := s.choice.Copy
	e := far.Gather(s.dev, now)
	f := &following{dev: s.dev, has: e.HasToken, token: e.Token, old: e.Recorded, next: next}
	f.renamed, f.seqID = now.Header.UUID != next.Header.UUID, now.Header.SeqID
	f.next.Header.SeqID = now.Header.SeqID + 1
	if !f.has {
		return f, nil
	}
	var err error
	if e.Live, err = Live(s.dev); err != nil {
		return nil, err
	}
	j := far.Judge(e)
	if j.Standing == far.Transit {
		return nil, j.Why
	}
	f.has = j.Standing != far.None
	f.refused = j.Writable()
	f.noteRevoked(now)
	return f, nil
}

// noteRevoked lists what the far header must not keep.
func (f *following) noteRevoked(now luks2.Copy) {
	for _, k := range now.Metadata.Keyslots() {
		after, err := f.next.Metadata.Keyslot(k.ID)
		if err == nil && far.SameMaterial(k, after) {
			continue
		}
		r := revoked{id: k.ID, area: luks2.Extent{Offset: k.Area.Offset, Size: k.Area.Size}}
		if f.refused != nil && r.area.Size <= luks2.MaxKeyslotsSize {
			r.bytes = make([]byte, r.area.Size)
			if header.ReadFull(f.dev, r.bytes, r.area.Offset) != nil {
				r.bytes = nil
			}
		}
		f.revoked = append(f.revoked, r)
	}
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
	if err := f.prepare(c, heads); err != nil {
		return nil, err
	}
	l := f.locator()
	f.announced = &l
	stage, err := locatorStage(l, heads.Now)
	return []Stage{stage}, err
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

// after writes the far header, once the heads are durable. lag is why it was left as it was, where that
// leaves no revoked material behind; err is a FarError.
func (f *following) after(c Change, heads header.Plan) (lag, err error) {
	if !f.has {
		return nil, nil
	}
	if f.refused != nil {
		if left := f.left(); len(left) > 0 {
			return nil, &FarError{left, f.token.Far, f.refused}
		}
		return f.refused, nil
	}
	if err := f.write(c, heads); err != nil {
		return nil, &FarError{f.left(), f.token.Far, err}
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

// left lists the revoked keyslots whose material the far header still has, or may have where it cannot
// be read or lies beyond the device's end.
func (f *following) left() []int {
	var ids []int
	for _, r := range f.revoked {
		p := make([]byte, r.area.Size)
		n, err := f.dev.ReadAt(p, int64(f.token.Far.Body.Offset+r.area.Offset))
		unread := n < len(p) && err != nil
		if unread || f.old.Locator.Vouches(r.area, p) || r.bytes != nil && string(r.bytes) == string(p) {
			ids = append(ids, r.id)
		}
	}
	return ids
}
