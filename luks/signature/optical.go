// SPDX-License-Identifier: Apache-2.0

package signature

import (
	"encoding/binary"
	"fmt"
	"strings"
)

// optical: the volume descriptors from 32 KiB on, 2048 bytes each.
func optical() []format {
	all := []format{{
		kind: "iso9660", usage: Filesystem, at: 32 << 10, magic: "CD001", from: 1, length: 2048,
		parse: iso9660,
	}}
	for n := range int64(8) {
		all = append(all, format{
			kind: "udf", usage: Filesystem, at: 32<<10 + n*2048, magic: "BEA01", from: 1,
			length: 2048, parse: udf,
		})
	}
	return all
}

// iso9660 (ECMA-119 8.4): name at 40, blocks le32 at 80, block size le16 at 128, creation and
// modification dates at 813 and 830 as 16 digits.
func iso9660(v *view, r record, s *Signature) bool {
	s.Label = strings.TrimLeft(r.text(40, 32), " ")
	if joliet := joliet(v); joliet != "" {
		s.Label = joliet
	}
	s.UUID = isoDate(r, 830)
	if s.UUID == "" {
		s.UUID = isoDate(r, 813)
	}
	s.Extent = product(uint64(r.le32(80)), uint64(r.le16(128)))
	return r[0] == 1 || r[0] == 0
}

// udf (ECMA-167 2/9): an extended area begins at s.Offset, and one of the descriptors behind says
// NSR. Its name lies deeper and is not looked for.
func udf(v *view, _ record, s *Signature) bool {
	for n := range int64(4) {
		r := v.read(s.Offset+(n+1)*2048, 5)
		if r != nil && (string(r) == "NSR02" || string(r) == "NSR03") {
			return true
		}
	}
	return false
}

// isoDate writes a date as blkid's uuid for want of another.
func isoDate(r record, at int) string {
	d := string(r[at : at+16])
	if strings.Trim(d, "0123456789") != "" || strings.Trim(d, "0") == "" {
		return ""
	}
	return fmt.Sprintf("%s-%s-%s-%s-%s-%s-%s", d[:4], d[4:6], d[6:8], d[8:10], d[10:12], d[12:14], d[14:16])
}

// joliet is the longer name in a supplementary descriptor (type 2), in UTF-16 big-endian.
func joliet(v *view) string {
	for n := range int64(8) {
		r := v.read(32<<10+n*2048, 2048)
		if r == nil || string(r[1:6]) != "CD001" || r[0] == 255 {
			return ""
		}
		if escape := string(r[88:91]); r[0] == 2 && (escape == "%/@" || escape == "%/C" || escape == "%/E") {
			return r.units(40, 16, binary.BigEndian)
		}
	}
	return ""
}
