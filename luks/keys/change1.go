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
// the key is then. Errors: a commit.MeanwhileError, an InPlaceError, an OverwriteError.
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
	return old, carry1(session, commit.Expect{}, free, old, s)
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

// detour1 puts the new material behind all keyslots and names that place together with its salt,
// which one sector of the header does, then moves it to where the old one was. Keyslot 6 lies in two
// sectors.
func detour1(session *commit.Session1, expect commit.Expect, id int, s Sealed) error {
	now, size := session.Now(), session.Device().Size()
	place, found := now.Unclaimed(int64(now.MaterialRoom().End()), int64(layout.Limit1(now, uint64(size))))
	if !found || header.NoLUKSMeta(session.Device(), now) != nil {
		return &InPlaceError{id, nil}
	}
	away := s.Enable(now, id)
	back := away
	away.Keyslots[id].Offset = uint32(place / luks1.SectorSize)
	home, _ := now.Material(id)
	if err := step1(session, expect, id, now, away, s.Material(id, uint64(place))); err != nil {
		return err
	}
	return step1(session, commit.Expect{}, id, away, back, s.Material(id, uint64(home)))
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
	if errors.Is(err, luks1.ErrStraddles) {
		return &InPlaceError{id, nil}
	}
	return err
}
