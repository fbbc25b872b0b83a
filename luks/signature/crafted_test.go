// SPDX-License-Identifier: Apache-2.0

package signature

import (
	"encoding/binary"
	"hash/crc32"
	"slices"
	"strings"
	"testing"
)

func le64(n uint64) string { return string(binary.LittleEndian.AppendUint64(nil, n)) }
func le32(n uint32) string { return string(binary.LittleEndian.AppendUint32(nil, n)) }
func be64(n uint64) string { return string(binary.BigEndian.AppendUint64(nil, n)) }
func be32(n uint32) string { return string(binary.BigEndian.AppendUint32(nil, n)) }

const id = "\x01\x02\x03\x04\x05\x06\x07\x08\x09\x0a\x0b\x0c\x0d\x0e\x0f\x10"

const idText = "01020304-0506-0708-090a-0b0c0d0e0f10"

// mdSuperblock is a version 1 superblock at off with 100 sectors of data from sector 2048 on.
func mdSuperblock(d *sparse, off int64) {
	r := make(record, 256)
	copy(r, "\xfc\x4e\x2b\xa9"+le32(1))
	copy(r[16:], id+"host:0")
	copy(r[128:], le64(2048)+le64(100)+le64(uint64(off/512)))
	// The checksum at 216 adds up all 32-bit words.
	var total uint64
	for i := 0; i < 256; i += 4 {
		total += uint64(r.le32(i))
	}
	copy(r[216:], le32(uint32(total)+uint32(total>>32)))
	d.put(off, string(r))
}

// crafted are images of formats whose tools need a kernel driver, a licence or another system,
// made from the format's description.
func crafted() map[string]*sparse {
	all := map[string]*sparse{}
	image := func(name string) *sparse {
		all[name] = &sparse{size: 33<<20 + 5*512, sectors: map[int64][]byte{}}
		return all[name]
	}
	mdSuperblock(image("md 1.0"), (33<<20+5*512)/512/8*8*512-16*512)
	mdSuperblock(image("md 1.1"), 0)
	mdSuperblock(image("md 1.2"), 4096)
	d := image("md 0.90")
	d.put(33<<20-65536, "\xfc\x4e\x2b\xa9"+le32(0)+le32(90)+le32(0)+le32(0)+id[:4])
	d.put(33<<20-65536+52, id[4:])
	d = image("md 0.90 big-endian")
	d.put(33<<20-65536, "\xa9\x2b\x4e\xfc"+be32(0)+be32(90)+be32(0)+be32(0)+id[:4])
	d.put(33<<20-65536+52, id[4:])
	d = image("zfs")
	d.size = 65<<20 + 4096
	for _, label := range []int64{0, 256 << 10, 65<<20 - 512<<10, 65<<20 - 256<<10} {
		for slot := range int64(8) {
			d.put(label+128<<10+slot*1024, le64(zfsMagic))
		}
	}
	image("integrity").put(0, "integrt\x00\x04\x0f\x10\x00"+le32(8)+le64(2000))
	image("snapshot").put(0, "SnAp"+le32(1)+le32(1)+le32(8))
	d = image("bitlocker")
	d.put(0, "\xeb\x58\x90-FVE-FS-")
	d.put(160, "\x3b\xd6\x67\x49\x29\x2e\xd8\x4a\x83\x99\xf6\xa3\x39\xe3\xd0\x01")
	d.put(176, le64(1<<20))
	d.put(510, "\x55\xaa")
	d.put(1<<20, "-FVE-FS-"+"\x40\x00\x02\x00")
	d = image("core storage")
	header := make(record, 512)
	copy(header, le32(0)+le32(1<<32-1)+"\x01\x00\x10\x00")
	copy(header[64:], le64(32<<20))
	copy(header[88:], "CS")
	copy(header[304:], id)
	copy(header, le32(^crc32.Checksum(header[8:], crc32.MakeTable(crc32.Castagnoli))))
	d.put(0, string(header))
	d.put(33<<20+4*512, string(header))
	d = image("hfsplus")
	d.put(1024, "H+\x00\x04")
	d.put(1024+40, be32(4096)+be32(1000))
	d = image("apfs")
	d.put(24, le32(1)) // object type: container superblock
	d.put(32, "NXSB"+le32(4096)+le64(2000))
	d.put(72, id)
	d = image("cramfs")
	d.put(0, "\x45\x3d\xcd\x28"+le32(8192))
	d.put(16, "Compressed ROMFS")
	d.put(48, "cram")
	image("romfs").put(0, "-rom1fs-"+be32(1024)+be32(0)+"rom\x00")
	image("suspended swap").put(4086, "S1SUSPEND")
	image("vmfs").put(1<<20, "\x0d\xd0\x01\xc0")
	image("bluestore").put(0, "bluestore block device\n")
	image("protective").put(446, "\x00\x00\x02\x00\xee\xff\xff\xff"+le32(1)+le32(1000))
	all["protective"].put(510, "\x55\xaa")
	return all
}

