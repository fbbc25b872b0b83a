// SPDX-License-Identifier: Apache-2.0

package block

import "golang.org/x/sys/unix"

// ground is what a device's bytes really lie on, with nothing of loop devices and partitions left.
type ground struct {
	file   identity // of a regular file
	device number   // of a block device where it is none
	at     int64    // where the first byte lies there
}

// StartIn tells where in d the first byte of other lies, in bytes, negative before the start of d, and whether both
// lie on the same disk or file at all: by whatever name, and through loop devices and partitions. Where one stands on
// the other through something else (multipath, RAID 1, a linear mapping) and is as long, they begin together.
func (d *Device) StartIn(other *Device) (at int64, same bool) {
	if other == nil {
		return 0, false
	}
	below, under := d.ground(), other.ground()
	if below.file == under.file && below.device == under.device {
		return under.at - below.at, true
	}
	shown := Info{Path: other.path, Major: other.Major(), Minor: other.Minor()}
	return 0, d.Size() == other.Size() && d.SharesBytes(shown)
}

func (d *Device) ground() ground {
	if !d.block {
		return ground{file: d.inode}
	}
	return system.ground(number{d.Major(), d.Minor()})
}

// ground goes down as far as sysfs shows what is below.
func (r root) ground(n number) ground {
	g := ground{device: n}
	for {
		dir, err := r.sysDir(g.device)
		if err != nil {
			return g
		}
		if disk, ok := numberOf(wholeDisk(dir)); ok && disk != g.device {
			g.device, g.at = disk, g.at+integer(dir, "start")*512
			continue
		}
		var st unix.Stat_t
		path, ok := r.backing(g.device)
		if !ok || restart(func() error { return unix.Stat(path, &st) }) != nil {
			return g
		}
		g.at += integer(dir, "loop/offset")
		if st.Mode&unix.S_IFMT != unix.S_IFBLK {
			g.file, g.device = identity{uint64(st.Dev), st.Ino}, number{}
			return g
		}
		g.device = number{unix.Major(uint64(st.Rdev)), unix.Minor(uint64(st.Rdev))}
	}
}
