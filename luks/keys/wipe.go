// SPDX-License-Identifier: Apache-2.0

package keys

import (
	"errors"
	"slices"

	"github.com/orthrus-luks/orthrus/luks/commit"
	"github.com/orthrus-luks/orthrus/luks/fault"
	"github.com/orthrus-luks/orthrus/luks/header"
	"github.com/orthrus-luks/orthrus/luks/keyslot"
	"github.com/orthrus-luks/orthrus/luks/luks1"
	"github.com/orthrus-luks/orthrus/luks/luks2"
	"github.com/orthrus-luks/orthrus/luks/view"
)

// Noise overwrites the area of a keyslot with random bytes behind a sector of zeros, by which a keyslot that is still
// named is known to be dead. The error is a fault.GeometryError for one that is too long.
func Noise(id int, area luks2.Extent) (commit.Area, error) {
	if area.Size > luks2.MaxKeyslotsSize {
		return commit.Area{}, fault.Geometry(areaName(id), "%d bytes", area.Size)
	}
	a, err := commit.Noise(areaName(id), area)
	clear(a.Bytes[:min(keyslot.SectorSize, len(a.Bytes))])
	return a, err
}

func noise1(h luks1.Header, id int) (commit.Area, error) {
	offset, length := h.Material(id)
	return Noise(id, luks2.Extent{Offset: uint64(offset), Size: uint64(length)})
}

// ErrReencryption keeps the keyslot without which a reencryption cannot go on.
var ErrReencryption = errors.New("a reencryption is under way, which needs this keyslot and removes it at its end")

// Kill wipes the material of a keyslot, then removes it from the header. A commit.MeanwhileError: it is another
// keyslot by now. ErrReencryption, in a fault.KeyslotError: it holds what a reencryption needs to go on.
func Kill(s *commit.Session, expect commit.Expect, slot view.Keyslot) (c commit.Change, err error) {
	c = commit.Change{Expect: expect, Next: s.Now()}
	if !s.Holds(slot.Identity) {
		return c, &commit.MeanwhileError{Keyslot: slot.ID, Token: -1}
	}
	if slot.Type == luks2.TypeReencrypt {
		return c, fault.Keyslot(slot.ID, ErrReencryption)
	}
	wipe, err := Noise(slot.ID, slot.Area)
	c.Before = []commit.Area{wipe}
	return c, errors.Join(err, c.Next.Metadata.RemoveKeyslot(slot.ID))
}

// Kill1 is Kill for LUKS1.
func Kill1(h luks1.Header, expect commit.Expect, id int) (commit.Change1, error) {
	wipe, err := noise1(h, id)
	return commit.Change1{Expect: expect, Next: h.WithoutKeyslot(id), Before: []commit.Area{wipe}}, err
}

// Erase destroys every keyslot that opens the data: the material of all first, then one change of the header. What
// only a head names that is not in force goes as well.
func Erase(s *commit.Session) (c commit.Change, err error) {
	c.Next = s.Now()
	heads, choice := s.Heads()
	for _, k := range view.Of2(heads, choice).Keyslots {
		if !k.OpensData() {
			continue
		}
		wipe, err := Noise(k.ID, k.Area)
		if err := errors.Join(err, c.Next.Metadata.RemoveKeyslot(k.ID)); err != nil {
			return c, err
		}
		c.Before = append(c.Before, wipe)
	}
	room := c.Next.Metadata.KeyslotsExtent(c.Next.Header.Size)
	for _, k := range namedBesides(heads, choice) {
		if !room.Contains(k.Area) {
			continue
		}
		wipe, err := Noise(k.ID, k.Area)
		if err != nil {
			return c, err
		}
		c.Before = append(c.Before, wipe)
	}
	return c, nil
}

// namedBesides lists the keyslots of the other valid head whose areas touch none of the head in force.
func namedBesides(heads header.Heads, choice header.Choice) (list []view.Keyslot) {
	taken := view.Of2(heads, choice).Keyslots
	for _, f := range []header.Found{heads.Primary, heads.Secondary} {
		if f.State != header.Valid {
			continue
		}
		for _, k := range view.Of2(heads, header.Choice{Place: f.Place, Copy: f.Copy}).Keyslots {
			if !slices.ContainsFunc(taken, func(o view.Keyslot) bool { return o.Area.Overlaps(k.Area) }) {
				list, taken = append(list, k), append(taken, k)
			}
		}
	}
	return list
}

// Erase1 is Erase for LUKS1.
func Erase1(h luks1.Header) (c commit.Change1, err error) {
	c.Next = h
	for _, id := range h.EnabledKeyslots() {
		wipe, err := noise1(h, id)
		if err != nil {
			return c, err
		}
		c.Before, c.Next = append(c.Before, wipe), c.Next.WithoutKeyslot(id)
	}
	return c, nil
}
