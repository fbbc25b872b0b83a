// SPDX-License-Identifier: Apache-2.0

package mapped

import (
	"fmt"

	"github.com/orthrus-luks/orthrus/dm"
	"github.com/orthrus-luks/orthrus/dm/target"
	"github.com/orthrus-luks/orthrus/luks/activate"
)

// Level is a device of a cascade.
type Level struct {
	Name    string
	Cipher  string
	KeyBits int
	Device  string // "major:minor"
	Offset  uint64 // on it, 512-byte sectors
}

// Below finds the devices that a TrueCrypt or VeraCrypt mapping lies on, from the top down, besides the device of the
// data. Before 2.8.1 cryptsetup gave them the type of the mapping itself. Each must be where the one above it looks for
// it: another device of such a name is none of them.
func Below(control *dm.Control, name string, top *target.Crypt) (levels []Level) {
	above := top.Device
	for i := 1; ; i++ {
		lower := fmt.Sprintf("%s_%d", name, i)
		table, info, err := control.Table(lower, dm.Active)
		if err != nil {
			return levels
		}
		crypt, ok := table[0].(*target.Crypt)
		ours := info.UUID == activate.UUID(activate.Lower, "", lower) ||
			info.UUID == activate.UUID(activate.Tcrypt, "", lower)
		if ok {
			levels = append(levels, Level{lower, crypt.Cipher, crypt.Key.Size() * 8, crypt.Device, crypt.Offset})
		}
		table.Close()
		if number := (dm.Number{Major: info.Major, Minor: info.Minor}); !ok || !ours || number.String() != above {
			return levels[:i-1]
		}
		above = levels[i-1].Device
	}
}
