// SPDX-License-Identifier: Apache-2.0

package relocate

import (
	"cmp"
	"slices"
	"sort"

	"github.com/orthrus-luks/orthrus/luks/luks2"
)

// move brings a keyslot's material to another place; the two do not overlap.
type move struct {
	keyslot  int
	from, to luks2.Extent
}

// arrange plans how the areas of all keyslots come to lie inside room. Until they do they may lie
// anywhere inside wide, which holds room. It moves only what lies outside where that suffices, and
// otherwise packs all areas. It fails with a luks2.RoomError.
func arrange(slots []luks2.Keyslot, room, wide luks2.Extent) ([]move, error) {
	a := arrangement{room: room, wide: wide, at: map[int]luks2.Extent{}}
	needed := uint64(0)
	for _, k := range slots {
		a.at[k.ID] = luks2.Extent{Offset: k.Area.Offset, Size: k.Area.Size}
		needed += luks2.AlignUp(k.Area.Size)
	}
	if needed > room.Size {
		return nil, &luks2.RoomError{Kind: "keyslots area", Needed: needed, Available: room.Size}
	}
	simple := a.clone()
	if simple.fill() {
		return simple.moves, nil
	}
	return a.moves, a.pack()
}

// arrangement is where the areas lie after the moves.
type arrangement struct {
	room, wide luks2.Extent
	at         map[int]luks2.Extent // by keyslot
	moves      []move
}

func (a *arrangement) clone() *arrangement {
	b := *a
	b.at = map[int]luks2.Extent{}
	for id, e := range a.at {
		b.at[id] = e
	}
	return &b
}

func (a *arrangement) move(id int, to uint64) {
	m := move{id, a.at[id], luks2.Extent{Offset: to, Size: a.at[id].Size}}
	a.moves = append(a.moves, m)
	a.at[id] = m.to
}

// fill moves the areas that lie outside, the largest first, into the first hole that takes them.
func (a *arrangement) fill() bool {
	outside := a.ids(func(x, y luks2.Extent) int { return cmp.Compare(y.Size, x.Size) })
	outside = slices.DeleteFunc(outside, func(id int) bool { return a.room.Contains(a.at[id]) })
	for _, id := range outside {
		to, ok := a.hole(a.room, a.at[id].Size)
		if !ok {
			return false
		}
		a.move(id, to)
	}
	return true
}

// pack puts the areas one behind the other from the start of the room: those inside in their order,
// then the others. What lies in the way, or across its own place, first goes to a hole elsewhere.
func (a *arrangement) pack() error {
	order := a.ids(func(x, y luks2.Extent) int {
		if in, other := a.room.Contains(x), a.room.Contains(y); in != other {
			return map[bool]int{true: -1, false: 1}[in]
		}
		return cmp.Compare(x.Offset, y.Offset)
	})
	next := luks2.AlignUp(a.room.Offset)
	for _, id := range order {
		place := luks2.Extent{Offset: next, Size: a.at[id].Size}
		next += luks2.AlignUp(place.Size)
		if a.at[id] == place {
			continue
		}
		if err := a.clear(place); err != nil {
			return err
		}
		a.move(id, place.Offset)
	}
	return nil
}

// clear moves what lies in the place to holes elsewhere.
func (a *arrangement) clear(place luks2.Extent) error {
	for _, id := range a.ids(byOffset) {
		if !a.at[id].Overlaps(place) {
			continue
		}
		to, ok := a.hole(a.wide, a.at[id].Size, place)
		if !ok {
			return &luks2.RoomError{Kind: "keyslots area", Needed: a.at[id].Size, Available: 0}
		}
		a.move(id, to)
	}
	return nil
}

func byOffset(x, y luks2.Extent) int { return cmp.Compare(x.Offset, y.Offset) }

// ids lists the keyslots in the order of their areas; equal ones by id.
func (a *arrangement) ids(order func(x, y luks2.Extent) int) []int {
	list := make([]int, 0, len(a.at))
	for id := range a.at {
		list = append(list, id)
	}
	sort.Slice(list, func(i, j int) bool { return cmp.Or(order(a.at[list[i]], a.at[list[j]]), list[i]-list[j]) < 0 })
	return list
}

// hole finds the first place of size bytes inside the range that no area and none of the taken
// ranges overlaps.
func (a *arrangement) hole(inside luks2.Extent, size uint64, taken ...luks2.Extent) (uint64, bool) {
	for _, id := range a.ids(byOffset) {
		taken = append(taken, a.at[id])
	}
	sort.Slice(taken, func(i, j int) bool { return taken[i].Offset < taken[j].Offset })
	at := luks2.AlignUp(inside.Offset)
	for _, e := range taken {
		if e.Overlaps(luks2.Extent{Offset: at, Size: size}) {
			at = luks2.AlignUp(max(at, e.End()))
		}
	}
	return at, at+size <= inside.End()
}
