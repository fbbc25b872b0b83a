// SPDX-License-Identifier: Apache-2.0

package convert

import (
	"github.com/orthrus-luks/orthrus/luks/luks1"
	"github.com/orthrus-luks/orthrus/luks/luks2"
)

// Down is how a LUKS2 volume becomes a LUKS1 volume.
type Down struct {
	Settle []Move       // keyslots that go where LUKS1 has them, as LUKS2
	Header luks1.Header // at the switch
	Return []Step       // keyslots that go where no LUKS2 keyslot may lie, as LUKS1, in this order
}

// PlanDown plans the conversion of a LUKS2 volume whose metadata lies on a device of size bytes. It
// refuses, with an Error, what LUKS1 cannot hold and what there is no room for.
func PlanDown(c luks2.Copy, size uint64) (Down, error) {
	h, err := headerOf(c)
	if err != nil {
		return Down{}, err
	}
	now := map[int]uint64{}
	for _, slot := range c.Metadata.Keyslots() {
		now[slot.ID] = slot.Area.Offset
	}
	heads := 2 * c.Header.Size
	end := uint64(h.PayloadOffset) * luks1.SectorSize
	if end == 0 || end > size { // a detached header: the data begin on another device
		end = size
	}
	room := luks2.Extent{Offset: heads, Size: c.Metadata.KeyslotsSize()}
	d, fits := usualDown(h, now, room, end)
	if !fits {
		if d, err = asTheyAre(h, now, end); err != nil {
			return d, err
		}
	}
	return d, d.Header.Validate(int64(size))
}

// usualDown gives every keyslot its usual place. One that is to lie outside the LUKS2 keyslots area, where the heads
// are or behind it, goes there after the switch.
func usualDown(h luks1.Header, now map[int]uint64, room luks2.Extent, end uint64) (Down, bool) {
	length := luks2.AlignUp(uint64(h.MaterialSectors()) * luks1.SectorSize)
	for i := range h.Keyslots {
		h.Keyslots[i].Offset = uint32((areaUnit + uint64(i)*length) / luks1.SectorSize)
	}
	if areaUnit+luks1.KeyslotCount*length > end {
		return Down{}, false
	}
	d := Down{Header: h}
	want := map[int]uint64{}
	for _, id := range h.EnabledKeyslots() {
		want[id] = areaUnit + uint64(id)*length
		if room.Contains(luks2.Extent{Offset: want[id], Size: length}) {
			continue
		}
		step, found := aside(d.Header, id, room)
		if !found {
			return Down{}, false
		}
		want[id] = step.To
		d.Return = append([]Step{{Move{id, step.To, step.From}, d.Header}}, d.Return...)
		d.Header = step.Header
	}
	var fits bool
	d.Settle, fits = Moves(now, want, length, room)
	return d, fits
}

// asTheyAre leaves the keyslots where they lie, which LUKS1 allows, and gives the disabled ones what
// room there is before byte end.
func asTheyAre(h luks1.Header, now map[int]uint64, end uint64) (Down, error) {
	length := luks2.AlignUp(uint64(h.MaterialSectors()) * luks1.SectorSize)
	const nowhere = 1<<32 - 1
	for i := range h.Keyslots {
		h.Keyslots[i].Offset = nowhere
		if at, enabled := now[i]; enabled {
			h.Keyslots[i].Offset = uint32(at / luks1.SectorSize)
		}
	}
	for i := range h.Keyslots {
		if h.Keyslots[i].Enabled() {
			continue
		}
		at, found := h.Unclaimed(areaUnit, int64(end))
		if !found {
			return Down{}, cannot(1, ErrNoRoom, "LUKS1 needs room for eight keyslots of %d bytes before byte %d",
				length, end)
		}
		h.Keyslots[i].Offset = uint32(at / luks1.SectorSize)
	}
	return Down{Header: h}, nil
}
