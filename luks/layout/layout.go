// SPDX-License-Identifier: Apache-2.0

package layout

import (
	"fmt"
	"sort"

	"github.com/orthrus-luks/orthrus/luks/far"
	"github.com/orthrus-luks/orthrus/luks/luks1"
	"github.com/orthrus-luks/orthrus/luks/luks2"
)

// Owner says whose a range of bytes is.
type Owner int

// The owners.
const (
	Primary   Owner = iota // the first head; the header of LUKS1
	Secondary              // the second head
	Area                   // key material of the keyslot Range.Keyslot
	Free                   // of the keyslots area, and no keyslot's
	Spare                  // between the metadata and the data
	Data
	FarHeader // body and locator of a place that the token names
	Nobody    // behind the data
)

func (o Owner) String() string {
	return [...]string{
		"primary header", "secondary header", "area of keyslot", "free keyslots area", "room before the data", "data",
		"far header", "room behind the data",
	}[o]
}

// Range is a run of bytes with one owner.
type Range struct {
	luks2.Extent
	Owner   Owner
	Keyslot int // of an Area; otherwise -1
}

func (r Range) String() string {
	if r.Owner == Area {
		return fmt.Sprintf("%v %d", r.Owner, r.Keyslot)
	}
	return r.Owner.String()
}

// Layout is the device cut into ranges, ascending, without gaps.
type Layout struct {
	Ranges []Range
	Size   uint64 // of the device
}

// Of gives every byte of a device of deviceSize bytes its owner, as the head and the far header's token say.
func Of(c luks2.Copy, deviceSize uint64, t far.Token) Layout {
	size := c.Header.Size
	keyslots := c.Metadata.KeyslotsExtent(size)
	claims := []Range{{luks2.Extent{Size: size}, Primary, -1}, {luks2.Extent{Offset: size, Size: size}, Secondary, -1}}
	for _, k := range c.Metadata.Keyslots() {
		claims = append(claims, Range{luks2.Extent{Offset: k.Area.Offset, Size: k.Area.Size}, Area, k.ID})
	}
	for _, p := range t.Places() {
		for _, e := range p.Extents() {
			claims = append(claims, Range{e, FarHeader, -1})
		}
	}
	claims = append(claims, Range{keyslots, Free, -1})
	data, end := c.Metadata.DataOffset(), deviceSize
	if data == 0 {
		data = deviceSize
	} else {
		end = min(far.DataEnd(c.Metadata, deviceSize), deviceSize)
	}
	return cut(claims, data, end, deviceSize)
}

// Of1 is Of for LUKS1, whose key material has fixed places, in use or not.
func Of1(h luks1.Header, deviceSize uint64) Layout {
	claims := []Range{{luks2.Extent{Size: luks1.ReservedSize}, Primary, -1}}
	for id := range h.Keyslots {
		offset, length := h.Material(id)
		r := Range{luks2.Extent{Offset: uint64(offset), Size: uint64(length)}, Free, -1}
		if h.Keyslots[id].Enabled() {
			r.Owner, r.Keyslot = Area, id
		}
		claims = append(claims, r)
	}
	data := uint64(h.PayloadOffset) * luks1.SectorSize
	if data == 0 {
		data = deviceSize
	}
	sort.SliceStable(claims, func(i, j int) bool { return claims[i].Owner < claims[j].Owner })
	return cut(claims, data, deviceSize, deviceSize)
}

// cut gives each byte to the first claim that has it, and what nobody claims to the spare room before byte
// data, to the data before byte end, or to nobody.
func cut(claims []Range, data, end, size uint64) Layout {
	claims = append(
		claims, Range{luks2.Extent{Size: data}, Spare, -1},
		Range{luks2.Extent{Offset: data, Size: max(end, data) - data}, Data, -1}, Range{
			luks2.Extent{Size: size},
			Nobody, -1,
		},
	)
	l := Layout{Size: size}
	var taken []luks2.Extent
	for _, c := range claims {
		c.Extent = c.Clip(size)
		for _, e := range c.Outside(taken) {
			l.Ranges = append(l.Ranges, Range{e, c.Owner, c.Keyslot})
		}
		taken = append(taken, c.Extent)
	}
	sort.Slice(l.Ranges, func(i, j int) bool { return l.Ranges[i].Offset < l.Ranges[j].Offset })
	return l
}

// In lists the ranges that share a byte with e, clipped to it.
func (l Layout) In(e luks2.Extent) []Range {
	var list []Range
	for _, r := range l.Ranges {
		if r.Overlaps(e) {
			start, end := max(r.Offset, e.Offset), min(r.End(), e.End())
			list = append(list, Range{luks2.Extent{Offset: start, Size: end - start}, r.Owner, r.Keyslot})
		}
	}
	return list
}
