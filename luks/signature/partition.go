// SPDX-License-Identifier: Apache-2.0

package signature

import (
	"bytes"
	"fmt"
	"hash/crc32"

	"github.com/orthrus-luks/orthrus/dm/extent"
)

// partitionTables: GPT's header in the second sector and in the last, for sectors of 512 and
// 4096 bytes, and tables of other systems. The MBR is told from a FAT boot sector in bootSector.
func partitionTables(size int64) (all []format) {
	gpt := format{kind: "gpt", usage: PartitionTable, magic: "EFI PART", length: 512}
	for _, sector := range []int64{512, 4096} {
		gpt.parse = gptHeader(sector)
		all = append(all, gpt.places(sector)...)
		if last := extent.Down(size, sector) - sector; last > sector {
			all = append(all, gpt.copies(last)...)
		}
	}
	other := format{usage: PartitionTable}
	other.kind, other.magic = "sgi", "\x0b\xe5\xa9\x41"
	all = append(all, other)
	other.kind, other.magic = "bsd", "WEV\x82"
	all = append(all, other.places(64, 512)...)
	other.kind, other.magic, other.from, other.length, other.parse = "sun", "\xda\xbe", 508, 512, sunLabel
	all = append(all, other)
	other.kind, other.magic, other.from, other.length, other.parse = "mac", "ER", 0, 516, macTable
	return append(all, other)
}

// gptHeader (UEFI 5.3.2): size le32 at 12, CRC of it at 16, own and other place le64 at 24 and
// 32, guid at 56. The table ends with whichever header lies farther.
func gptHeader(sector int64) func(*view, record, *Signature) bool {
	return func(_ *view, r record, s *Signature) bool {
		length, own, other := r.le32(12), r.le64(24), r.le64(32)
		if own != uint64(s.Offset/sector) || length < 92 || length > 512 {
			return false
		}
		s.UUID = r.guid(56)
		s.Extent = product(max(own, other), uint64(sector))
		if s.Extent != 0 {
			s.Extent += sector
		}
		s.Damaged = ^sum(crc32.IEEETable, 0xffffffff, r[:length], 16) != r.le32(16)
		return true
	}
}

// sunLabel: the exclusive or of all its 16-bit words is zero.
func sunLabel(_ *view, r record, _ *Signature) bool {
	var check uint16
	for i := 0; i < 512; i += 2 {
		check ^= r.be16(i)
	}
	return check == 0
}

// macTable: the driver descriptor is followed by a map entry ("PM") in the next sector.
func macTable(_ *view, r record, _ *Signature) bool {
	return string(r[512:516]) == "PM\x00\x00"
}

// bootSector looks at the first sector, which is a FAT boot sector, an MBR, or another system's
// boot code. A table with an entry of type ee only protects a GPT.
func (v *view) bootSector() []Signature {
	r := v.read(0, 512)
	if r == nil {
		return nil
	}
	if found := fat(v, r); found != nil {
		return found
	}
	if string(r[510:]) != "\x55\xaa" || foreignBoot(r) || !saneEntries(r) {
		return nil
	}
	s := Signature{Kind: "dos", Usage: PartitionTable, Offset: 510, MagicLength: 2}
	if protective(r) {
		s.Kind = "PMBR"
	} else if id := r.le32(440); id != 0 {
		s.UUID = fmt.Sprintf("%08x", id)
	}
	return []Signature{s}
}

// foreignBoot: the boot sectors of NTFS, exFAT, ReFS and BitLocker, which end in 55 aa too.
func foreignBoot(r record) bool {
	for _, name := range []string{"NTFS    ", "EXFAT   ", "-FVE-FS-", "ReFS\x00\x00\x00\x00"} {
		if bytes.Equal(r[3:11], []byte(name)) {
			return true
		}
	}
	return bitLockerToGo(r)
}

// saneEntries: four entries of 16 bytes at 446, each with a boot flag of 0 or 80.
func saneEntries(r record) bool {
	for at := 446; at < 510; at += 16 {
		if r[at]&0x7f != 0 {
			return false
		}
	}
	return true
}

func protective(r record) bool {
	for at := 446; at < 510; at += 16 {
		if r[at+4] == 0xee {
			return true
		}
	}
	return false
}
