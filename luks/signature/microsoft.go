// SPDX-License-Identifier: Apache-2.0

package signature

import (
	"encoding/hex"
	"fmt"
)

func microsoft() []format {
	togo, _ := hex.DecodeString(bitLockerToGoID)
	onWrite, _ := hex.DecodeString(bitLockerOnWriteID)
	return []format{
		{kind: "exfat", usage: Filesystem, magic: "EXFAT   ", from: 3, length: 512, parse: exfat},
		{kind: "ntfs", usage: Filesystem, magic: "NTFS    ", from: 3, length: 512, parse: ntfs},
		{kind: BitLocker, usage: Crypto, magic: "\xeb\x58\x90-FVE-FS-"}, // since Windows 7
		{kind: BitLocker, usage: Crypto, magic: "\xeb\x52\x90-FVE-FS-"}, // Vista
		{kind: BitLocker, usage: Crypto, magic: string(togo), from: 424},
		{kind: BitLocker, usage: Crypto, magic: string(onWrite), from: 424},
		{kind: "ReFS", usage: Filesystem, magic: "\x00\x00\x00ReFS\x00"},
	}
}

// BitLocker is the kind of BitLocker's volumes, as blkid calls it.
const BitLocker = "BitLocker"

// One of these stands at 424 of the FAT-like boot sector of a removable BitLocker volume; the second while it is
// encrypted as it is written.
const (
	bitLockerToGoID    = "3bd66749292ed84a8399f6a339e3d001"
	bitLockerOnWriteID = "3b4da89280dd0e4d9e4eb1e3284eaed8"
)

func bitLockerToGo(r record) bool {
	id := r.hex(424, 16)
	return id == bitLockerToGoID || id == bitLockerOnWriteID
}

// exfat: sectors le64 at 72, cluster heap le32 at 88 (sectors), root cluster le32 at 96, serial
// le32 at 100, log2 of the sector size at 108 and of sectors per cluster at 109. The magic alone says what it is, as it
// does for libblkid; fields that cannot be tell nothing more of it.
func exfat(v *view, r record, s *Signature) bool {
	sector, cluster := uint(r[108]), uint(r[108])+uint(r[109])
	if sector < 9 || sector > 12 || cluster > 25 || r.le64(72) == 0 {
		return true
	}
	s.UUID = serial(r.le32(100))
	s.Extent = shifted(r.le64(72), sector)
	if root := r.le32(96); root >= 2 {
		at := shifted(uint64(r.le32(88)), sector) + shifted(uint64(root-2), cluster)
		s.Label = exfatLabel(v.read(at, 512))
	}
	return true
}

// exfatLabel looks for an entry of type 83 in the start of the root directory: length at 1 in
// 16-bit units, text at 2.
func exfatLabel(directory record) string {
	for at := 0; at+32 <= len(directory); at += 32 {
		if directory[at] == 0x83 {
			return directory.utf16le(at+2, min(int(directory[at+1]), 11))
		}
	}
	return ""
}

// ntfs: sector size le16 at 11, sectors per cluster at 13, sectors le64 at 40, MFT's cluster le64
// at 48, size of an MFT record at 64, serial le64 at 72. A copy of the boot sector follows the
// last sector that is counted.
func ntfs(v *view, r record, s *Signature) bool {
	sector, perCluster, sectors := uint64(r.le16(11)), clusterSectors(r[13]), r.le64(40)
	if !powerOfTwo(uint32(sector), 256, 4096) || perCluster == 0 || sectors == 0 || sectors+1 == 0 {
		return false
	}
	s.UUID = fmt.Sprintf("%016X", r.le64(72))
	s.Extent = product(sectors+1, sector)
	cluster := sector * perCluster
	if record := mftRecord(r[64], cluster); record != 0 {
		s.Label = ntfsLabel(v, product(r.le64(48), cluster)+3*record, int(record))
	}
	return true
}

// clusterSectors: a power of two, or from 128 on the negative of its logarithm.
func clusterSectors(b byte) uint64 {
	if b >= 0xf4 {
		return 1 << -int8(b)
	}
	if !powerOfTwo(uint32(b), 1, 128) {
		return 0
	}
	return uint64(b)
}

// mftRecord is the size of an MFT record in bytes: clusters, or the negative logarithm of bytes.
func mftRecord(b byte, cluster uint64) int64 {
	size := uint64(b) * cluster
	if log := -int8(b); log > 0 {
		size = 1 << min(log, 30)
	}
	if size < 512 || size > 4096 {
		return 0
	}
	return int64(size)
}

// ntfsLabel reads $Volume, the fourth MFT record: attributes from le16 at 20, each with type le32
// at 0, length at 4, and for a resident one content length le32 at 16 and place le16 at 20.
// Type 60 is the name.
func ntfsLabel(v *view, off int64, length int) string {
	r := v.read(off, length)
	if r == nil || string(r[:4]) != "FILE" {
		return ""
	}
	for at := int(r.le16(20)); at+24 <= len(r); {
		kind, size := r.le32(at), int(r.le32(at+4))
		if kind == 0xffffffff || size < 24 || size > len(r)-at {
			return ""
		}
		if n, from := int64(r.le32(at+16)), int64(r.le16(at+20)); kind == 0x60 && r[at+8] == 0 &&
			from+n <= int64(size) {
			return r.utf16le(at+int(from), int(n)/2)
		}
		at += size
	}
	return ""
}
