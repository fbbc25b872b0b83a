// SPDX-License-Identifier: Apache-2.0

package luks

import (
	"context"
	"errors"
	"fmt"

	"github.com/orthrus-luks/orthrus/luks/luks1"
	"github.com/orthrus-luks/orthrus/luks/luks2"
)

// InPlaceError refuses to change a keyslot over itself. It wraps luks2.ErrNoRoom.
type InPlaceError struct{ Keyslot int }

func (e *InPlaceError) Error() string {
	return fmt.Sprintf("%v for a second copy of keyslot %d, which would hold no key for a moment if it were changed in place", luks2.ErrNoRoom, e.Keyslot)
}

// Unwrap gives luks2.ErrNoRoom.
func (e *InPlaceError) Unwrap() error { return luks2.ErrNoRoom }

// ChangeKey puts key under a new passphrase in place of the keyslot it came from, which keeps its
// id (LUKS2), links, priority and unknown members. The new material is durable and named by the
// header before the old one is wiped, so there is no moment without a key. Where the keyslots area
// is full, the keyslot takes a detour over room between that area and the data, and comes back. A
// volume without such room either is refused with an InPlaceError. In LUKS1, whose keyslots have
// fixed places, the key moves to a free keyslot if there is one. The keyslot's id is returned.
func (v *Volume) ChangeKey(ctx context.Context, key *Key, passphrase []byte, n NewKeyslot) (int, error) {
	if err := v.CheckRequirements(); err != nil {
		return 0, err
	}
	s, err := v.seal(ctx, key.Bytes(), passphrase, n)
	if err != nil {
		return 0, err
	}
	if v.Version == 1 {
		return v.changeKey1(ctx, key.Keyslot, s)
	}
	return key.Keyslot, locked(ctx, v.dev, true, func() error { return v.changeKey2(key.Keyslot, s) })
}

// changeKey2 holds the lock.
func (v *Volume) changeKey2(id int, s sealed) error {
	err := v.amend2(func(now luks2.Copy) (change, error) { return replacing(now, id, s) })
	var full *luks2.RoomError
	if !errors.As(err, &full) || full.Kind != luks2.KeyslotsArea {
		return err
	}
	return v.detour2(id, s)
}

// replacing gives a keyslot new material in a free area and wipes the old one.
func replacing(now luks2.Copy, id int, s sealed) (change, error) {
	old, err := now.Metadata.Keyslot(id)
	if err != nil {
		return change{}, &KeyslotError{id, ErrKeyslotInactive}
	}
	fresh, err := describe(now.Metadata, now.Header.Size, id, s)
	if err != nil {
		return change{}, err
	}
	wipe, err := noise(areaName(id), old.Area.Offset, old.Area.Size)
	if err != nil {
		return change{}, err
	}
	before := areaWrite{areaName(id), fresh.Area.Offset, s.material}
	return change{next: now, before: []areaWrite{before}, after: []areaWrite{wipe}}, now.Metadata.ReplaceKeyslot(fresh)
}

// detour2 makes the keyslots area longer for as long as the new material lies there, and then moves
// that to where the old one was. Each of the two is a commit of its own.
func (v *Volume) detour2(id int, s sealed) error {
	old, err := v.Metadata().Keyslot(id)
	if err != nil {
		return &KeyslotError{id, ErrKeyslotInactive}
	}
	size := v.Metadata().KeyslotsSize()
	needed := luks2.AreaSize(uint32(s.spec.KeySize), uint32(s.spec.Stripes))
	longer := v.roomForKeyslots()
	if needed > old.Area.Size || longer < size+needed {
		return &InPlaceError{id}
	}
	err = v.amend2(func(now luks2.Copy) (change, error) {
		now.Metadata.SetSizes(now.Header.Size, longer)
		return replacing(now, id, s)
	})
	if err != nil {
		return err
	}
	return v.amend2(func(now luks2.Copy) (change, error) {
		c, err := v.moving(now, id, old.Area.Offset)
		now.Metadata.SetSizes(now.Header.Size, size)
		return c, err
	})
}

// roomForKeyslots is how long the keyslots area could be, bytes.
func (v *Volume) roomForKeyslots() uint64 {
	end := v.Data.Offset
	if end == 0 {
		end = uint64(max(v.dev.Size(), 0))
	}
	heads := 2 * v.Choice.Copy.Header.Size
	return min((max(end, heads)-heads)/luks2.AreaAlignment*luks2.AreaAlignment, luks2.MaxKeyslotsSize)
}

// moving copies a keyslot's material to another place and wipes the one it leaves.
func (v *Volume) moving(now luks2.Copy, id int, to uint64) (change, error) {
	slot, err := now.Metadata.Keyslot(id)
	if err != nil {
		return change{}, err
	}
	material := make([]byte, slot.Area.Size)
	if n, err := v.dev.ReadAt(material, int64(slot.Area.Offset)); n < len(material) {
		return change{}, &KeyslotError{id, err}
	}
	wipe, err := noise(areaName(id), slot.Area.Offset, slot.Area.Size)
	if err != nil {
		return change{}, err
	}
	before := areaWrite{areaName(id), to, material}
	return change{next: now, before: []areaWrite{before}, after: []areaWrite{wipe}}, now.Metadata.MoveArea(id, to)
}

func (v *Volume) changeKey1(ctx context.Context, old int, s sealed) (int, error) {
	id, err := v.addKey1(ctx, s, AnyKeyslot)
	if errors.Is(err, luks2.ErrNoID) {
		return old, locked(ctx, v.dev, true, func() error { return v.detour1(old, s) })
	}
	if err != nil {
		return 0, err
	}
	return id, v.KillKeyslot(ctx, old)
}

// detour1 puts the new material behind all keyslots and names that place together with its salt,
// which one sector of the header does, then moves it to where the old one was. Keyslot 6 lies in two
// sectors. The caller holds the lock.
func (v *Volume) detour1(id int, s sealed) error {
	now, err := readLUKS1(v.dev)
	if err != nil {
		return err
	}
	if now.UUID != v.UUID {
		return ErrAnotherVolume
	}
	place, found := v.behindKeyslots(now)
	if !found {
		return &InPlaceError{id}
	}
	away := now.WithKeyslot(id, s.spec.KDF.Iterations, [luks1.SaltSize]byte(s.spec.KDF.Salt))
	back := away
	away.Keyslots[id].Offset = uint32(place / luks1.SectorSize)
	first, second := step1{next: away}, step1{next: back}
	if err := errors.Join(first.wipe(now, id), second.wipe(away, id)); err != nil {
		return err
	}
	offset, _ := now.Material(id)
	first.before = []areaWrite{{areaName(id), uint64(place), s.material}}
	second.before = []areaWrite{{areaName(id), uint64(offset), s.material}}
	for _, step := range []step1{first, second} {
		if err := v.take(step); errors.Is(err, luks1.ErrStraddles) {
			return &InPlaceError{id}
		} else if err != nil {
			return err
		}
	}
	return v.load()
}

// behindKeyslots finds room before the data that neither a keyslot claims nor luksmeta uses.
func (v *Volume) behindKeyslots(h luks1.Header) (int64, bool) {
	end := int64(h.PayloadOffset) * luks1.SectorSize
	if end == 0 {
		end = v.dev.Size()
	}
	if v.noLUKSMeta(h) != nil {
		return 0, false
	}
	return h.Unclaimed(int64(materialRoom1(h).End()), end)
}
