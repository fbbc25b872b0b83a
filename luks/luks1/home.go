// SPDX-License-Identifier: Apache-2.0

package luks1

import "slices"

// SplitSalt is how many bytes of the salt of keyslot id lie in the first sector of the header together with its
// iterations, while the rest and the place of its material lie in the second; 0 for a keyslot in one sector. Who
// leaves iterations and these bytes as they are can give the keyslot another salt and place by one sector.
func SplitSalt(id int) int {
	if id != straddling {
		return 0
	}
	return SectorSize - (offKeyslots + straddling*slotSize + slotSalt)
}

// Stray finds the keyslot whose material was brought elsewhere: that of all others lies at equal distances, as
// every tool places it, and leaves the place free where its own belongs, home in sectors. What shares a sector with
// its home, or lies where Unclaimed never places any, was put there by whoever made the header: the first tools began
// at sector 2. found is false where there is none.
func (h Header) Stray() (id int, home uint32, found bool) {
	for id := range h.Keyslots {
		home, fits := h.home(id)
		at := h.Keyslots[id].Offset
		if fits && at%materialAlignment == 0 && max(at, home)-min(at, home) >= uint32(h.MaterialSectors()) {
			return id, home, true
		}
	}
	return 0, 0, false
}

// home is where the others leave room for a keyslot.
func (h Header) home(id int) (uint32, bool) {
	others := slices.DeleteFunc([]int{0, 1, 2, 3, 4, 5, 6, 7}, func(i int) bool { return i == id })
	at := func(i int) int64 { return int64(h.Keyslots[i].Offset) }
	a, b := others[0], others[1]
	stride := (at(b) - at(a)) / int64(b-a)
	base := at(a) - int64(a)*stride
	for _, i := range others {
		if at(i) != base+int64(i)*stride {
			return 0, false
		}
	}
	home := base + int64(id)*stride
	end := home + h.MaterialSectors()
	if stride < h.MaterialSectors() || home < headerSectors || h.PayloadOffset != 0 && end > int64(h.PayloadOffset) {
		return 0, false
	}
	return uint32(home), true
}

// Homed is the header with a keyslot that strays back where it belongs.
func (h Header) Homed() Header {
	if id, home, found := h.Stray(); found {
		h.Keyslots[id].Offset = home
	}
	return h
}
