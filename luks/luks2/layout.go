// SPDX-License-Identifier: Apache-2.0

package luks2

import (
	"fmt"
	"sort"
)

// AreaAlignment is the granularity of keyslot areas, bytes.
const AreaAlignment = 4096

// KeyslotsArea is RoomError.Kind where no hole among the keyslot areas is large enough.
const KeyslotsArea = "keyslots area"

// RoomError tells how much was needed and how much there is, in bytes.
type RoomError struct {
	Kind              string // what is full: "JSON area", KeyslotsArea
	Needed, Available uint64
}

func (e *RoomError) Error() string {
	return fmt.Sprintf("no room in the %s: %d bytes needed, %d available", e.Kind, e.Needed, e.Available)
}

func (e *RoomError) Unwrap() error { return ErrNoRoom }

// KeyslotsExtent is the range in which keyslot areas may lie.
func (m *Metadata) KeyslotsExtent(hdrSize uint64) Extent {
	return Extent{Offset: 2 * hdrSize, Size: m.KeyslotsSize()}
}

// FindArea returns the place of a new keyslot area of size bytes: the first hole that is large
// enough, areas of unknown types counted. It fails with a RoomError.
func (m *Metadata) FindArea(hdrSize, size uint64) (Extent, error) {
	largest := uint64(0)
	for _, hole := range m.Holes(hdrSize) {
		start := AlignUp(hole.Offset)
		if start < hole.End() && hole.End()-start >= size {
			return Extent{Offset: start, Size: size}, nil
		}
		largest = max(largest, hole.Size)
	}
	return Extent{}, &RoomError{Kind: KeyslotsArea, Needed: size, Available: largest}
}

// Holes lists the ranges of the keyslots area that no keyslot claims, ascending.
func (m *Metadata) Holes(hdrSize uint64) []Extent {
	whole := m.KeyslotsExtent(hdrSize)
	slots := m.Keyslots()
	sort.Slice(slots, func(i, j int) bool { return slots[i].Area.Offset < slots[j].Area.Offset })
	var holes []Extent
	at := whole.Offset
	for _, slot := range slots {
		if slot.Area.Offset > at {
			holes = append(holes, Extent{Offset: at, Size: slot.Area.Offset - at})
		}
		at = max(at, slot.Area.End())
	}
	if at < whole.End() {
		holes = append(holes, Extent{Offset: at, Size: whole.End() - at})
	}
	return holes
}

// AreaSize is the size of a keyslot area for a key of keySize bytes split into stripes.
func AreaSize(keySize, stripes uint32) uint64 {
	return AlignUp(uint64(keySize) * uint64(stripes))
}
