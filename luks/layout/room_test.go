// SPDX-License-Identifier: Apache-2.0

package layout_test

import (
	"errors"
	"testing"

	"pgregory.net/rapid"

	"github.com/orthrus-luks/orthrus/luks/far"
	"github.com/orthrus-luks/orthrus/luks/layout"
	"github.com/orthrus-luks/orthrus/luks/luks1"
	"github.com/orthrus-luks/orthrus/luks/luks2"
)

func TestTheMetadataReachToTheDataOrToTheDevicesEnd(t *testing.T) {
	const heads = 2 * luks2.MinSize
	tests := []struct {
		name           string
		data, device   uint64
		limit, longest uint64
	}{
		{"detached", 0, mib, mib, mib - heads},
		{"detached, odd device", 0, mib + 4095, mib + 4095, mib - heads},
		{"data behind", 2 * mib, 8 * mib, 2 * mib, 2*mib - heads},
		{"data at an odd sector", 2*mib + 512, 8 * mib, 2*mib + 512, 2*mib - heads},
		{"data behind the device", 8 * mib, 2 * mib, 2 * mib, 2*mib - heads},
		{"data where the device ends", 2 * mib, 2 * mib, 2 * mib, 2*mib - heads},
		{"no room at all", heads, mib, heads, 0},
		{"no room for a page", heads + 4095, mib, heads + 4095, 0},
		{"room for a page", heads + 4096, mib, heads + 4096, 4096},
		{"data inside the heads", 512, mib, 512, 0},
		{"device inside the heads", 0, heads - 1, heads - 1, 0},
		{"no device", 0, 0, 0, 0},
		{
			"the most that the format allows", 0, heads + luks2.MaxKeyslotsSize, heads + luks2.MaxKeyslotsSize,
			luks2.MaxKeyslotsSize,
		},
		{
			"more than that", 0, heads + luks2.MaxKeyslotsSize + page, heads + luks2.MaxKeyslotsSize + page,
			luks2.MaxKeyslotsSize,
		},
		{"the largest device", 0, last, last, luks2.MaxKeyslotsSize},
		{"the last sector", last - 511, last, last - 511, luks2.MaxKeyslotsSize},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			v := &volume{keyslots: 4 * page, data: test.data}
			v.make(t, luks2.MinSize)
			if limit := layout.Limit(v.head, test.device); limit != test.limit {
				t.Errorf("limit %d, want %d", limit, test.limit)
			}
			if longest := layout.Longest(v.head, test.device); longest != test.longest {
				t.Errorf("longest %d, want %d", longest, test.longest)
			}
			if end := layout.Metadata(v.head); end != heads+4*page {
				t.Errorf("metadata of %d bytes", end)
			}
		})
	}
}

func TestTheMetadataOfLUKS1ReachToTheDataOrToTheDevicesEnd(t *testing.T) {
	for _, test := range []struct{ payload, device, want uint64 }{
		{0, mib, mib},
		{0, 0, 0},
		{4096, 8 * mib, 2 * mib},
		{4096, 2 * mib, 2 * mib},
		{4096, 2*mib - 1, 2*mib - 1},
		{1, mib, 512},
		{1<<32 - 1, last, (1<<32 - 1) * 512},
	} {
		h := luks1.Header{PayloadOffset: uint32(test.payload)}
		if got := layout.Limit1(h, test.device); got != test.want {
			t.Errorf("data at sector %d on %d: %d, want %d", test.payload, test.device, got, test.want)
		}
	}
}

// The area may grow to the longest one, and not by a page more.
func TestTheLongestKeyslotsAreaFitsAndNoLongerOne(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		v := drawVolume(t)
		v.token, v.slots = far.Token{}, nil
		longest := layout.Longest(v.head, v.device)
		if longest%page != 0 || longest > luks2.MaxKeyslotsSize || longest < v.keyslots {
			t.Fatalf("longest %d, it has %d", longest, v.keyslots)
		}
		for _, length := range []uint64{longest, longest + page} {
			v.keyslots = length
			v.make(t, v.head.Header.Size)
			fits := layout.Fits(v.head, v.device) == nil && length <= luks2.MaxKeyslotsSize
			if fits != (length == longest) {
				t.Fatalf("%d bytes fit: %t, the longest is %d", length, fits, longest)
			}
		}
	})
}

