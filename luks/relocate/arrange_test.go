// SPDX-License-Identifier: Apache-2.0

package relocate

import (
	"errors"
	"testing"

	"github.com/orthrus-luks/orthrus/luks/luks2"
	"pgregory.net/rapid"
)

const page = luks2.AreaAlignment

// drawSlots puts keyslots of some sizes at random places inside wide without overlap.
func drawSlots(t *rapid.T, wide luks2.Extent) []luks2.Keyslot {
	var slots []luks2.Keyslot
	at := wide.Offset
	for id := range rapid.SampledFrom([]int{1, 3, 8, luks2.MaxKeyslots}).Draw(t, "keyslots") {
		at += page * uint64(rapid.SampledFrom([]int{0, 1, 2, 4}).Draw(t, "gap"))
		size := page * uint64(rapid.SampledFrom([]int{1, 3, 5, 7}).Draw(t, "size"))
		if at+size > wide.End() {
			break
		}
		slots = append(slots, luks2.Keyslot{ID: id, Area: luks2.Area{Offset: at, Size: size}})
		at += size
	}
	return slots
}

// follow carries the moves out and fails where one goes to a place that is not free.
func follow(t rapid.TB, slots []luks2.Keyslot, moves []move, wide luks2.Extent) map[int]luks2.Extent {
	at := map[int]luks2.Extent{}
	for _, k := range slots {
		at[k.ID] = luks2.Extent{Offset: k.Area.Offset, Size: k.Area.Size}
	}
	for _, m := range moves {
		if at[m.keyslot] != m.from || m.to.Size != m.from.Size || m.to.Offset%page != 0 || !wide.Contains(m.to) {
			t.Fatalf("move %+v of an area at %+v", m, at[m.keyslot])
		}
		for id, e := range at {
			if e.Overlaps(m.to) {
				t.Fatalf("move %+v onto keyslot %d at %+v", m, id, e)
			}
		}
		at[m.keyslot] = m.to
	}
	return at
}

func TestEveryMoveGoesToAFreePlaceAndAllEndInside(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		wide := luks2.Extent{Offset: 8 * page, Size: page * uint64(rapid.SampledFrom([]int{16, 40, 100, 300}).Draw(t, "wide"))}
		slots := drawSlots(t, wide)
		cut := page * uint64(rapid.IntRange(0, 20).Draw(t, "cut")%int(wide.Size/page))
		room := luks2.Extent{Offset: wide.Offset + cut, Size: wide.Size - cut}
		moves, err := arrange(slots, room, wide)
		if err != nil {
			if !errors.Is(err, luks2.ErrNoRoom) {
				t.Fatal(err)
			}
			return
		}
		for id, e := range follow(t, slots, moves, wide) {
			if !room.Contains(e) {
				t.Fatalf("keyslot %d ends at %+v, outside %+v", id, e, room)
			}
		}
	})
}

func TestAreasArePackedWhereHolesAreTooSmall(t *testing.T) {
	slots := []luks2.Keyslot{
		{ID: 0, Area: luks2.Area{Offset: 2 * page, Size: 7 * page}},
		{ID: 1, Area: luks2.Area{Offset: 12 * page, Size: 5 * page}},
		{ID: 2, Area: luks2.Area{Offset: 19 * page, Size: 5 * page}},
	}
	wide, room := luks2.Extent{Offset: 2 * page, Size: 38 * page}, luks2.Extent{Offset: 10 * page, Size: 20 * page}
	moves, err := arrange(slots, room, wide)
	if err != nil || len(moves) < 4 {
		t.Fatalf("%d moves, %v", len(moves), err)
	}
	at := follow(t, slots, moves, wide)
	for id, want := range map[int]uint64{1: 10 * page, 2: 15 * page, 0: 20 * page} {
		if at[id].Offset != want {
			t.Errorf("keyslot %d ends at page %d, want %d", id, at[id].Offset/page, want/page)
		}
	}
	var room1 *luks2.RoomError
	if _, err := arrange(slots, luks2.Extent{Offset: 10 * page, Size: 16 * page}, wide); !errors.As(err, &room1) || room1.Needed != 17*page {
		t.Errorf("too little room: %v", err)
	}
}

func TestAreasThatNeedNoMoveStay(t *testing.T) {
	slots := []luks2.Keyslot{
		{ID: 0, Area: luks2.Area{Offset: 2 * page, Size: page}},
		{ID: 1, Area: luks2.Area{Offset: 10 * page, Size: 2 * page}},
	}
	moves, err := arrange(slots, luks2.Extent{Offset: 8 * page, Size: 8 * page}, luks2.Extent{Offset: 2 * page, Size: 14 * page})
	want := move{0, luks2.Extent{Offset: 2 * page, Size: page}, luks2.Extent{Offset: 8 * page, Size: page}}
	if err != nil || len(moves) != 1 || moves[0] != want {
		t.Errorf("%+v, %v", moves, err)
	}
}

func TestOutside(t *testing.T) {
	e := func(from, to uint64) luks2.Extent { return luks2.Extent{Offset: from, Size: to - from} }
	got := e(10, 100).Outside([]luks2.Extent{e(0, 20), e(30, 40), e(35, 50), e(90, 200)})
	want := []luks2.Extent{e(20, 30), e(50, 90)}
	if len(got) != len(want) || got[0] != want[0] || got[1] != want[1] {
		t.Errorf("%+v", got)
	}
}
