// SPDX-License-Identifier: Apache-2.0

package layout

import (
	"github.com/orthrus-luks/orthrus/luks/luks1"
	"github.com/orthrus-luks/orthrus/luks/luks2"
)

// Limit is the first byte that does not belong to the metadata: where the data begin, or the end of the
// device that holds the header, whichever comes first.
func Limit(c luks2.Copy, deviceSize uint64) uint64 {
	if at := c.Metadata.DataOffset(); at > 0 {
		return min(at, deviceSize)
	}
	return deviceSize
}

// Longest is how long the keyslots area could be on that device: up to Limit, and never above what the
// format allows.
func Longest(c luks2.Copy, deviceSize uint64) uint64 {
	heads := 2 * c.Header.Size
	limit := max(Limit(c, deviceSize), heads)
	return min(luks2.AlignDown(limit-heads), luks2.MaxKeyslotsSize)
}

// Metadata is the length of heads and keyslots area: of a header backup, and of a far header's body.
func Metadata(c luks2.Copy) uint64 { return c.Metadata.KeyslotsExtent(c.Header.Size).End() }

// Hole finds room for size bytes in the keyslots area of next that neither head uses: no area and no head of
// either lies there. The error is a luks2.RoomError, which says how much there is in one place.
func Hole(now, next luks2.Copy, size uint64) (luks2.Extent, error) {
	taken := append(claimed(now), claimed(next)...)
	room := next.Metadata.KeyslotsExtent(next.Header.Size)
	if at, ok := FirstFit(room, size, taken); ok {
		return luks2.Extent{Offset: at, Size: size}, nil
	}
	largest := uint64(0)
	for _, p := range places(room, taken) {
		largest = max(largest, p.Size)
	}
	return luks2.Extent{}, &luks2.RoomError{Kind: luks2.KeyslotsArea, Needed: size, Available: largest}
}

// claimed lists heads and areas.
func claimed(c luks2.Copy) []luks2.Extent {
	list := []luks2.Extent{{Size: 2 * c.Header.Size}}
	for _, k := range c.Metadata.Keyslots() {
		list = append(list, luks2.Extent{Offset: k.Area.Offset, Size: k.Area.Size})
	}
	return list
}

// FirstFit is the first place of size bytes inside the room, a multiple of 4096, that overlaps none of the
// taken ranges.
func FirstFit(room luks2.Extent, size uint64, taken []luks2.Extent) (uint64, bool) {
	for _, p := range places(room, taken) {
		if p.Size >= size {
			return p.Offset, true
		}
	}
	return 0, false
}

// places lists what the taken ranges leave of the room, each from a multiple of 4096 on, ascending.
func places(room luks2.Extent, taken []luks2.Extent) []luks2.Extent {
	var list []luks2.Extent
	for _, e := range room.Outside(taken) {
		// Behind the last multiple that 64 bits can name, rounding up begins anew at 0.
		if at := luks2.AlignUp(e.Offset); at >= e.Offset && at < e.End() {
			list = append(list, luks2.Extent{Offset: at, Size: e.End() - at})
		}
	}
	return list
}

// Limit1 is Limit for LUKS1.
func Limit1(h luks1.Header, deviceSize uint64) uint64 {
	if at := uint64(h.PayloadOffset) * luks1.SectorSize; at > 0 {
		return min(at, deviceSize)
	}
	return deviceSize
}