func TestTheFirstPlaceThatIsLargeEnoughIsFound(t *testing.T) {
	e := func(from, to uint64) luks2.Extent { return luks2.Extent{Offset: from * page, Size: (to - from) * page} }
	tests := []struct {
		name  string
		room  luks2.Extent
		size  uint64
		taken []luks2.Extent
		want  uint64
		found bool
	}{
		{"an empty room", e(8, 20), 3 * page, nil, 8 * page, true},
		{"all of the room", e(8, 20), 12 * page, nil, 8 * page, true},
		{"a byte more than the room", e(8, 20), 12*page + 1, nil, 0, false},
		{"behind what is taken", e(8, 20), 3 * page, []luks2.Extent{e(0, 9)}, 9 * page, true},
		{"between", e(8, 20), 3 * page, []luks2.Extent{e(14, 20), e(0, 9)}, 9 * page, true},
		{"a hole that is exact", e(8, 20), 3 * page, []luks2.Extent{e(0, 9), e(12, 20)}, 9 * page, true},
		{"a hole that lacks a byte", e(8, 20), 3*page + 1, []luks2.Extent{e(0, 9), e(12, 20)}, 0, false},
		{"the second hole", e(8, 20), 3 * page, []luks2.Extent{e(10, 12), e(16, 17)}, 12 * page, true},
		{"the end of the room", e(8, 20), 3 * page, []luks2.Extent{e(8, 17)}, 17 * page, true},
		{"a room that begins oddly", luks2.Extent{Offset: 8*page + 1, Size: 4*page - 1}, 3 * page, nil, 9 * page, true},
		{"a room that begins too oddly", luks2.Extent{Offset: 8*page + 1, Size: 4*page - 1}, 3*page + 1, nil, 0, false},
		{"taken ranges that end oddly", e(8, 20), page, []luks2.Extent{{Offset: 8 * page, Size: 1}}, 9 * page, true},
		{"what is taken overlaps", e(8, 20), page, []luks2.Extent{e(8, 12), e(10, 14), e(9, 11)}, 14 * page, true},
		{"an empty range takes nothing", e(8, 20), page, []luks2.Extent{{Offset: 8 * page}}, 8 * page, true},
		{"no room", luks2.Extent{Offset: 8 * page}, page, nil, 0, false},
		{
			"room at the end of all numbers",
			luks2.Extent{Offset: last - 3*page, Size: 3 * page},
			page, nil,
			last - 3*page + 1, true,
		},
		{"a room whose first whole page has no number", luks2.Extent{Offset: last - 10, Size: 10}, 1, nil, 0, false},
		{"taken up to the end of all numbers", luks2.Extent{Size: last}, page, []luks2.Extent{{Size: last}}, 0, false},
		{
			"taken up to the last page of all numbers",
			luks2.Extent{Offset: 8 * page, Size: last},
			page,
			[]luks2.Extent{{Offset: 8 * page, Size: last - 8*page - 100}},
			0, false,
		},
		{"more than all numbers", e(8, 20), last, nil, 0, false},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			if at, found := layout.FirstFit(test.room, test.size, test.taken); at != test.want || found != test.found {
				t.Errorf("%d, %t, want %d, %t", at, found, test.want, test.found)
			}
		})
	}
}

