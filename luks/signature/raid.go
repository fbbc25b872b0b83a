// SPDX-License-Identifier: Apache-2.0

package signature

import (
	"fmt"
	"strconv"

	"github.com/orthrus-luks/orthrus/dm/extent"
)

// arrays: Linux md, DRBD, and the firmware formats that mdadm knows.
func arrays(size int64) []format {
	md1 := format{kind: "linux_raid_member", usage: RAID, magic: "\xfc\x4e\x2b\xa9", length: 256, parse: md1}
	all := md1.places(0, 4096)
	if size >= 8192 {
		end := extent.Down(size/512-16, 8) * 512 // 1.0: 8 to 12 KiB before the end
		all = append(all, md1.places(end)...)
	}
	old := md1
	old.parse = md090
	swapped := old
	swapped.magic = "\xa9\x2b\x4e\xfc"
	if size >= 64<<10 {
		end := extent.Down(size, 65536) - 65536
		all = append(all, old.places(end)...)
		all = append(all, swapped.places(end)...)
	}
	return append(all, drbd(size)...)
}

// md1 (Linux include/uapi/linux/raid/md_p.h, version 1): major le32 at 4, set uuid 16, name 32,
// first and number of data sectors le64 at 128 and 136, own sector le64 at 144. A superblock at
// the end tells nothing certain of the room before it.
func md1(_ *view, r record, s *Signature) bool {
	if r.le32(4) != 1 || r.le64(144) != uint64(s.Offset/512) {
		return false
	}
	s.UUID, s.Label = r.uuid(16), r.text(32, 32)
	s.Version = map[int64]string{0: "1.1", 4096: "1.2"}[s.Offset]
	if s.Version == "" {
		s.Version = "1.0"
		return true
	}
	data, sectors := r.le64(128), r.le64(136)
	if data+sectors > data {
		s.Extent = product(data+sectors, 512)
	}
	return true
}

// md090: version 0.90 in 32-bit words of the maker's byte order at 4, 8 and 12, uuid in the words at 20,
// 52, 56 and 60.
func md090(_ *view, r record, s *Signature) bool {
	word := r.le32
	if string(r[:4]) == "\xa9\x2b\x4e\xfc" {
		word = r.be32
	}
	if word(4) != 0 || word(8) < 90 || word(8) > 99 {
		return false
	}
	s.Version = "0." + strconv.Itoa(int(word(8)))
	s.UUID = fmt.Sprintf("%08x-%04x-%04x-%04x-%04x%08x", word(20), word(52)>>16, word(52)&0xffff, word(56)>>16,
		word(56)&0xffff, word(60))
	return true
}

// drbd with internal metadata: flags and magic be32 at 56 and 60 of the last 4 KiB. DRBD 9 has
// its device id at 48, DRBD 8 at 40.
func drbd(size int64) (all []format) {
	for _, version := range []struct {
		magic string
		id    int
	}{{"\x83\x74\x02\x6b", 40}, {"\x83\x74\x02\x6c", 40}, {"\x83\x74\x02\x6d", 48}} {
		all = append(all, format{
			kind: "drbd", usage: RAID, at: extent.Down(size, 4096) - 4096, magic: version.magic, from: 60, length: 512,
			parse: func(_ *view, r record, s *Signature) bool {
				s.UUID = fmt.Sprintf("%x", r.be64(version.id))
				return true
			},
		})
	}
	return all
}
