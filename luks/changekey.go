// SPDX-License-Identifier: Apache-2.0

package luks

import (
	"context"
	"errors"
	"fmt"

	"github.com/orthrus-luks/orthrus/luks/commit"
	"github.com/orthrus-luks/orthrus/luks/fault"
	"github.com/orthrus-luks/orthrus/luks/header"
	"github.com/orthrus-luks/orthrus/luks/layout"
	"github.com/orthrus-luks/orthrus/luks/luks1"
	"github.com/orthrus-luks/orthrus/luks/luks2"
	"github.com/orthrus-luks/orthrus/luks/relocate"
	"github.com/orthrus-luks/orthrus/luks/unlock"
)

// InPlaceError refuses to change a keyslot over itself. It wraps luks2.ErrNoRoom.
type InPlaceError struct {
	Keyslot int
	Err     error // why there is no detour; may be nil
}

func (e *InPlaceError) Error() string {
	text := fmt.Sprintf(
		"%v for a second copy of keyslot %d, which would hold no key for a moment if it were changed in place", luks2.ErrNoRoom, e.Keyslot,
	)
	if e.Err != nil {
		text += ": " + e.Err.Error()
	}
	return text
}

// Unwrap gives luks2.ErrNoRoom, and the reason.
func (e *InPlaceError) Unwrap() []error { return []error{luks2.ErrNoRoom, e.Err} }

// ChangeKey puts key under a new passphrase in place of the keyslot it came from, which keeps its
// id (LUKS2), links, priority and unknown members. The new material is durable and named by the
// header before the old one is wiped, so there is no moment without a key. Where the keyslots area
// is full, the keyslot takes a detour over room between that area and the data, and comes back: a transaction
// that Resume concludes. A volume without such room either is refused with an InPlaceError. In LUKS1, whose
// keyslots have fixed places, the key moves to a free keyslot if there is one, and comes back where n.ID names
// the keyslot itself. The keyslot's id is returned. ErrMeanwhile: it is another keyslot by now.
func (v *Volume) ChangeKey(ctx context.Context, key *Key, passphrase []byte, n NewKeyslot) (int, error) {
	if err := v.CheckRequirements(); err != nil {
		return 0, err
	}
	slot, err := v.Keyslot(key.Keyslot)
	if err != nil {
		return 0, err
	}
	s, err := v.seal(ctx, key.Bytes(), passphrase, n)
	if err != nil {
		return 0, err
	}
	expect := unlock.Authority(v.View, key)
	expect.Keyslots = []commit.Identity{slot.Identity}
	if v.Version == 1 {
		return v.changeKey1(ctx, expect, s, slot.ID, n.ID == slot.ID)
	}
	return slot.ID, v.enter(ctx, commit.Options{Free: true}, func(session *commit.Session) error {
		return changeKey2(session, expect, slot.ID, s)
	})
}

func changeKey2(session *commit.Session, expect commit.Expect, id int, s sealed) error {
	if !session.Holds(expect.Keyslots[0]) {
		return &commit.MeanwhileError{Keyslot: id, Token: -1}
	}
	c, err := replacing(session.Now(), id, s)
	var full *luks2.RoomError
	if errors.As(err, &full) && full.Kind == luks2.KeyslotsArea {
		return detour2(session, expect, id, s)
	}
	if err != nil {
		return err
	}
	c.Expect = expect
	return session.Do(c)
}

// replacing gives a keyslot new material in a free area and wipes the old one.
func replacing(now luks2.Copy, id int, s sealed) (c commit.Change, err error) {
	old, err := now.Metadata.Keyslot(id)
	if err != nil {
		return c, fault.Keyslot(id, ErrKeyslotInactive)
	}
	fresh, err := describe(now.Metadata, now.Header.Size, id, s)
	if err != nil {
		return c, err
	}
	wipe, err := noise(areaName(id), old.Area.Offset, old.Area.Size)
	c.Before = []commit.Area{{What: areaName(id), Offset: fresh.Area.Offset, Bytes: s.material}}
	c.After, c.Next = []commit.Area{wipe}, now
	return c, errors.Join(err, now.Metadata.ReplaceKeyslot(fresh))
}

