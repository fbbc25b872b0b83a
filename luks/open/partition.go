// SPDX-License-Identifier: Apache-2.0

package open

import (
	"strconv"

	"github.com/orthrus-luks/orthrus/dm"
	"github.com/orthrus-luks/orthrus/dm/block"
)

// Partition is a partition with its disk.
type Partition struct {
	Path, Disk  string
	Start, Size uint64 // on the disk, bytes

	own, whole dm.Number
}

// PartitionAt is the partition whose node the path names; nil for what is none.
func PartitionAt(path string) *Partition {
	return partition(path, func(p *Partition, named dm.Number) bool { return p.own == named })
}

// PartitionWith is the partition of a disk that has exactly these bytes; nil where there is none.
func PartitionWith(disk string, start, size uint64) *Partition {
	return partition(disk, func(p *Partition, named dm.Number) bool {
		return p.whole == named && p.Start == start && p.Size == size
	})
}

// partition is the one that fits the block device which the path names.
func partition(path string, fits func(p *Partition, named dm.Number) bool) *Partition {
	dev, err := block.Open(path, 0)
	if err != nil {
		return nil
	}
	defer dev.Close()
	if !dev.IsBlock() {
		return nil
	}
	for _, p := range partitions() {
		if fits(&p, dm.Number{Major: dev.Major(), Minor: dev.Minor()}) {
			return &p
		}
	}
	return nil
}

// partitions are all of this machine.
func partitions() (list []Partition) {
	devices, err := block.Devices()
	if err != nil {
		return nil
	}
	disks := map[string]block.Info{}
	for _, d := range devices {
		disks[d.Name] = d
	}
	for _, d := range devices {
		sectors, err := strconv.ParseUint(block.Attribute(d.Major, d.Minor, "start"), 10, 54)
		if err == nil && d.Disk != "" {
			whole := disks[d.Disk]
			list = append(list, Partition{
				Path: d.Path, Disk: whole.Path, Start: sectors * 512, Size: uint64(d.Size),
				own:   dm.Number{Major: d.Major, Minor: d.Minor},
				whole: dm.Number{Major: whole.Major, Minor: whole.Minor},
			})
		}
	}
	return list
}
