// SPDX-License-Identifier: Apache-2.0

package signature

// flashFilesystems: those for flash and read-only images.
func flashFilesystems() []format {
	f2fs := format{kind: "f2fs", usage: Filesystem, at: 1024, magic: "\x10\x20\xf5\xf2", length: 1148, parse: f2fs}
	return append(f2fs.copies(4096+1024),
		f2fs,
		format{kind: "erofs", usage: Filesystem, at: 1024, magic: "\xe2\xe1\xf5\xe0", length: 128, parse: erofs},
		format{kind: "squashfs", usage: Filesystem, magic: "hsqs", length: 96, parse: squashfs},
		format{kind: "cramfs", usage: Filesystem, magic: "\x45\x3d\xcd\x28", length: 64, parse: cramfs},
		format{kind: "romfs", usage: Filesystem, magic: "-rom1fs-", length: 32, parse: romfs},
		format{kind: "ubi", usage: Other, magic: "UBI#"},
		format{kind: "ubifs", usage: Filesystem, magic: "\x31\x18\x10\x06"},
		format{kind: "zonefs", usage: Filesystem, magic: "SFOZ"},
	)
}

// f2fs: log2 of the block size le32 at 16, blocks le64 at 36, uuid 108, name 124 (UTF-16).
func f2fs(_ *view, r record, s *Signature) bool {
	if log := r.le32(16); log < 9 || log > 16 || r.le64(36) == 0 {
		return false
	}
	s.UUID, s.Label = r.uuid(108), r.utf16le(124, 512)
	s.Extent = shifted(r.le64(36), uint(r.le32(16)))
	return true
}

// erofs: CRC-32C at 4 of the first block from here on where feature bit 0 (at 8) says so, log2 of
// the block size at 12, blocks le32 at 36, uuid 48, name 64.
func erofs(v *view, r record, s *Signature) bool {
	log := uint(r[12])
	if log < 9 || log > 16 {
		return false
	}
	s.UUID, s.Label = r.uuid(48), r.text(64, 16)
	s.Extent = shifted(uint64(r.le32(36)), log)
	if r.le32(8)&1 != 0 && log > 10 {
		block := v.read(1024, 1<<log-1024)
		s.Damaged = block == nil || ^crc32c(block, 4) != r.le32(4)
	}
	return true
}

// squashfs 4: version le16 at 28, bytes used le64 at 40.
func squashfs(_ *view, r record, s *Signature) bool {
	s.Extent = product(r.le64(40), 1)
	return r.le16(28) == 4
}

// cramfs: size le32 at 4, a second magic at 16, name 48.
func cramfs(_ *view, r record, s *Signature) bool {
	s.Label, s.Extent = r.text(48, 16), int64(r.le32(4))
	return string(r[16:32]) == "Compressed ROMFS"
}

// romfs: size be32 at 8, name at 16.
func romfs(_ *view, r record, s *Signature) bool {
	s.Label, s.Extent = r.text(16, 16), int64(r.be32(8))
	return true
}
