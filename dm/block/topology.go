// SPDX-License-Identifier: Apache-2.0

package block

import (
	"golang.org/x/sys/unix"
)

// Topology is what the kernel says of a device's shape. A partition has its own AlignmentOffset,
// read-only flag and read-ahead, and its disk's other facts.
type Topology struct {
	LogicalSector   int64 // bytes
	PhysicalSector  int64 // bytes
	MinIO, OptIO    int64 // preferred request sizes, bytes; 0 unknown
	AlignmentOffset int64 // bytes from the start to the first natural boundary; -1 misaligned
	ReadAhead       int64 // 512-byte sectors
	Rotational      bool
	Removable       bool
	ReadOnly        bool
	Zoned           bool // host-aware or host-managed
	DAX             bool
	DiskSeq         uint64 // grows with each new disk or medium; 0 before Linux 5.15
}

// Topology asks the kernel (block ioctls, sysfs). A regular file has sectors of 512 bytes and
// nothing else.
func (d *Device) Topology() (Topology, error) {
	t := Topology{LogicalSector: int64(d.logical), PhysicalSector: int64(d.physical)}
	if !d.block {
		return t, nil
	}
	if err := d.askTopology(&t); err != nil {
		return t, &IOError{Path: d.path, Op: "topology", Err: err}
	}
	system.topology(number{d.Major(), d.Minor()}, &t)
	return t, nil
}

// askTopology leaves out what an old kernel or a driver does not know.
func (d *Device) askTopology(t *Topology) error {
	protected, err := deviceUint(d.fd, unix.BLKROGET)
	if err != nil {
		return err
	}
	t.ReadOnly = protected != 0
	t.MinIO, _ = deviceUint(d.fd, unix.BLKIOMIN)
	t.OptIO, _ = deviceUint(d.fd, unix.BLKIOOPT)
	t.AlignmentOffset, _ = alignmentOffset(d.fd)
	t.ReadAhead, _ = readAhead(d.fd)
	t.DiskSeq, _ = diskSequence(d.fd)
	return nil
}

func (r root) topology(n number, t *Topology) {
	dir, err := r.sysDir(n)
	if err != nil {
		return // no sysfs mounted: what the ioctls said stands
	}
	disk := wholeDisk(dir)
	zoned := ReadAttribute(disk, "queue/zoned")
	t.Zoned = zoned == "host-aware" || zoned == "host-managed"
	t.DAX = integer(disk, "queue/dax") == 1
	t.Rotational = integer(disk, "queue/rotational") == 1
	t.Removable = integer(disk, "removable") == 1
}
