// SPDX-License-Identifier: Apache-2.0

package signature

// swap: the magic fills the last ten bytes of the first page, whatever the page size is where it
// was made. Suspend images put another in its place.
func swap() (all []format) {
	for page := int64(4 << 10); page <= 64<<10; page *= 2 {
		space := format{kind: "swap", usage: Other, at: 1024, from: int(page) - 10 - 1024, length: 64}
		space.magic, space.parse = "SWAPSPACE2", swapSpace(page)
		old := space
		old.magic, old.parse = "SWAP-SPACE", nil
		all = append(all, space, old)
		for _, magic := range []string{"S1SUSPEND", "S2SUSPEND", "ULSUSPEND", "LINHIB0001"} {
			image := space
			image.kind, image.magic = "swsuspend", magic
			all = append(all, image)
		}
	}
	return append(all, format{kind: "swsuspend", usage: Other, magic: "\xed\xc3\x02\xe9\x98\x56\xe5\x0c"})
}

// swapSpace: version (1), last page, bad pages le32 or be32 at 0, 4 and 8; uuid 12, label 28.
func swapSpace(page int64) func(*view, record, *Signature) bool {
	return func(_ *view, r record, s *Signature) bool {
		last := uint64(r.le32(4))
		if r.be32(0) == 1 {
			last = uint64(r.be32(4))
		} else if r.le32(0) != 1 {
			return true // an old kernel's, with nothing to be known
		}
		s.Version = "1"
		s.UUID, s.Label = r.uuid(12), r.text(28, 16)
		if last != 0 {
			s.Extent = product(last+1, uint64(page))
		}
		return true
	}
}
