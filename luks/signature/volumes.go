// SPDX-License-Identifier: Apache-2.0

package signature

import "strings"

// volumes: volume managers and caches.
func volumes() (all []format) {
	for sector := range int64(4) {
		all = append(all, format{
			kind: "LVM2_member", usage: RAID, at: sector * 512, magic: "LVM2 001", from: 24,
			length: 512, parse: lvm2,
		})
	}
	cache := "\xc6\x85\x73\xf6\x4e\x1a\x45\xca\x82\x65\xf5\x7f\x48\xba\x6d\x81"
	cacheFS := "\xc6\x85\x73\xf6\x66\xce\x90\xa9\xd9\x6a\x60\xcf\x80\x3d\xf7\xef"
	stratis := format{
		kind: "stratis", usage: RAID, magic: "!Stra0tis\x86\xff\x02^\x41rh", from: 4, length: 96,
		parse: stratis,
	}
	all = append(all, stratis.copies(9*512)...)
	return append(all,
		stratis.places(512)[0],
		format{kind: "bcache", usage: Other, at: 4096, magic: cache, from: 24, length: 128, parse: bcache(40)},
		format{kind: "bcachefs", usage: Filesystem, at: 4096, magic: cacheFS, from: 24, length: 128, parse: bcache(56)},
	)
}

// lvm2: label header "LABELONE" at 0, own sector le64 at 8, CRC le32 at 16 of everything behind
// it (seed f597a6cf), place of the PV header le32 at 20. That has the uuid as 32 characters at 0
// and the size of the device le64 at 32, which covers a second metadata area at the end.
func lvm2(_ *view, r record, s *Signature) bool {
	header := int(r.le32(20))
	if string(r[:8]) != "LABELONE" || r.le64(8) != uint64(s.Offset/512) || header < 32 || header > 512-40 {
		return false
	}
	s.Version = "LVM2 001"
	s.UUID = lvmUUID(r.text(header, 32))
	s.Extent = lvmEnd(r[header+32:])
	s.Damaged = crcRaw(0xf597a6cf, r[20:], -1) != r.le32(16)
	return true
}

// lvmEnd reads the size of the device, then two lists of areas (offset and size le64, an entry of
// zeros last): data, whose size is 0 where it reaches to that end, and metadata, of which a second
// area lies at the end. 0: the lists do not end.
func lvmEnd(r record) int64 {
	end := product(r.le64(0), 1)
	lists := 0
	for at := 8; lists < 2; at += 16 {
		if at+16 > len(r) {
			return 0
		}
		offset, size := r.le64(at), r.le64(at+8)
		if offset == 0 && size == 0 {
			lists++
			continue
		}
		last := offset + size
		if last < offset || product(last, 1) == 0 {
			return 0
		}
		end = max(end, int64(last))
	}
	return end
}

// lvmUUID: 32 characters in groups of 6-4-4-4-4-4-6.
func lvmUUID(id string) string {
	if len(id) != 32 {
		return ""
	}
	return strings.Join([]string{id[:6], id[6:10], id[10:14], id[14:18], id[18:22], id[22:26], id[26:]}, "-")
}

// bcache: own sector le64 at 8 is 8, label at 72; bcachefs has the user's uuid behind its own.
func bcache(uuid int) func(*view, record, *Signature) bool {
	return func(_ *view, r record, s *Signature) bool {
		s.UUID, s.Label = r.uuid(uuid), r.text(72, 32)
		return r.le64(8) == 8
	}
}

// stratis: pool and device uuid as 32 characters each at 32 and 64.
func stratis(_ *view, r record, s *Signature) bool {
	s.UUID = r.text(64, 32)
	return true
}
