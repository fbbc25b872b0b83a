// SPDX-License-Identifier: Apache-2.0

package commit

import (
	"slices"
	"testing"

	"github.com/orthrus-luks/orthrus/luks/luks2"
	"pgregory.net/rapid"
)

// TestEveryWholeCopyIsFoundAndNothingElse lays copies of keyslots' material anywhere, some of them not whole.
func TestEveryWholeCopyIsFoundAndNothingElse(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		const sectors = 64
		d := &disk{image: make([]byte, (20+sectors)*sectorSize), bad: map[int64]bool{}}
		size := rapid.IntRange(sectorSize, 7*sectorSize).Draw(t, "size")
		m := material{3, luks2.Extent{Offset: 2 * sectorSize, Size: uint64(size)}, make([]byte, size)}
		salt := rapid.Byte().Draw(t, "salt")
		for i := range m.bytes {
			m.bytes[i] = byte(i*7+i>>8) ^ salt
		}
		copy(d.image[m.at.Offset:], m.bytes)
		room := uint64(len(d.image))
		var want []uint64
		gap := rapid.IntRange(0, 9)
		for at := 10 + gap.Draw(t, "gap"); at+7 <= 20+sectors; at += 7 + gap.Draw(t, "gap") {
			start := at * sectorSize
			copy(d.image[start:], m.bytes)
			switch rapid.IntRange(0, 3).Draw(t, "fate") {
			case 0:
				d.image[start+rapid.IntRange(0, size-1).Draw(t, "changed")] ^= 1
			case 1:
				d.bad[int64(at+rapid.IntRange(0, (size-1)/sectorSize).Draw(t, "unreadable"))] = true
			default:
				want = append(want, uint64(start))
			}
		}
		var got []uint64
		for _, c := range copies(d, []material{m}, 0, room) {
			got = append(got, c.at.Offset)
		}
		slices.Sort(got)
		if !slices.Equal(got, want) {
			t.Fatalf("found copies at %v, want %v", got, want)
		}
	})
}
