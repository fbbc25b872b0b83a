// SPDX-License-Identifier: Apache-2.0

package convert

import (
	"github.com/orthrus-luks/orthrus/luks/luks1"
	"github.com/orthrus-luks/orthrus/luks/luks2"
)

const (
	headSize = luks2.MinSize // bytes of each head that a converted volume gets
	headsEnd = 2 * headSize
	// firstSeqID: the heads count as written once before they become known.
	firstSeqID = 2
)

// Up is how a LUKS1 volume becomes a LUKS2 volume.
type Up struct {
	Clear  []Step     // keyslots that give way to the heads, as LUKS1, in this order
	Copy   luks2.Copy // both heads, but for salt and offset
	Settle []Move     // keyslots that go where they belong, as LUKS2
	Room   luks2.Extent
}

// PlanUp plans the conversion of a LUKS1 volume on a device of size bytes. It refuses, with an Error,
// what LUKS2 cannot hold and what there is no room for.
func PlanUp(h luks1.Header, size uint64) (Up, error) {
	length := luks2.AlignUp(uint64(h.MaterialSectors()) * luks1.SectorSize)
	room, err := roomAbove(h, length, size)
	if err != nil {
		return Up{}, err
	}
	up := Up{Room: room}
	for i, k := range h.Keyslots {
		if !k.Enabled() || uint64(k.Offset)*luks1.SectorSize >= headsEnd {
			continue
		}
		step, found := aside(h, i, room)
		if !found {
			return Up{}, cannot(2, ErrNoRoom, "no room to copy keyslot %d aside: remove a keyslot first", i)
		}
		h = step.Header
		up.Clear = append(up.Clear, step)
	}
	now := areasOf(h, up.Clear)
	if err := aligned(now); err != nil {
		return Up{}, err
	}
	up.Copy = copyOf(h, now, length, room.Size)
	up.Settle, _ = Moves(now, grid(now, headsEnd, length, room), length, room)
	return up, up.Copy.Metadata.Validate(headSize)
}

// DetachedRoom is how many bytes a detached LUKS1 header takes as a LUKS2 header with room for as many
// keyslots.
func DetachedRoom(h luks1.Header) uint64 {
	return headsEnd + luks1.KeyslotCount*luks2.AlignUp(uint64(h.MaterialSectors())*luks1.SectorSize)
}

// roomAbove is the keyslots area of the LUKS2 volume: what lies between the heads and the data. A
// header of its own gets what the keyslots took, and what the heads need more.
func roomAbove(h luks1.Header, length, size uint64) (luks2.Extent, error) {
	end := uint64(h.PayloadOffset) * luks1.SectorSize
	if end == 0 {
		end = min(DetachedRoom(h), size)
	}
	end = min(end, size) // a header of its own may be shorter than where the data begin elsewhere
	if end < headsEnd+length {
		return luks2.Extent{}, cannot(2, ErrNoRoom, "the data begins at byte %d", end)
	}
	return luks2.Extent{Offset: headsEnd, Size: min(luks2.AlignDown(end-headsEnd), luks2.MaxKeyslotsSize)}, nil
}

// areasOf lists where the enabled keyslots lie, by the ids they had before any of them was copied
// into a disabled keyslot's place.
func areasOf(h luks1.Header, steps []Step) map[int]uint64 {
	now := map[int]uint64{}
	for i, k := range h.Keyslots {
		if k.Enabled() {
			now[i] = uint64(k.Offset) * luks1.SectorSize
		}
	}
	for _, s := range steps {
		for i, at := range now {
			if at == s.To && i != s.Keyslot {
				delete(now, i)
				now[s.Keyslot] = at
			}
		}
	}
	return now
}

func aligned(now map[int]uint64) error {
	for id, at := range now {
		if at%areaUnit != 0 {
			return cannot(2, ErrCannotHold, "keyslot %d lies at byte %d, off the grid", id, at)
		}
	}
	return nil
}

// grid is where the keyslots belong: one behind the other from start, as far as there is room.
func grid(now map[int]uint64, start, length uint64, room luks2.Extent) map[int]uint64 {
	want := map[int]uint64{}
	for id := range now {
		if at := start + uint64(id)*length; at >= room.Offset && at+length <= room.End() {
			want[id] = at
		}
	}
	return want
}
