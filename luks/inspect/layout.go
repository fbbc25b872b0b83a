// SPDX-License-Identifier: Apache-2.0

package inspect

import (
	"fmt"
	"sort"

	"github.com/orthrus-luks/orthrus/luks/luks1"
	"github.com/orthrus-luks/orthrus/luks/luks2"
)

// Region is one piece of the device in its picture. Regions follow each other without a gap.
type Region struct {
	Kind    RegionKind `json:"kind"`
	Offset  uint64     `json:"offset"`
	Size    uint64     `json:"size"`
	Name    string     `json:"name"`
	Keyslot int        `json:"keyslot"` // -1 where it is none
	Damaged bool       `json:"damaged"`
	Why     string     `json:"why,omitempty"`
}

// RegionKind says what a region holds.
type RegionKind string

// The kinds.
const (
	Head        RegionKind = "head"
	KeyslotArea RegionKind = "keyslot area"
	Free        RegionKind = "free" // room for keyslots
	Padding     RegionKind = "padding"
	Data        RegionKind = "data"
	NewData     RegionKind = "new data" // in the middle of a reencryption
	HotZone     RegionKind = "hot zone" // some of it old, some of it new
	FarHeader   RegionKind = "far header"
	Unknown     RegionKind = "unknown"
)

// Layout lists what lies where, from byte 0 to the device's end. keyslots is the range in which
// keyslot areas may lie; see KeyslotRoom.
func Layout(r Report, keyslots luks2.Extent) []Region {
	named := append(heads(r), areas(r)...)
	named = append(named, data(r)...)
	named = append(named, source(r)...)
	named = append(named, farRegions(r)...)
	sort.SliceStable(named, func(i, j int) bool { return named[i].Offset < named[j].Offset })
	var list []Region
	at := uint64(0)
	for _, n := range named {
		if n.Size == 0 || n.Offset >= r.DeviceSize || n.Offset < at {
			continue
		}
		list = append(list, between(at, n.Offset, keyslots)...)
		n.Size = min(n.Size, r.DeviceSize-n.Offset)
		list = append(list, n)
		at = n.Offset + n.Size
	}
	return append(list, between(at, r.DeviceSize, keyslots)...)
}

// KeyslotRoom is the range in which keyslot areas may lie, as the chosen header has it.
func KeyslotRoom(e Evidence) luks2.Extent {
	switch {
	case e.LUKS1 != nil && e.LUKS1.PayloadOffset > 0:
		const first = 8 * luks1.SectorSize
		return luks2.Extent{Offset: first, Size: max(uint64(e.LUKS1.PayloadOffset)*luks1.SectorSize, first) - first}
	case e.Choice.Copy.Metadata != nil:
		return e.Choice.Copy.Metadata.KeyslotsExtent(e.Choice.Copy.Header.Size)
	}
	return luks2.Extent{}
}

// between fills a gap: room for keyslots where it is that, padding elsewhere.
func between(from, to uint64, room luks2.Extent) []Region {
	var list []Region
	cuts := []uint64{from}
	for _, edge := range []uint64{room.Offset, room.End()} {
		if edge > from && edge < to {
			cuts = append(cuts, edge)
		}
	}
	cuts = append(cuts, to)
	for i, start := range cuts[:len(cuts)-1] {
		r := Region{Kind: Padding, Offset: start, Size: cuts[i+1] - start, Name: "unused", Keyslot: -1}
		switch {
		case r.Size == 0:
			continue
		case room.Size == 0:
			r.Kind, r.Name = Unknown, "unknown"
		case start >= room.Offset && start < room.End():
			r.Kind, r.Name = Free, "free for keyslots"
		}
		list = append(list, r)
	}
	return list
}

func heads(r Report) []Region {
	if r.Version == 1 {
		return []Region{{Kind: Head, Size: luks1.ReservedSize, Name: "header", Keyslot: -1, Damaged: r.UUID == ""}}
	}
	size := uint64(luks2.MinSize)
	for _, c := range r.Copies {
		if c.State == "valid" && c.Size > 0 {
			size = c.Size
		}
	}
	var list []Region
	for _, c := range r.Copies {
		n := Region{
			Kind: Head, Offset: c.Offset, Size: size, Name: c.Place + " header", Keyslot: -1,
			Damaged: c.State != "valid",
		}
		if n.Damaged {
			n.Why = c.State
		}
		list = append(list, n)
	}
	return list
}

func areas(r Report) []Region {
	var list []Region
	for _, k := range r.Keyslots {
		n := Region{
			Kind: KeyslotArea, Offset: k.Offset, Size: k.Size, Name: fmt.Sprintf("keyslot %d", k.ID),
			Keyslot: k.ID, Damaged: k.hurt(),
		}
		if n.Damaged {
			n.Why = string(k.State)
		}
		list = append(list, n)
	}
	return list
}

func data(r Report) []Region {
	var list []Region
	for _, s := range r.Segments {
		if s.Backup || s.Offset == 0 || r.apart {
			continue
		}
		n := Region{Offset: s.Offset, Size: s.Size, Keyslot: -1}
		n.Kind, n.Name = kindOf(r, s)
		if s.recordedExtent().End() > r.DeviceSize {
			n.Damaged, n.Why = true, "cut off"
		}
		list = append(list, n)
	}
	return list
}
