// SPDX-License-Identifier: Apache-2.0

package signature

import (
	"hash/crc32"

	"github.com/orthrus-luks/orthrus/dm/extent"
)

func apple(size int64) []format {
	plus := format{kind: "hfsplus", usage: Filesystem, at: 1024, length: 512, parse: hfsPlus}
	plus.magic = "H+"
	wrapped := plus
	wrapped.magic = "HX"
	storage := format{kind: CoreStorage, usage: Crypto, magic: "CS", from: 88, length: 512, parse: coreStorage}
	return []format{
		storage,
		storage.copies(extent.Down(size, 512) - 512)[0],
		plus,
		wrapped,
		{kind: "hfs", usage: Filesystem, at: 1024, magic: "BD", length: 512, parse: hfs},
		{kind: "apfs", usage: Filesystem, magic: "NXSB", from: 32, length: 512, parse: apfs},
	}
}

// CoreStorage is the kind of the volumes below FileVault 2, which blkid does not know.
const CoreStorage = "CoreStorage"

// coreStorage: checksum le32 at 0, seed at 4, version le16 at 8, type at 10, size le64 at 64, uuid 304.
func coreStorage(_ *view, r record, s *Signature) bool {
	s.UUID, s.Extent = r.uuid(304), product(r.le64(64), 1)
	s.Damaged = sum(crc32.MakeTable(crc32.Castagnoli), 1<<32-1, r[8:], -1) != r.le32(0)
	return r.le32(4) == 1<<32-1 && r.le16(8) == 1 && r.le16(10) == 0x10
}

// hfsPlus (TN1150): version be16 at 2, block size be32 at 40, blocks be32 at 44.
func hfsPlus(_ *view, r record, s *Signature) bool {
	version := r.be16(2)
	s.Extent = product(uint64(r.be32(44)), uint64(r.be32(40)))
	return (version == 4 || version == 5) && powerOfTwo(r.be32(40), 512, 1<<20) && r.be32(44) != 0
}

// hfs: allocation block size be32 at 20, name as a counted string at 36.
func hfs(_ *view, r record, s *Signature) bool {
	size, n := r.be32(20), int(r[36])
	if size == 0 || size%512 != 0 || n > 27 || r.be16(18) == 0 {
		return false
	}
	s.Label = r.text(37, n)
	return true
}

// apfs: block size le32 at 36, blocks le64 at 40, uuid 72.
func apfs(_ *view, r record, s *Signature) bool {
	s.UUID = r.uuid(72)
	s.Extent = product(r.le64(40), uint64(r.le32(36)))
	return powerOfTwo(r.le32(36), 4096, 65536)
}
