// SPDX-License-Identifier: Apache-2.0

package block

import (
	"path/filepath"
	"sort"

	"github.com/orthrus-luks/orthrus/dm/folder"
)

// Info is one block device that the kernel has, as sysfs tells it.
type Info struct {
	Name         string // the kernel's, e.g. "sda1", "dm-0"
	Path         string // device node, e.g. /dev/sda1; it may be absent where no devtmpfs is
	Major, Minor uint32
	Size         int64  // bytes; 0 for a drive without a medium or an unused loop device
	Disk         string // kernel name of the disk a partition lies on, else ""
	DMName       string // device-mapper name, else ""
	DMUUID       string // device-mapper uuid, else ""
}

// Devices lists every block device in /sys/class/block in the order of names, partitions
// included. Devices that go away meanwhile are left out.
func Devices() ([]Info, error) { return system.devices() }

func (r root) devices() ([]Info, error) {
	class := r.path("sys/class/block")
	entries, err := folder.Names(class)
	if err != nil {
		return nil, err
	}
	var all []Info
	for _, entry := range entries {
		dir, err := filepath.EvalSymlinks(filepath.Join(class, entry))
		if err != nil {
			continue
		}
		if info, ok := r.describe(dir); ok {
			all = append(all, info)
		}
	}
	sort.Slice(all, func(i, j int) bool { return all[i].Name < all[j].Name })
	return all, nil
}

// Now is the size in bytes and the sequence number (0 before Linux 5.15) of the disk that has a device
// number at this moment, without opening it. The error is of kind fs.ErrNotExist where none has.
func Now(major, minor uint32) (size int64, sequence uint64, err error) {
	n := number{major, minor}
	dir, err := system.sysDir(n)
	if err != nil {
		return 0, 0, &PathError{Op: "resolve", Path: n.String(), Err: err}
	}
	return integer(dir, "size") * 512, uint64(integer(wholeDisk(dir), "diskseq")), nil
}

// describe reads the sysfs directory of one device.
func (r root) describe(dir string) (Info, bool) {
	n, ok := numberOf(dir)
	info := Info{
		Name:   filepath.Base(dir),
		Path:   r.path("dev", nodeName(dir)),
		Major:  n.major,
		Minor:  n.minor,
		Size:   integer(dir, "size") * 512, // always 512-byte sectors
		DMName: ReadAttribute(dir, "dm/name"),
		DMUUID: ReadAttribute(dir, "dm/uuid"),
	}
	if disk := wholeDisk(dir); disk != dir {
		info.Disk = filepath.Base(disk)
	}
	return info, ok
}
