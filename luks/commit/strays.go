// SPDX-License-Identifier: Apache-2.0

package commit

import (
	"github.com/orthrus-luks/orthrus/luks/header"
	"github.com/orthrus-luks/orthrus/luks/luks2"
)

// strays plans zeros over the binary headers of secondary heads that are still there after a device was wiped for
// a new volume. The heads of an earlier one may have been longer than all that the new one has in front of its data,
// and a reader that finds no other head would take such a one for the volume's. Only what bears the magic of a
// secondary head is overwritten; what cannot be read bears none.
func strays(dev header.Device) Plan {
	var p Plan
	magic := make([]byte, len(luks2.SecondaryMagic))
	for _, size := range luks2.Sizes() {
		if header.ReadFull(dev, magic, size) != nil || string(magic) != luks2.SecondaryMagic {
			continue
		}
		length := min(luks2.BinarySize, uint64(dev.Size())-size)
		p.loose(luks2.Copy{}, Area{"old secondary header", size, make([]byte, length)})
	}
	return p
}
