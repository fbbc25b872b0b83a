// SPDX-License-Identifier: Apache-2.0

package commit

import (
	"bytes"
	"errors"
	"fmt"

	"github.com/orthrus-luks/orthrus/luks/far"
	"github.com/orthrus-luks/orthrus/luks/header"
	"github.com/orthrus-luks/orthrus/luks/luks2"
)

// revoked is a keyslot whose material goes, which no far header may keep.
type revoked struct {
	slot  luks2.Keyslot
	bytes []byte // what the material was; nil where that is not known
}

func (r revoked) area() luks2.Extent {
	return luks2.Extent{Offset: r.slot.Area.Offset, Size: r.slot.Area.Size}
}

// revokedBy lists what a change takes away.
func revokedBy(now, next luks2.Copy) []revoked {
	var list []revoked
	for _, k := range now.Metadata.Keyslots() {
		after, err := next.Metadata.Keyslot(k.ID)
		if err == nil && sameButPlace(k, after) {
			continue
		}
		list = append(list, revoked{slot: k})
	}
	return list
}

// sameButPlace compares the material of two keyslots, wherever it lies.
func sameButPlace(a, b luks2.Keyslot) bool {
	b.Area.Offset = a.Area.Offset
	return far.SameMaterial(a, b)
}

// readAll notes the material as it is.
func readAll(dev header.Device, list []revoked) {
	for i, r := range list {
		if r.area().Size > luks2.MaxKeyslotsSize {
			continue
		}
		p := make([]byte, r.area().Size)
		if header.ReadFull(dev, p, r.area().Offset) == nil {
			list[i].bytes = p
		}
	}
}

// kept lists the revoked keyslots whose material a far header still has that was found as old, or may have
// where it cannot be read or lies beyond the device's end.
func kept(dev header.Device, old far.Found, list []revoked) []int {
	if old.State == far.Absent && !old.Place.None() { // the locator is lost, and the body may be there
		old.Body = make([]byte, min(old.Place.Body.Size, far.MaxLength))
		_ = header.ReadFull(dev, old.Body, old.Place.Body.Offset) // what cannot be read may be anything: keeps says so
	}
	was, err := old.Head()
	var ids []int
	for _, r := range list {
		if keeps(dev, old, r) || err == nil && keepsElsewhere(dev, old, was, r) {
			ids = append(ids, r.slot.ID)
		}
	}
	return ids
}

// keeps looks where the material lay on the device's start.
func keeps(dev header.Device, old far.Found, r revoked) bool {
	area := r.area()
	p := make([]byte, area.Size)
	n, err := dev.ReadAt(p, int64(old.Place.Body.Offset+area.Offset))
	return n < len(p) && err != nil || old.Locator.Vouches(area, p) && !wiped(p) ||
		r.bytes != nil && bytes.Equal(r.bytes, p)
}

// keepsElsewhere looks where the far header's own head says that it lies: a resize has moved it since.
func keepsElsewhere(dev header.Device, old far.Found, was luks2.Copy, r revoked) bool {
	k, err := was.Metadata.Keyslot(r.slot.ID)
	area := luks2.Extent{Offset: k.Area.Offset, Size: k.Area.Size}
	if err != nil || !sameButPlace(k, r.slot) || area.Offset > uint64(len(old.Body)) ||
		uint64(len(old.Body))-area.Offset < area.Size {
		return false
	}
	p := make([]byte, area.Size)
	n, err := dev.ReadAt(p, int64(old.Place.Body.Offset+area.Offset))
	return n < len(p) && err != nil || bytes.Equal(p, old.Body[area.Offset:area.End()]) && !wiped(p)
}

func wiped(p []byte) bool { return len(bytes.Trim(p, "\x00")) == 0 }

// disown wipes copies of the far header that the heads forgot, as far.Judge found them before a change from heads
// of that sequence number: all where it took key material away, and in any case what a transaction was making of
// which the heads do not know, since it may come to be taken for newer than they are. Where one holds
// what was revoked and cannot be wiped, or a write failed, the error is made of a FarError for each.
func disown(s *Session, forgotten []far.Found, list []revoked, seqID uint64) error {
	var all []error
	for _, old := range forgotten {
		if len(list) == 0 && !old.Locator.Making() {
			continue
		}
		err := disownOne(s, old, seqID)
		if err == nil {
			continue
		}
		var cutOff *WriteError
		if left := kept(s.dev, old, list); len(left) > 0 || errors.As(err, &cutOff) {
			all = append(all, &FarError{Keyslots: left, Place: old.Place, Err: err, Made: true})
		}
	}
	return errors.Join(all...)
}

// disownOne leaves a copy alone that is newer than the heads: those may have been put back by mistake.
func disownOne(s *Session, old far.Found, seqID uint64) error {
	if header.Newer(old.Locator.SeqID, seqID) && !old.Locator.Making() {
		return fmt.Errorf("%w: its sequence number is %d, theirs %d", far.ErrRestored, old.Locator.SeqID, seqID)
	}
	t, _, _, err := far.Find(s.choice.Copy.Metadata)
	if err != nil {
		return err
	}
	return s.Wipe(old, t.Far)
}

// Revoked wipes copies of the far header that the heads forgot, after steps took key material away since the heads
// were before. The error is made of FarErrors.
func (s *Session) Revoked(before luks2.Copy) error {
	list := revokedBy(before, s.choice.Copy)
	if len(list) == 0 {
		return nil
	}
	e := far.Gather(s.dev, s.choice.Copy)
	if e.TokenErr != nil {
		return nil
	}
	return disown(s, far.Judge(e).Forgotten, list, before.Header.SeqID)
}
