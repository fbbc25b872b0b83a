// SPDX-License-Identifier: Apache-2.0

package signature

import "strconv"

// luks: the primary head of LUKS1 and LUKS2 at 0, the secondary of LUKS2 at nine places. What a
// volume covers is no matter of its header alone, so there is no Extent.
func luks() []format {
	primary := format{kind: "crypto_LUKS", usage: Crypto, magic: "LUKS\xba\xbe", length: 512, parse: luksHead}
	secondary := primary
	secondary.magic = "SKUL\xba\xbe"
	return append(secondary.copies(16<<10, 32<<10, 64<<10, 128<<10, 256<<10, 512<<10, 1<<20, 2<<20, 4<<20), primary)
}

// luksHead: version be16 at 6, label at 24 (LUKS2), uuid text at 168, own offset be64 at 256
// (LUKS2). A stray copy of a head is none.
func luksHead(_ *view, r record, s *Signature) bool {
	version := r.be16(6)
	s.Version = strconv.Itoa(int(version))
	s.UUID = r.text(168, 40)
	if version == 2 {
		s.Label = r.text(24, 48)
		return r.be64(256) == uint64(s.Offset)
	}
	return version == 1 && s.Offset == 0
}