// detour2 makes the keyslots area longer for as long as the new material lies there; see relocate.PlanDetour.
func detour2(session *commit.Session, expect commit.Expect, id int, s sealed) error {
	now, dev := session.Now(), session.Device()
	d := relocate.Detour{
		Keyslot: func(at luks2.Extent) luks2.Keyslot { return s.keyslot2(id, at) }, Size: s.areaSize(),
		Material: s.material, Expect: expect,
	}
	steps, err := relocate.PlanDetour(now, d, id, uint64(dev.Size()))
	if errors.Is(err, luks2.ErrNoRoom) {
		return &InPlaceError{id, nil}
	}
	if err != nil {
		return &InPlaceError{id, err}
	}
	if relocate.HasFar(now) {
		if err := movable(dev, now, nil, true); err != nil {
			return &InPlaceError{id, err}
		}
	}
	return session.Run(now, steps)
}

// changeKey1 moves the key to a free keyslot, and back where it is to stay.
func (v *Volume) changeKey1(ctx context.Context, expect commit.Expect, s sealed, old int,
	stay bool,
) (id int, err error) {
	err = v.enter1(ctx, func(session *commit.Session1) error {
		free, found := session.Now().FreeKeyslot()
		if !found {
			id = old
			return detour1(session, expect, old, s)
		}
		id = free
		if err := carry1(session, expect, old, free, s); err != nil || !stay {
			return err
		}
		id = old
		return carry1(session, commit.Expect{}, free, old, s)
	})
	return id, err
}

// carry1 puts the material into one keyslot and, with the same change, disables another one.
func carry1(session *commit.Session1, expect commit.Expect, from, to int, s sealed) error {
	now := session.Now()
	offset, _ := now.Material(to)
	next := now.WithKeyslot(to, s.spec.KDF.Iterations, [luks1.SaltSize]byte(s.spec.KDF.Salt)).WithoutKeyslot(from)
	wipe, err := noise1(now, from)
	if err != nil {
		return err
	}
	return session.Do(commit.Change1{
		Expect: expect, Next: next, After: []commit.Area{wipe},
		Before: []commit.Area{{What: areaName(to), Offset: uint64(offset), Bytes: s.material}},
	})
}

func noise1(h luks1.Header, id int) (commit.Area, error) {
	offset, length := h.Material(id)
	return noise(areaName(id), uint64(offset), uint64(length))
}

// detour1 puts the new material behind all keyslots and names that place together with its salt,
// which one sector of the header does, then moves it to where the old one was. Keyslot 6 lies in two
// sectors.
func detour1(session *commit.Session1, expect commit.Expect, id int, s sealed) error {
	now, size := session.Now(), session.Device().Size()
	place, found := now.Unclaimed(int64(now.MaterialRoom().End()), int64(layout.Limit1(now, uint64(size))))
	if !found || noLUKSMeta(session.Device(), now) != nil {
		return &InPlaceError{id, nil}
	}
	away := now.WithKeyslot(id, s.spec.KDF.Iterations, [luks1.SaltSize]byte(s.spec.KDF.Salt))
	back := away
	away.Keyslots[id].Offset = uint32(place / luks1.SectorSize)
	home, _ := now.Material(id)
	for _, step := range []struct {
		next, leave luks1.Header
		to          int64
		expect      commit.Expect
	}{{away, now, place, expect}, {back, away, home, commit.Expect{}}} {
		wipe, err := noise1(step.leave, id)
		if err != nil {
			return err
		}
		err = session.Do(commit.Change1{
			Expect: step.expect, Next: step.next, After: []commit.Area{wipe},
			Before: []commit.Area{{What: areaName(id), Offset: uint64(step.to), Bytes: s.material}},
		})
		if errors.Is(err, luks1.ErrStraddles) {
			return &InPlaceError{id, nil}
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// luksMeta begins what luksmeta stores, at the first 4 KiB behind all keyslots.
const luksMeta = "LUKSMETA"

// ErrLUKSMeta refuses what would go over data of luksmeta behind the keyslots of LUKS1.
var ErrLUKSMeta = errors.New("LUKSMETA data lies behind the keyslots")

func noLUKSMeta(dev Device, h luks1.Header) error {
	p := make([]byte, len(luksMeta))
	err := header.ReadFull(dev, p, luks2.AlignUp(h.MaterialRoom().End()))
	if err == nil && string(p) == luksMeta {
		return ErrLUKSMeta
	}
	if err != nil && h.PayloadOffset != 0 {
		return fmt.Errorf("looking for LUKSMETA data: %w", err)
	}
	return nil
}
