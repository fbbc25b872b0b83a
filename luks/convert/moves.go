// SPDX-License-Identifier: Apache-2.0

package convert

import (
	"maps"
	"slices"

	"github.com/orthrus-luks/orthrus/luks/luks2"
)

// areaUnit is the grid of keyslot areas in both formats, bytes.
const areaUnit = luks2.AreaAlignment

// Move is one copy of a keyslot's material between places that do not overlap; bytes.
type Move struct {
	Keyslot  int
	From, To uint64
}

// Moves plans how keyslots of one length (bytes) get from where they lie to where they are wanted,
// within room. Each move goes to a place that no keyslot lies at then, its own old one included, so
// that after each of them the material exists twice. Keyslots that no place is wanted for stay. It
// tells false, and no move, where there is no room to get all of them there.
func Moves(now, want map[int]uint64, length uint64, room luks2.Extent) ([]Move, bool) {
	for _, order := range orders(slices.Sorted(maps.Keys(want))) {
		p := places{at: maps.Clone(now), want: want, order: order, length: length, room: room, aside: map[int]int{}}
		if moves, fits := p.arrange(); fits {
			return moves, true
		}
	}
	return nil, false
}

// orders are those in which keyslots are tried, forwards and backwards from each of them: which of
// them goes first decides whether tight room is enough.
func orders(ids []int) [][]int {
	list := [][]int{ids}
	for range 2 {
		for i := range ids {
			list = append(list, slices.Concat(ids[i:], ids[:i]))
		}
		ids = slices.Clone(ids)
		slices.Reverse(ids)
	}
	return list
}

func (p places) arrange() ([]Move, bool) {
	var moves []Move
	for !p.settled() {
		m, found := p.next()
		if !found {
			return nil, false
		}
		p.at[m.Keyslot] = m.To
		moves = append(moves, m)
	}
	return moves, true
}

// maxAside is how often one keyslot may step aside.
const maxAside = 2

// places is where keyslots lie in the course of moving.
type places struct {
	at, want map[int]uint64
	order    []int // in which the keyslots are tried
	length   uint64
	room     luks2.Extent
	aside    map[int]int // how often a keyslot has made room
}

func (p places) settled() bool {
	for id, to := range p.want {
		if p.at[id] != to {
			return false
		}
	}
	return true
}

// next prefers a keyslot that can go where it is wanted over one that has to step aside, be it for
// itself or for another one.
func (p places) next() (Move, bool) {
	for _, id := range p.order {
		if to := p.want[id]; p.at[id] != to && len(p.over(to)) == 0 {
			return Move{id, p.at[id], to}, true
		}
	}
	for _, id := range p.order {
		for _, blocker := range p.over(p.want[id]) {
			if p.at[id] == p.want[id] || p.aside[blocker] == maxAside {
				continue
			}
			if to, found := p.spare(p.want[id]); found {
				p.aside[blocker]++
				return Move{blocker, p.at[blocker], to}, true
			}
		}
	}
	return Move{}, false
}

// over lists the keyslots that lie over the area at offset.
func (p places) over(offset uint64) []int {
	var ids []int
	for id, at := range p.at {
		if offset < at+p.length && at < offset+p.length {
			ids = append(ids, id)
		}
	}
	slices.Sort(ids)
	return ids
}

// spare finds the last free place that keeps clear of the one given.
func (p places) spare(keep uint64) (uint64, bool) {
	if p.room.Size < p.length {
		return 0, false
	}
	for at := luks2.AlignDown(p.room.End() - p.length); at >= p.room.Offset; at -= areaUnit {
		clear := at+p.length <= keep || keep+p.length <= at
		if clear && len(p.over(at)) == 0 {
			return at, true
		}
		if at < areaUnit {
			break
		}
	}
	return 0, false
}
