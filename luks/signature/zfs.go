// SPDX-License-Identifier: Apache-2.0

package signature

import (
	"github.com/orthrus-luks/orthrus/dm/extent"
)

// ZFS has four labels of 256 KiB, two at each end of the device (whose size counts in whole
// labels). The second half of each is a ring of uberblocks, 1 KiB or more apart.
const (
	zfsLabel     = 256 << 10
	zfsRing      = 128 << 10 // from the start of a label
	zfsUberblock = 1 << 10
	zfsMagic     = 0x00bab10c // 64 bits in the maker's byte order
)

// zfs reports every uberblock, since each of them makes the device recognised: at most 128 in each
// label. What the pool covers ends with the last label, of which nothing is said here: the Extent
// is unknown.
func (v *view) zfs() (found []Signature) {
	end := extent.Down(v.size, zfsLabel)
	if end < 4*zfsLabel {
		return nil
	}
	for _, label := range []int64{0, zfsLabel, end - 2*zfsLabel, end - zfsLabel} {
		for off := label + zfsRing; off < label+zfsLabel; off += zfsUberblock {
			if v.uberblock(off) {
				found = append(found, Signature{
					Kind: "zfs_member", Usage: RAID, Offset: off, MagicLength: 8,
					Backup: len(found) > 0,
				})
			}
		}
	}
	return found
}

func (v *view) uberblock(off int64) bool {
	r := v.read(off, 8)
	return r != nil && (r.le64(0) == zfsMagic || r.be64(0) == zfsMagic)
}
