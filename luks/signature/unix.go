// SPDX-License-Identifier: Apache-2.0

package signature

import (
	"github.com/orthrus-luks/orthrus/dm/extent"
)

func unixFilesystems(size int64) []format {
	btrfs := format{
		kind: "btrfs", usage: Filesystem, at: 64 << 10, magic: "_BHRfS_M", from: 64, length: 4096,
		parse: btrfs,
	}
	nilfs := format{
		kind: "nilfs2", usage: Filesystem, at: 1024, magic: "\x34\x34", from: 6, length: 1024,
		parse: nilfs2,
	}
	all := []format{
		{kind: "ext2", usage: Filesystem, at: 1024, magic: "\x53\xef", from: 56, length: 1024, parse: ext},
		{kind: "xfs", usage: Filesystem, magic: "XFSB", length: 512, parse: xfs},
		btrfs,
		nilfs,
		{kind: "jfs", usage: Filesystem, at: 32 << 10, magic: "JFS1", length: 512, parse: jfs},
		{kind: "gfs2", usage: Filesystem, at: 64 << 10, magic: "\x01\x16\x19\x70", length: 512, parse: gfs2},
		{kind: "ufs", usage: Filesystem, at: 64 << 10, magic: "\x19\x01\x54\x19", from: 1372},
		{kind: "reiser4", usage: Filesystem, at: 64 << 10, magic: "ReIsEr4", length: 64, parse: reiser4},
	}
	all = append(all, btrfs.copies(64<<20, 256<<30)...)
	all = append(all, nilfs.copies(extent.Down(size, 4096)-4096)...)
	for _, magic := range []string{"ReIsErFs", "ReIsEr2Fs", "ReIsEr3Fs"} {
		all = append(all, format{
			kind: "reiserfs", usage: Filesystem, magic: magic, from: 52, length: 128,
			parse: reiserfs,
		}.places(64<<10, 8<<10)...)
	}
	ocfs2 := format{kind: "ocfs2", usage: Filesystem, magic: "OCFSV2", length: 512, parse: ocfs2}
	return append(all, ocfs2.places(1024, 2048, 4096, 8192)...)
}

// Feature bits of ext2/3/4 (Linux fs/ext4/ext4.h).
const (
	extHasJournal   = 0x4   // compatible
	extMetadataCSum = 0x400 // read-only compatible
	extJournalDev   = 0x8   // incompatible
	ext64Bit        = 0x80  // incompatible
	extROCompatOf3  = 0x7   // what ext2 and ext3 know: sparse_super, large_file, btree_dir
	extIncompatOf2  = 0x12  // filetype, meta_bg
	extIncompatOf3  = 0x16  // and recover
)

// ext: inodes, blocks le32 at 0, 4; log2 of the block size over 1024 at 24; features at 92, 96,
// 100; uuid 104; name 120; blocks' upper half at 336; CRC-32C of the first 1020 bytes at 1020.
func ext(_ *view, r record, s *Signature) bool {
	log, blocks := r.le32(24), uint64(r.le32(4))
	compat, incompat, roCompat := r.le32(92), r.le32(96), r.le32(100)
	if log > 6 || r.le32(76) > 1 || r.le32(72) > 4 || r.le16(90) != 0 {
		return false // block size, revision, creator and block group of a primary superblock
	}
	if inodes := r.le32(0); inodes == 0 && incompat&extJournalDev == 0 {
		return false
	}
	if incompat&ext64Bit != 0 {
		blocks |= uint64(r.le32(336)) << 32
	}
	if blocks == 0 {
		return false
	}
	s.Kind, s.Usage = extKind(compat, incompat, roCompat)
	s.UUID, s.Label = r.uuid(104), r.text(120, 16)
	s.Extent = shifted(blocks, uint(10+log))
	s.Damaged = roCompat&extMetadataCSum != 0 && ^crc32c(r[:1020], -1) != r.le32(1020)
	return true
}

