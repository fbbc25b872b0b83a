// SPDX-License-Identifier: Apache-2.0

package luks1

import "github.com/orthrus-luks/orthrus/dm/extent"

// Layout says where a new header puts key material and data; all values are sectors.
type Layout struct {
	Material [KeyslotCount]uint32
	Payload  uint32 // 0: detached
}

const (
	firstMaterial     = 8    // 4 KiB
	materialAlignment = 8    // 4 KiB
	defaultAlignment  = 2048 // 1 MiB
)

// Placement says where the data of a new volume starts. The zero value aligns it to 1 MiB.
type Placement struct {
	Detached  bool
	Payload   uint32 // exact start in sectors; 0: the first aligned place behind the key material
	Alignment uint32 // sectors; 0: 1 MiB
	Shift     uint32 // sectors by which the device's own start is off its alignment
}

// NewLayout places the material of eight keyslots for a volume key of keyBytes, the first at
// sector 8, each in a whole number of 4 KiB blocks, and the data behind them. It refuses, with a
// FieldError, key lengths no header may have and a Placement.Payload inside the material.
func NewLayout(keyBytes uint32, p Placement) (Layout, error) {
	h := Header{KeyBytes: keyBytes}
	if err := checkKeyBytes(h, 0); err != nil {
		return Layout{}, err
	}
	var l Layout
	next := uint64(firstMaterial)
	for i := range l.Material {
		l.Material[i] = uint32(next)
		next += extent.Up(uint64(h.MaterialSectors()), materialAlignment)
	}
	payload, err := p.payload(next)
	l.Payload = payload
	return l, err
}

// payload picks the first sector of the data; end is the first one behind the key material.
func (p Placement) payload(end uint64) (uint32, error) {
	if p.Detached {
		return p.Payload, nil
	}
	at := uint64(p.Payload)
	if at == 0 {
		alignment := uint64(p.Alignment)
		if alignment == 0 {
			alignment = defaultAlignment
		}
		at = extent.Up(end, alignment) + uint64(p.Shift)
	}
	if at < end || at > 1<<32-1 {
		return 0, fieldError(ErrInvalid, "payloadOffset", "sector %d, key material ends at %d", at, end)
	}
	return uint32(at), nil
}

// Apply puts the layout into a header; its keyslots become disabled.
func (l Layout) Apply(h Header) Header {
	h.PayloadOffset = l.Payload
	for i, offset := range l.Material {
		h.Keyslots[i] = Keyslot{Flag: Disabled, Offset: offset, Stripes: Stripes}
	}
	return h
}

// Unclaimed returns the first place for key material, in bytes, from `from` on and before end that
// no keyslot claims, enabled or not. It is a multiple of 4096.
func (h Header) Unclaimed(from, end int64) (int64, bool) {
	const unit = materialAlignment * SectorSize
	length := h.MaterialSectors() * SectorSize
	for at := extent.Up(from, unit); at+length <= end; at += unit {
		if !h.claims(at, length) {
			return at, true
		}
	}
	return 0, false
}

func (h Header) claims(at, length int64) bool {
	for i := range h.Keyslots {
		if offset, size := h.Material(i); at < offset+size && offset < at+length {
			return true
		}
	}
	return false
}

// MaterialRoom spans the key material of all eight keyslots, in whatever order it lies.
func (h Header) MaterialRoom() extent.Extent {
	order := h.byOffset()
	start, _ := h.Material(order[0])
	last, length := h.Material(order[KeyslotCount-1])
	return extent.Extent{Offset: uint64(start), Size: uint64(last + length - start)}
}

// Gaps lists what belongs to nothing between the header and the byte end, ascending. Headers of the first
// tools have key material from sector 2 on; today's begin at sector 8, with a gap before it that a header
// of LUKS2 has passed over.
func (h Header) Gaps(end uint64) []extent.Extent {
	var list []extent.Extent
	at := uint64(ReservedSize)
	for _, i := range h.byOffset() {
		offset, length := h.Material(i)
		if stop := min(uint64(offset), end); at < stop {
			list = append(list, extent.Extent{Offset: at, Size: stop - at})
		}
		at = max(at, uint64(offset+length))
	}
	if at < end {
		list = append(list, extent.Extent{Offset: at, Size: end - at})
	}
	return list
}
