// SPDX-License-Identifier: Apache-2.0

package activate

import (
	"github.com/orthrus-luks/orthrus/dm"
	"github.com/orthrus-luks/orthrus/dm/block"
	"github.com/orthrus-luks/orthrus/dm/integrity"
)

// Data is the block device that holds encrypted data.
type Data struct {
	Device    dm.Number
	Size      uint64 // bytes
	ReadAhead uint   // 512-byte sectors
	ReadOnly  bool
	DiskSeq   uint64 // tells disks of one number apart; 0 where the kernel does not count them

	Tags *integrity.Superblock // of a volume whose sectors are authenticated
}

// Describe is what a mapping needs to know of an open block device.
func Describe(dev *block.Device) (Data, error) {
	t, err := dev.Topology()
	return Data{
		Device: dm.Number{Major: dev.Major(), Minor: dev.Minor()},
		Size:   uint64(dev.Size()), ReadAhead: uint(t.ReadAhead), ReadOnly: t.ReadOnly, DiskSeq: t.DiskSeq,
	}, err
}

// Again is the data with the size and the disk that its device number has now. The error is of kind
// fs.ErrNotExist where it has none.
func Again(d Data) (Data, error) {
	size, sequence, err := block.Now(d.Device.Major, d.Device.Minor)
	d.Size, d.DiskSeq = uint64(size), sequence
	return d, err
}