// A place that is found lies in the room, over nothing, and no page before it would do; where none is found, no page
// would.
func TestNoPlaceOverlapsAnythingOrLeavesTheRoom(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		base := rapid.SampledFrom([]uint64{0, 8 * page, last - 64*page}).Draw(t, "base")
		number := func(what string, most uint64) uint64 {
			return base + rapid.Uint64Range(0, most*8).Draw(t, what)*512
		}
		room := luks2.Extent{Offset: number("room", 10), Size: 512 * rapid.Uint64Range(0, 300).Draw(t, "length")}
		size := rapid.SampledFrom([]uint64{1, 512, page, 3 * page, 5*page - 512}).Draw(t, "size")
		var taken []luks2.Extent
		for range rapid.IntRange(0, 6).Draw(t, "taken") {
			length := rapid.SampledFrom([]uint64{0, 1, 512, page, 4 * page, last}).Draw(t, "taken length")
			taken = append(taken, luks2.Extent{Offset: number("taken at", 48), Size: length})
		}
		at, found := layout.FirstFit(room, size, taken)
		for p := (room.Offset + page - 1) / page * page; p >= room.Offset && p < room.End(); p += page {
			e := luks2.Extent{Offset: p, Size: size}
			free := size <= room.End()-p
			for _, other := range taken {
				free = free && !other.Overlaps(e)
			}
			if free {
				if !found || at != p {
					t.Fatalf("page at %d is free, found %d, %t", p, at, found)
				}
				return
			}
		}
		if found {
			t.Fatalf("found %d", at)
		}
	})
}

func TestAHoleIsFreeUnderBothHeads(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		now := drawVolume(t)
		next, _ := succeed(t, now)
		if rapid.Bool().Draw(t, "another size") {
			next.keyslots += page * rapid.Uint64Range(0, 8).Draw(t, "more")
			next.make(t, rapid.SampledFrom(luks2.Sizes()).Draw(t, "next head"))
		}
		size := rapid.SampledFrom([]uint64{1, page, 3 * page, 64 * page}).Draw(t, "size")
		hole, err := layout.Hole(now.head, next.head, size)
		if err != nil {
			refused(t, now, next, size, err)
			return
		}
		if hole.Size != size || hole.Offset%page != 0 {
			t.Fatalf("%+v for %d bytes", hole, size)
		}
		room := luks2.Extent{Offset: 2 * next.head.Header.Size, Size: next.keyslots}
		if !room.Contains(hole) || hole.Offset < 2*now.head.Header.Size {
			t.Fatalf("%+v outside %+v", hole, room)
		}
		for _, k := range append(now.slots, next.slots...) {
			if hole.Overlaps(luks2.Extent{Offset: k.Area.Offset, Size: k.Area.Size}) {
				t.Fatalf("%+v over keyslot %d at %d", hole, k.ID, k.Area.Offset)
			}
		}
		if next.head.Header.Size == now.head.Header.Size && next.keyslots == now.keyslots {
			if err := layout.Before(now.head, next.head, now.device, hole); err != nil {
				t.Fatal(err)
			}
		}
	})
}

// refused: no page of the room is free under both heads, and the error says how much there is.
func refused(t *rapid.T, now, next *volume, size uint64, err error) {
	var room *luks2.RoomError
	if !errors.As(err, &room) || !errors.Is(err, luks2.ErrNoRoom) || room.Needed != size ||
		room.Kind != luks2.KeyslotsArea {
		t.Fatal(err)
	}
	if room.Available >= size {
		t.Fatalf("%d bytes are available, %d needed", room.Available, size)
	}
	if _, err := layout.Hole(now.head, next.head, max(room.Available, 1)); (err == nil) != (room.Available > 0) {
		t.Fatalf("%d bytes are said to be available: %v", room.Available, err)
	}
	if hole, err := layout.Hole(now.head, next.head, room.Available+1); err == nil {
		t.Fatalf("%d bytes are said to be available, there are %d at %d", room.Available, hole.Size, hole.Offset)
	}
}

func TestARefusalOfRoomTellsTheLargestPlace(t *testing.T) {
	now := simple(t) // keyslots on pages 9 and 12 to 14 of 8 to 19
	for _, from := range []uint64{8, 15} {
		next := *now
		next.slots = append(next.slots, slotAt(7, from*page, page), slotAt(8, 17*page, 3*page))
		next.make(t, luks2.MinSize)
		_, err := layout.Hole(now.head, next.head, 4*page)
		var room *luks2.RoomError
		if want := uint64(2 * page); !errors.As(err, &room) || room.Available != want || room.Needed != 4*page {
			t.Errorf("%v", err)
		}
	}
}
