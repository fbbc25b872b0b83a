// SPDX-License-Identifier: Apache-2.0

package luks

import (
	"errors"
	"fmt"

	"github.com/orthrus-luks/orthrus/luks/commit"
	"github.com/orthrus-luks/orthrus/luks/far"
	"github.com/orthrus-luks/orthrus/luks/header"
	"github.com/orthrus-luks/orthrus/luks/luks2"
)

// farStep keeps the far header in step with one change of the heads: judged before it, written after it.
type farStep struct {
	v       *Volume
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

// ErrFarUUID refuses another uuid while the far header cannot follow.
var ErrFarUUID = errors.New("the far header is known by the uuid, and cannot be given another one now")

// revoked is a keyslot whose material goes; bytes are what it was, where the far header cannot be written.
type revoked struct {
	id    int
	area  luks2.Extent
	bytes []byte
}

// stepFar judges the far header before the heads become next. It writes nothing.
func (v *Volume) stepFar(now, next luks2.Copy) (*farStep, error) {
	e := v.farEvidence(now)
	s := &farStep{v: v, has: e.HasToken, token: e.Token, old: e.Recorded, next: next}
	s.renamed, s.seqID = now.Header.UUID != next.Header.UUID, now.Header.SeqID
	s.next.Header.SeqID = now.Header.SeqID + 1
	if !s.has {
		return s, nil
	}
	var err error
	if e.Live, err = live(v.dev); err != nil {
		return nil, err
	}
	j := far.Judge(e)
	if j.Standing == far.Transit {
		return nil, j.Why
	}
	s.has = j.Standing != far.None
	s.refused = j.Writable()
	s.noteRevoked(now)
	return s, nil
}

// noteRevoked lists what the far header must not keep.
func (s *farStep) noteRevoked(now luks2.Copy) {
	for _, k := range now.Metadata.Keyslots() {
		after, err := s.next.Metadata.Keyslot(k.ID)
		if err == nil && far.SameMaterial(k, after) {
			continue
		}
		r := revoked{id: k.ID, area: luks2.Extent{Offset: k.Area.Offset, Size: k.Area.Size}}
		if s.refused != nil && r.area.Size <= maxArea {
			r.bytes = make([]byte, r.area.Size)
			if n, _ := s.v.dev.ReadAt(r.bytes, int64(r.area.Offset)); n < len(r.bytes) {
				r.bytes = nil
			}
		}
		s.revoked = append(s.revoked, r)
	}
}

// before announces a new uuid: the far header must be ours at each instant. Where it is, and cannot be
// written now, the uuid stays, or nobody would know whose key material lies there.
func (s *farStep) before(plan header.Plan) error {
	if s.has && s.renamed && s.refused != nil && !errors.Is(s.refused, far.ErrDisplaced) && !errors.Is(s.refused, far.ErrCutOff) {
		return fmt.Errorf("%w: %w", ErrFarUUID, s.refused)
	}
	if !s.has || s.refused != nil || s.old.Locator.UUID == s.next.Header.UUID {
		return nil
	}
	if err := s.prepare(plan); err != nil {
		return err
	}
	l := s.locator()
	s.announced = &l
	return commit.FarAnnounce(s.v.dev, l)
}

// prepare builds the body from the device and the heads that the plan writes.
func (s *farStep) prepare(plan header.Plan) error {
	choice := header.Choice{Copy: s.next}
	src, err := farSource(s.v.dev, header.Heads{
		Primary:   header.Found{Place: header.Primary, State: header.Valid, Copy: s.next},
		Secondary: header.Found{Place: header.Secondary, State: header.Valid, Copy: s.next},
	}, choice, s.old)
	if err != nil {
		return err
	}
	for _, w := range plan.Writes {
		copy(src.bytes[w.Offset:], w.Bytes)
		delete(src.failed, luks2.Extent{Offset: w.Offset, Size: uint64(len(w.Bytes))})
	}
	s.desired, err = src.build(s.next, &s.old)
	return err
}

// locator announces the change. The one before it may have been left by an update that was cut off, and
// tell of older heads.
func (s *farStep) locator() far.Locator {
	l := s.old.Locator.Successor(s.desired.Contents, uint64(s.v.dev.Size())).Renamed(s.next.Header.UUID)
	l.Old.SeqID = s.seqID
	return l
}

// after writes the far header, once the heads are durable. lag is why it was left as it was, where that
// leaves no revoked material behind; err is a FarError.
func (s *farStep) after(plan header.Plan) (lag, err error) {
	if !s.has {
		return nil, nil
	}
	if s.refused != nil {
		if left := s.left(); len(left) > 0 {
			return nil, &FarError{left, s.token.Far, s.refused}
		}
		return s.refused, nil
	}
	if err := s.write(plan); err != nil {
		return nil, &FarError{s.left(), s.token.Far, err}
	}
	return nil, nil
}

func (s *farStep) write(plan header.Plan) error {
	if err := s.prepare(plan); err != nil {
		return err
	}
	if s.announced != nil && s.desired.Contents.Equal(s.announced.Contents) {
		return commit.FarFulfil(s.v.dev, *s.announced, s.desired.Body)
	}
	if s.announced != nil {
		s.old.Locator = *s.announced
	}
	// The heads were written since, and began with a sync.
	return commit.FarUpdateSettled(s.v.dev, s.locator(), s.desired.Body)
}

// left lists the revoked keyslots whose material the far header still has, or may have where it cannot
// be read or lies beyond the device's end.
func (s *farStep) left() []int {
	var ids []int
	for _, r := range s.revoked {
		p := make([]byte, r.area.Size)
		n, err := s.v.dev.ReadAt(p, int64(s.token.Far.Body.Offset+r.area.Offset))
		unread := n < len(p) && err != nil
		if unread || s.old.Locator.Vouches(r.area, p) || r.bytes != nil && string(r.bytes) == string(p) {
			ids = append(ids, r.id)
		}
	}
	return ids
}
