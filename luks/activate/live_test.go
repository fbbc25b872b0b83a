// SPDX-License-Identifier: Apache-2.0

package activate

import (
	"slices"
	"testing"

	"github.com/orthrus-luks/orthrus/dm"
	"github.com/orthrus-luks/orthrus/dm/block"
	"github.com/orthrus-luks/orthrus/dm/target"
	"github.com/orthrus-luks/orthrus/luks/luks2"
)

func TestRangesThatATableReachesOver(t *testing.T) {
	self := block.Face{Major: 7}
	disk := block.Face{Major: 8, Offset: -1 << 20}
	loop := block.Face{Major: 7, Minor: 1, Offset: 4096}
	faces := []block.Face{self, disk, loop}
	cases := []struct {
		name  string
		table dm.Table
		want  []luks2.Extent
	}{
		{"crypt", dm.Table{&target.Crypt{Length: 100, Device: "7:0", Offset: 8}}, []luks2.Extent{{Offset: 4096, Size: 51200}}},
		{"crypt on a loop over it", dm.Table{&target.Crypt{Length: 100, Device: "7:1", Offset: 8}}, []luks2.Extent{{Offset: 8192, Size: 51200}}},
		{"linear on the disk", dm.Table{&target.Linear{Length: 4096, Device: "8:0", Offset: 1024}}, []luks2.Extent{{Size: 3 << 19}}},
		{"linear before the partition", dm.Table{&target.Linear{Length: 8, Device: "8:0"}}, []luks2.Extent{{}}},
		{"another device", dm.Table{&target.Crypt{Length: 100, Device: "9:0"}}, nil},
		{"errors", dm.Table{&target.Error{Length: 100}}, nil},
		{"two lines", dm.Table{&target.Error{Length: 8}, &target.Linear{Start: 8, Length: 8, Device: "7:0"}}, []luks2.Extent{{Size: 4096}}},
		{"a target that is not known", dm.Table{&target.Raw{Length: 8, Kind: "raid"}}, []luks2.Extent{everything}},
		{"endless", dm.Table{&target.Linear{Length: 1 << 62, Device: "7:0"}}, []luks2.Extent{everything}},
	}
	for _, c := range cases {
		if got := Ranges(c.table, faces); !slices.Equal(got, c.want) {
			t.Errorf("%s: %v", c.name, got)
		}
	}
}
