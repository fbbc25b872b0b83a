// SPDX-License-Identifier: Apache-2.0

package keys

import (
	"errors"

	"github.com/orthrus-luks/orthrus/luks/commit"
	"github.com/orthrus-luks/orthrus/luks/header"
	"github.com/orthrus-luks/orthrus/luks/layout"
	"github.com/orthrus-luks/orthrus/luks/luks1"
)

// Change1 moves the key to a free keyslot of a LUKS1 volume, and back where it is to stay. Without a free one it
// takes a detour behind the keyslots, and without room for that aside decides; see changeFull1. It returns where
// the key is then. Errors: a commit.MeanwhileError, an InPlaceError, an OverwriteError, a commit.UnfinishedError.
func Change1(session *commit.Session1, expect commit.Expect, s Sealed, stay bool, aside func() error) (id int,
	err error,
) {
	old := expect.Keyslots[0].ID
	free, found := session.Now().FreeKeyslot()
	if !found {
		return old, changeFull1(session, expect, old, s, aside)
	}
	if err := carry1(session, expect, old, free, s); err != nil || !stay {
		return free, err
	}
	if err := carry1(session, commit.Expect{}, free, old, s); err != nil {
		return free, commit.Settling(err)
	}
	return old, nil
}

// carry1 puts the material into one keyslot and, with the same change, disables another one.
func carry1(session *commit.Session1, expect commit.Expect, from, to int, s Sealed) error {
	now := session.Now()
	offset, _ := now.Material(to)
	wipe, err := noise1(now, from)
	if err != nil {
		return err
	}
	return session.Do(commit.Change1{
		Expect: expect, Next: s.Enable(now, to).WithoutKeyslot(from), After: []commit.Area{wipe},
		Before: []commit.Area{s.Material(to, uint64(offset))},
	})
}

// room1 finds a place that no keyslot claims for the material of one, as bytes: between the areas, where headers of
// other tools leave gaps, or behind them.
func room1(dev header.Device, now luks1.Header) (int64, bool) {
	place, found := now.Unclaimed(luks1.ReservedSize, int64(layout.Limit1(now, uint64(dev.Size()))))
	return place, found && header.NoLUKSMeta(dev, now) == nil
}

// detour1 puts the new material where no keyslot is and names that place together with its salt, which one sector
// of the header does, then moves it to where the old one was or, where that was elsewhere, belongs. Keyslot 6 lies
// in two sectors; see SealOver.
func detour1(session *commit.Session1, expect commit.Expect, id int, s Sealed) error {
	now := session.Now()
	place, found := room1(session.Device(), now)
	if !found {
		return &InPlaceError{id, nil}
	}
	away := s.Enable(now, id)
	home := away.Homed()
	away.Keyslots[id].Offset = uint32(place / luks1.SectorSize)
	if err := step1(session, expect, id, now, away, s.Material(id, uint64(place))); err != nil || home == away {
		return err
	}
	to, _ := home.Material(id)
	return commit.Settling(step1(session, commit.Expect{}, id, away, home, s.Material(id, uint64(to))))
}

// ComeHome brings a keyslot back whose detour was cut off: the copy is durable before one sector of the header names
// it. It tells whether there was any.
func ComeHome(session *commit.Session1) (bool, error) {
	now := session.Now()
	id, _, found := now.Stray()
	if !found {
		return false, nil
	}
	home := now.Homed()
	if !now.Keyslots[id].Enabled() {
		return true, session.Do(commit.Change1{Next: home})
	}
	from, length := now.Material(id)
	to, _ := home.Material(id)
	material := commit.Area{What: areaName(id), Offset: uint64(to), Bytes: make([]byte, length)}
	if err := header.ReadFull(session.Device(), material.Bytes, uint64(from)); err != nil {
		return false, err
	}
	return true, step1(session, commit.Expect{}, id, now, home, material)
}

// step1 writes material, names it by next, and wipes what leave names.
func step1(session *commit.Session1, expect commit.Expect, id int, leave, next luks1.Header,
	material commit.Area,
) error {
	wipe, err := noise1(leave, id)
	if err != nil {
		return err
	}
	err = session.Do(commit.Change1{
		Expect: expect, Next: next, Before: []commit.Area{material}, After: []commit.Area{wipe},
	})
	if errors.Is(err, luks1.ErrStraddles) { // room has come free since it was sealed
		return &commit.MeanwhileError{Keyslot: id, Token: -1}
	}
	return err
}
