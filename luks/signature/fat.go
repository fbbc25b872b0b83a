// SPDX-License-Identifier: Apache-2.0

package signature

import "slices"

// fatLayout is what a FAT boot sector says of the volume, in bytes.
type fatLayout struct {
	root     int64 // where the root directory starts
	rootSize int64 // how much of it is there in one piece
	total    int64
	extended int // where the serial number is, the label 4 behind it
}

// fat tells a FAT boot sector, which has no magic that could be relied on, by its parameters
// (Microsoft's FAT specification, section 3). It is recognised by any of three marks, each of
// which is a Signature to be wiped: a text at 54 or 82 if there is one, 55 aa, and the jump at 0.
func fat(v *view, r record) []Signature {
	text, mark := fatText(r), string(r[510:]) == "\x55\xaa"
	layout, ok := fatParameters(r)
	if !ok || r[0] != 0xeb && r[0] != 0xe9 || foreignBoot(r) || text == 0 && !mark {
		return nil
	}
	s := Signature{Kind: "vfat", Usage: Filesystem, MagicLength: 1, Extent: layout.total}
	s.UUID, s.Label = fatName(v, r, layout)
	found := []Signature{s}
	if text != 0 {
		s.Offset, s.MagicLength = text, 8
		found = append(found, s)
	}
	if mark {
		s.Offset, s.MagicLength = 510, 2
		found = append(found, s)
	}
	return found
}

// fatName: the serial number and label are there if 28 or 29 stands before them; the label in
// the root directory, which other systems change, goes first.
func fatName(v *view, r record, layout fatLayout) (uuid, label string) {
	if mark := r[layout.extended-1]; mark != 0x28 && mark != 0x29 {
		return "", fatLabel(v, layout)
	}
	label = fatLabel(v, layout)
	if label == "" {
		label = named(r.text(layout.extended+4, 11))
	}
	return serial(r.le32(layout.extended)), label
}

// fatText finds the text of the type: FAT12 and FAT16 have it at 54, FAT32 at 82.
func fatText(r record) int64 {
	if slices.Contains([]string{"FAT32   ", "MSWIN   "}, string(r[82:90])) {
		return 82
	}
	if slices.Contains([]string{"FAT12   ", "FAT16   ", "FAT     ", "MSDOS   "}, string(r[54:62])) {
		return 54
	}
	return 0
}

// fatParameters: sector size le16 at 11, sectors per cluster 13, reserved sectors le16 at 14,
// FATs 16, root entries le16 at 17, sectors le16 at 19 or le32 at 32, medium 21, sectors of a FAT
// le16 at 22 or, for FAT32, le32 at 36, whose root directory is the cluster le32 at 44.
func fatParameters(r record) (l fatLayout, ok bool) {
	sector, cluster := int64(r.le16(11)), int64(r[13])
	reserved, fats, media := int64(r.le16(14)), int64(r[16]), r[21]
	if !powerOfTwo(uint32(sector), 512, 4096) || !powerOfTwo(uint32(cluster), 1, 128) || reserved == 0 {
		return l, false
	}
	if fats == 0 || fats > 4 || media < 0xf8 && media != 0xf0 {
		return l, false
	}
	l.extended = 39
	perFAT, rootEntries := int64(r.le16(22)), int64(r.le16(17))
	l.rootSize = rootEntries * 32
	first := int64(0) // cluster of the root directory, counted from the first
	if perFAT == 0 {
		perFAT, first = int64(r.le32(36)), int64(r.le32(44))-2
		l.extended, l.rootSize = 67, cluster*sector
	}
	sectors := int64(r.le16(19))
	if sectors == 0 {
		sectors = int64(r.le32(32))
	}
	l.root = (reserved + fats*perFAT + max(first, 0)*cluster) * sector
	l.total = sectors * sector
	return l, sectors != 0 && perFAT != 0 && reserved+fats*perFAT < sectors
}

// fatLabel looks in the root directory (at most 16 KiB of it) for the entry with attribute 08.
func fatLabel(v *view, l fatLayout) string {
	directory := v.read(l.root, int(min(l.rootSize, 16<<10)))
	for at := 0; at+32 <= len(directory); at += 32 {
		name, attributes := directory[at:at+11], directory[at+11]
		switch {
		case name[0] == 0:
			return ""
		case name[0] == 0xe5, attributes&0x3f == 0x0f:
		case attributes&0x18 == 0x08:
			return named(record(name).text(0, 11))
		}
	}
	return ""
}

// named drops the text that stands for no name.
func named(label string) string {
	if label == "NO NAME" {
		return ""
	}
	return label
}