func TestDetectCraftedImages(t *testing.T) {
	md := func(version string, off, extent int64) []Signature {
		return []Signature{{Kind: "linux_raid_member", Usage: RAID, Version: version, UUID: idText, Label: "host:0", Offset: off, MagicLength: 4, Extent: extent}}
	}
	swapped := Signature{Kind: "linux_raid_member", Usage: RAID, Version: "0.90", UUID: "04030201-0807-0605-0c0b-0a09100f0e0d", Offset: 33<<20 - 65536, MagicLength: 4}
	old := Signature{Kind: "linux_raid_member", Usage: RAID, Version: "0.90", UUID: idText, Offset: 33<<20 - 65536, MagicLength: 4}
	zfs := Signature{Kind: "zfs_member", Usage: RAID, Offset: 128 << 10, MagicLength: 8}
	var ring []Signature
	for _, label := range []int64{0, 256 << 10, 65<<20 - 512<<10, 65<<20 - 256<<10} {
		for slot := range int64(8) {
			ring = append(ring, backup(moved(zfs, label+128<<10+slot*1024, 8)))
		}
	}
	ring[0].Backup = false
	storage := Signature{Kind: "CoreStorage", Usage: Crypto, UUID: idText, Offset: 88, MagicLength: 2, Extent: 32 << 20}
	want := map[string][]Signature{
		"core storage":       {storage, backup(moved(storage, 33<<20+4*512+88, 2))},
		"md 1.0":             md("1.0", 67568*512, 0),
		"md 1.1":             md("1.1", 0, 2148*512),
		"md 1.2":             md("1.2", 4096, 2148*512),
		"md 0.90":            {swapped},
		"md 0.90 big-endian": {old},
		"zfs":                ring,
		"integrity":          {{Kind: "DM_integrity", Usage: Crypto, MagicLength: 8}},
		"snapshot":           {{Kind: "DM_snapshot_cow", Usage: Other, MagicLength: 4}},
		"bitlocker":          {{Kind: "BitLocker", Usage: Crypto, MagicLength: 11}},
		"hfsplus":            {{Kind: "hfsplus", Usage: Filesystem, Offset: 1024, MagicLength: 2, Extent: 4096000}},
		"apfs":               {{Kind: "apfs", Usage: Filesystem, UUID: idText, Offset: 32, MagicLength: 4, Extent: 8192000}},
		"cramfs":             {{Kind: "cramfs", Usage: Filesystem, Label: "cram", MagicLength: 4, Extent: 8192}},
		"romfs":              {{Kind: "romfs", Usage: Filesystem, Label: "rom", MagicLength: 8, Extent: 1024}},
		"suspended swap":     {{Kind: "swsuspend", Usage: Other, Offset: 4086, MagicLength: 9}},
		"vmfs":               {{Kind: "VMFS_volume_member", Usage: RAID, Offset: 1 << 20, MagicLength: 4}},
		"bluestore":          {{Kind: "ceph_bluestore", Usage: Other, MagicLength: 22}},
		"protective":         {{Kind: "PMBR", Usage: PartitionTable, Offset: 510, MagicLength: 2}},
	}
	for name, d := range crafted() {
		t.Run(name, func(t *testing.T) {
			if found := detect(t, d); !slices.Equal(found, want[name]) {
				t.Errorf("found %+v\nwant  %+v", found, want[name])
			}
		})
	}
}

func TestBlkidFindsCraftedImagesToo(t *testing.T) {
	for name, d := range crafted() {
		t.Run(name, func(t *testing.T) { compare(t, d) })
	}
}

func TestHostileSizesAreUnknownNotWrapped(t *testing.T) {
	d := fixture(t, "xfs4")
	d.put(8, be64(1<<62))
	if found := detect(t, d); len(found) != 1 || found[0].Extent != 0 {
		t.Errorf("xfs: %+v", found)
	}
	d = crafted()["md 1.1"]
	d.put(128, le64(1<<63)+le64(1<<63))
	if found := detect(t, d); len(found) != 1 || found[0].Extent != 0 {
		t.Errorf("md: %+v", found)
	}
	d = fixture(t, "ntfs")
	d.put(40, strings.Repeat("\xff", 8))
	d.put(48, strings.Repeat("\xff", 8))
	if found := detect(t, d); find(found, "ntfs") {
		t.Errorf("ntfs: %+v", found)
	}
}

func TestBootSectorOfAFileSystemIsNoPartitionTable(t *testing.T) {
	for _, name := range []string{"fat12", "fat16", "fat32", "fat32-4k", "ntfs", "exfat"} {
		if found := detect(t, fixture(t, name)); find(found, "dos") || find(found, "PMBR") {
			t.Errorf("%s: %+v", name, found)
		}
	}
	d := &sparse{size: 1 << 20, sectors: map[int64][]byte{}}
	d.put(510, "\x55\xaa")
	d.put(446+16, "\x01") // no boot flag
	if found := detect(t, d); len(found) != 0 {
		t.Errorf("other boot code: %+v", found)
	}
}

func find(found []Signature, kind string) bool {
	return slices.ContainsFunc(found, func(s Signature) bool { return s.Kind == kind })
}