func extKind(compat, incompat, roCompat uint32) (string, Usage) {
	switch {
	case incompat&extJournalDev != 0:
		return "jbd", Other
	case compat&extHasJournal == 0 && roCompat&^extROCompatOf3 == 0 && incompat&^extIncompatOf2 == 0:
		return "ext2", Filesystem
	case compat&extHasJournal != 0 && roCompat&^extROCompatOf3 == 0 && incompat&^extIncompatOf3 == 0:
		return "ext3", Filesystem
	}
	return "ext4", Filesystem
}

// xfs: block size be32 at 4, blocks be64 at 8, uuid 32, version be16 at 100, sector size be16 at
// 102, name 108; from version 5 on a CRC-32C (le) of the sector at 224.
func xfs(v *view, r record, s *Signature) bool {
	block, sector := r.be32(4), r.be16(102)
	if !powerOfTwo(block, 512, 65536) || !powerOfTwo(uint32(sector), 512, 32768) || r.be64(8) == 0 {
		return false
	}
	s.UUID, s.Label = r.uuid(32), r.text(108, 12)
	s.Extent = product(r.be64(8), uint64(block))
	if r.be16(100)&0xf == 5 {
		whole := v.read(0, int(sector))
		s.Damaged = whole == nil || crc32c(whole, 224) != r.le32(224)
	}
	return true
}

// btrfs: checksum at 0, fsid 32, own place le64 at 48, checksum type le16 at 196, this device's
// own size le64 at 209 (dev_item.total_bytes), label 299. CRC-32C is checked; for the other
// checksums (xxhash, sha256, blake2) the Extent is taken on trust of the magic and place.
func btrfs(_ *view, r record, s *Signature) bool {
	if r.le64(48) != uint64(s.Offset-64) {
		return false
	}
	s.UUID, s.Label = r.uuid(32), r.text(299, 256)
	s.Extent = product(r.le64(209), 1)
	s.Damaged = r.le16(196) == 0 && crc32c(r[32:], -1) != r.le32(0)
	return true
}

// nilfs2: length of the structure le16 at 8, CRC seed 12, CRC 16, device size le64 at 32, uuid
// 152, name 168. The magic is short: without the checksum it is nothing.
func nilfs2(_ *view, r record, s *Signature) bool {
	length := int(r.le16(8))
	if length < 248 || length > len(r) || crcRaw(r.le32(12), r[:length], 16) != r.le32(16) {
		return false
	}
	s.UUID, s.Label = r.uuid(152), r.text(168, 80)
	s.Extent = product(r.le64(32), 1)
	return true
}

// jfs: uuid at 136, label at 152. The log lies behind the aggregate, so there is no Extent.
func jfs(_ *view, r record, s *Signature) bool {
	s.UUID, s.Label = r.uuid(136), r.text(152, 16)
	return r.le32(4) <= 2 && powerOfTwo(r.le32(16), 512, 65536)
}

// gfs2: type be32 at 4 is 1 and format at 16 is 100 for a superblock; table name at 160, uuid 256.
func gfs2(_ *view, r record, s *Signature) bool {
	s.UUID, s.Label = r.uuid(256), r.text(160, 64)
	return r.be32(4) == 1 && r.be32(16) == 100
}

// reiserfs: blocks le32 at 0, block size le16 at 44, uuid 84, label 100 (not in the first format).
func reiserfs(_ *view, r record, s *Signature) bool {
	if !powerOfTwo(uint32(r.le16(44)), 512, 32768) {
		return false
	}
	if s.MagicLength > len("ReIsErFs") {
		s.UUID, s.Label = r.uuid(84), r.text(100, 16)
	}
	s.Extent = product(uint64(r.le32(0)), uint64(r.le16(44)))
	return true
}

// reiser4: uuid at 20, label at 36.
func reiser4(_ *view, r record, s *Signature) bool {
	s.UUID, s.Label = r.uuid(20), r.text(36, 16)
	return true
}

// ocfs2: label at 272, uuid at 336.
func ocfs2(_ *view, r record, s *Signature) bool {
	s.UUID, s.Label = r.uuid(336), r.text(272, 64)
	return true
}
