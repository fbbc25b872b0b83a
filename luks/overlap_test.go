// SPDX-License-Identifier: Apache-2.0

package luks

import (
	"testing"

	"github.com/orthrus-luks/orthrus/dm/extent"
)

func TestDataOverTheMetadata(t *testing.T) {
	for _, c := range []struct {
		what         string
		at           int64
		offset, size uint64
		end          uint64
		want         bool
	}{
		{"the same device from its start", 0, 0, 1 << 30, 16 << 20, true},
		{"in the middle of the keyslots", 0, 4 << 20, 1 << 30, 16 << 20, true},
		{"right behind them", 0, 16 << 20, 1 << 30, 16 << 20, false},
		{"a loop device from behind them on", 16 << 20, 0, 1 << 30, 16 << 20, false},
		{"a partition inside", 1 << 20, 0, 1 << 30, 16 << 20, true},
		{"the partition before the header's", -1 << 20, 0, 1 << 20, 16 << 20, false},
		{"the disk that the header's partition is on", -1 << 20, 0, 1 << 30, 16 << 20, true},
		{"no room for data yet", 0, 0, 0, 16 << 20, true},
	} {
		if got := covers(c.at, extent.Extent{Offset: c.offset, Size: c.size}, c.end); got != c.want {
			t.Errorf("%s: %v", c.what, got)
		}
	}
}
