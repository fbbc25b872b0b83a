// SPDX-License-Identifier: Apache-2.0

package convert

import (
	"fmt"
	"maps"
	"testing"

	"github.com/orthrus-luks/orthrus/luks/luks2"
	"pgregory.net/rapid"
)

func clash(a, b, length uint64) bool { return a < b+length && b < a+length }

// replay checks every move of a plan against what lies where by then.
func replay(t interface{ Fatalf(string, ...any) }, now map[int]uint64, moves []Move, length uint64, room luks2.Extent) map[int]uint64 {
	at := maps.Clone(now)
	for _, m := range moves {
		if at[m.Keyslot] != m.From {
			t.Fatalf("%+v: keyslot lies at %d", m, at[m.Keyslot])
		}
		if m.To < room.Offset || m.To+length > room.End() || m.To%areaUnit != 0 {
			t.Fatalf("%+v: outside of %+v", m, room)
		}
		for id, there := range at {
			if clash(m.To, there, length) {
				t.Fatalf("%+v: over keyslot %d at %d", m, id, there)
			}
		}
		at[m.Keyslot] = m.To
	}
	return at
}

func TestMovesNeverTouchMaterialAndArrive(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		unit := uint64(areaUnit)
		length := unit * uint64(rapid.IntRange(1, 70).Draw(t, "length"))
		room := luks2.Extent{Offset: headsEnd, Size: unit * uint64(rapid.IntRange(1, 700).Draw(t, "room"))}
		now, want := map[int]uint64{}, map[int]uint64{}
		for id := range 8 {
			at := room.Offset + unit*uint64(rapid.IntRange(0, 700).Draw(t, fmt.Sprint("at", id)))
			free := at+length <= room.End()
			for _, other := range now {
				free = free && !clash(at, other, length)
			}
			if !free {
				continue
			}
			now[id] = at
			if to := room.Offset + uint64(id)*length; to+length <= room.End() {
				want[id] = to
			}
		}
		moves, fits := Moves(now, want, length, room)
		end := replay(t, now, moves, length, room)
		for id, to := range want {
			if fits && end[id] != to {
				t.Fatalf("keyslot %d ends at %d, not at %d", id, end[id], to)
			}
		}
	})
}
