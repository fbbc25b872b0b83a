// SPDX-License-Identifier: Apache-2.0

package convert

import (
	"github.com/orthrus-luks/orthrus/luks/luks1"
	"github.com/orthrus-luks/orthrus/luks/luks2"
)

// Step is material to be copied and the LUKS1 header that names its new place; the header is written
// once the copy is durable, and leaves the rest as it was.
type Step struct {
	Move
	Header luks1.Header
}

// aside plans how keyslot id of h, where it lies, gives way to LUKS2's heads: to room in `free` that
// none of the eight keyslots claims, or else to that of a disabled one. What a disabled keyslot
// claims is exchanged for the old place where one sector of the header says both; where two do, the
// disabled keyslot becomes the same key's second home, since no header may be half one and half the
// other.
func aside(h luks1.Header, id int, free luks2.Extent) (Step, bool) {
	slot := h.Keyslots[id]
	from := uint64(slot.Offset) * luks1.SectorSize
	if at, found := h.Unclaimed(int64(free.Offset), int64(free.End())); found {
		to := uint64(at)
		h.Keyslots[id].Offset = uint32(to / luks1.SectorSize)
		return Step{Move{id, from, to}, h}, true
	}
	spare, found := disabled(h, id, free)
	if !found {
		return Step{}, false
	}
	to := uint64(h.Keyslots[spare].Offset) * luks1.SectorSize
	if inFirstSector(spare) == inFirstSector(id) {
		h.Keyslots[id].Offset, h.Keyslots[spare].Offset = h.Keyslots[spare].Offset, slot.Offset
	} else {
		h = h.WithKeyslot(spare, slot.Iterations, slot.Salt).WithoutKeyslot(id)
	}
	return Step{Move{id, from, to}, h}, true
}

// inFirstSector tells which of the header's two sectors says where the keyslot lies.
func inFirstSector(id int) bool { return id < 6 }

// disabled finds a disabled keyslot whose place lies in free: one named in the same sector of the
// header as id, if there is one.
func disabled(h luks1.Header, id int, free luks2.Extent) (int, bool) {
	length := uint64(h.MaterialSectors()) * luks1.SectorSize
	best, found := 0, false
	for i, k := range h.Keyslots {
		at := uint64(k.Offset) * luks1.SectorSize
		if k.Enabled() || at%areaUnit != 0 || at < free.Offset || at+length > free.End() {
			continue
		}
		if !found || inFirstSector(i) == inFirstSector(id) {
			best, found = i, true
		}
	}
	return best, found
}
