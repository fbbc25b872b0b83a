// SPDX-License-Identifier: Apache-2.0

package signature

import (
	"github.com/orthrus-luks/orthrus/dm/extent"
)

// plainMagics: formats of which the magic, and for some a uuid, is all that is needed here.
func plainMagics(size int64) []format {
	return []format{
		{kind: "DM_integrity", usage: Crypto, magic: "integrt\x00", length: 64, parse: integrity},
		{kind: "DM_verity_hash", usage: Crypto, magic: "verity\x00\x00", length: 512, parse: verity},
		{kind: "DM_snapshot_cow", usage: Other, magic: "SnAp"},
		{kind: "oracleasm", usage: Other, magic: "ORCLDISK", from: 32},
		{kind: "vdo", usage: RAID, magic: "dmvdo001"},
		{kind: "ceph_bluestore", usage: Other, magic: "bluestore block device"},
		{kind: "VMFS_volume_member", usage: RAID, at: 1 << 20, magic: "\x0d\xd0\x01\xc0"},
		{kind: "VMFS", usage: Filesystem, at: 2 << 20, magic: "\x5e\xf1\xab\x2f"},
		{kind: "isw_raid_member", usage: RAID, at: extent.Down(size, 512) - 1024, magic: "Intel Raid ISM Cfg Sig. "},
		{kind: "ddf_raid_member", usage: RAID, at: extent.Down(size, 512) - 512, magic: "\xde\x11\xde\x11"},
	}
}

// integrity: version at 8.
func integrity(_ *view, r record, _ *Signature) bool { return r[8] >= 1 && r[8] <= 16 }

// verity: version le32 at 8, uuid 16, data blocks are on another device as a rule.
func verity(_ *view, r record, s *Signature) bool {
	s.UUID = r.uuid(16)
	return r.le32(8) == 1
}
