// SPDX-License-Identifier: Apache-2.0

package luks

import (
	"github.com/orthrus-luks/orthrus/dm/block"
	"github.com/orthrus-luks/orthrus/dm/extent"
)

// Overlaps tells whether a detached header, with keyslots in the first end bytes of what is at one path, and data that
// lie on what is at the other, would share bytes: they are the same disk or file. What cannot be opened is for those to
// refuse who need it.
func Overlaps(header, data string, d Data, end uint64) bool {
	meta, err := block.Open(header, 0)
	if err != nil {
		return false
	}
	defer meta.Close()
	dev, err := block.Open(data, 0)
	if err != nil {
		return false
	}
	defer dev.Close()
	at, same := meta.StartIn(dev)
	size := d.Size
	if d.Dynamic {
		size = uint64(dev.Size()) - min(d.Offset, uint64(dev.Size()))
	}
	return same && covers(at, extent.Extent{Offset: d.Offset, Size: size}, end)
}

// covers tells whether data on a device that starts at byte `at` of another lies in the first end bytes of that. Data
// that has no length yet begins there all the same.
func covers(at int64, data extent.Extent, end uint64) bool {
	first := at + int64(data.Offset)
	return first < int64(end) && first+int64(max(data.Size, 1)) > 0
}
