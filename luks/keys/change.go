// SPDX-License-Identifier: Apache-2.0

package keys

import (
	"errors"
	"fmt"

	"github.com/orthrus-luks/orthrus/luks/commit"
	"github.com/orthrus-luks/orthrus/luks/fault"
	"github.com/orthrus-luks/orthrus/luks/luks2"
	"github.com/orthrus-luks/orthrus/luks/relocate"
)

// InPlaceError refuses to change a keyslot over itself. It wraps luks2.ErrNoRoom.
type InPlaceError struct {
	Keyslot int
	Err     error // why there is no detour; may be nil
}

func (e *InPlaceError) Error() string {
	text := fmt.Sprintf("%v for a second copy of keyslot %d, which would hold no key for a moment if it were changed "+
		"in place", luks2.ErrNoRoom, e.Keyslot)
	if e.Err != nil {
		text += ": " + e.Err.Error()
	}
	return text
}

// Unwrap gives luks2.ErrNoRoom, and the reason.
func (e *InPlaceError) Unwrap() []error { return []error{luks2.ErrNoRoom, e.Err} }

// Change puts the sealed material in place of a keyslot's, the only one that expect is about. The new material
// is durable and named by the header before the old one is wiped. Where the keyslots area is full, it takes a
// detour; see relocate.PlanDetour. Errors: a commit.MeanwhileError, an InPlaceError.
func Change(session *commit.Session, expect commit.Expect, s Sealed) error {
	slot := expect.Keyslots[0]
	if !session.Holds(slot) {
		return &commit.MeanwhileError{Keyslot: slot.ID, Token: -1}
	}
	c, err := replacing(session.Now(), slot.ID, s)
	var full *luks2.RoomError
	if errors.As(err, &full) && full.Kind == luks2.KeyslotsArea {
		return detour(session, expect, slot.ID, s)
	}
	if err != nil {
		return err
	}
	c.Expect = expect
	return session.Do(c)
}

// replacing gives a keyslot new material in a free area and wipes the old one.
func replacing(now luks2.Copy, id int, s Sealed) (c commit.Change, err error) {
	old, err := now.Metadata.Keyslot(id)
	if err != nil {
		return c, fault.Keyslot(id, fault.ErrKeyslotInactive)
	}
	fresh, err := s.Describe(now.Metadata, now.Header.Size, id)
	if err != nil {
		return c, err
	}
	wipe, err := Noise(id, luks2.Extent{Offset: old.Area.Offset, Size: old.Area.Size})
	c.Before = []commit.Area{s.Material(id, fresh.Area.Offset)}
	c.After, c.Next = []commit.Area{wipe}, now
	return c, errors.Join(err, now.Metadata.ReplaceKeyslot(fresh))
}

// detour makes the keyslots area longer for as long as the new material lies there; see relocate.PlanDetour.
func detour(session *commit.Session, expect commit.Expect, id int, s Sealed) error {
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
		if err := relocate.CheckRebuilt(dev, now, id); err != nil {
			return &InPlaceError{id, err}
		}
	}
	if err := session.OverwriteCopies(id); err != nil {
		return err
	}
	if err := session.Run(now, steps); err != nil {
		return err
	}
	return session.Revoked(now)
}
