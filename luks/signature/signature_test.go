// SPDX-License-Identifier: Apache-2.0

package signature

import (
	"bytes"
	"math"
	"math/rand/v2"
	"slices"
	"testing"
)

const made = "0f0e0d0c-0b0a-4908-8706-050403020100" // the uuid of most fixtures

func detect(t testing.TB, d *sparse) []Signature {
	t.Helper()
	found, err := Detect(d, d.size)
	if err != nil {
		t.Fatal(err)
	}
	return found
}

// What is expected here comes from the arguments given to the tools that made the images, which
// say how long the file system is to be; the images are longer.
func TestDetectReadsWhatTheToolsWrote(t *testing.T) {
	gptFound := Signature{Kind: "gpt", Usage: PartitionTable, UUID: made, Offset: 512, MagicLength: 8, Extent: 64 << 20}
	pmbr := Signature{Kind: "PMBR", Usage: PartitionTable, Offset: 510, MagicLength: 2}
	fatFound := func(text int64, uuid, label string, extent int64) []Signature {
		s := Signature{Kind: "vfat", Usage: Filesystem, UUID: uuid, Label: label, MagicLength: 1, Extent: extent}
		return []Signature{s, moved(s, text, 8), moved(s, 510, 2)}
	}
	luksFound := func(version, label string, off int64) Signature {
		return Signature{Kind: "crypto_LUKS", Usage: Crypto, Version: version, UUID: made, Label: label, Offset: off, MagicLength: 6, Backup: off != 0}
	}
	fs := func(kind, uuid, label string, off int64, n int, extent int64) Signature {
		return Signature{Kind: kind, Usage: Filesystem, UUID: uuid, Label: label, Offset: off, MagicLength: n, Extent: extent}
	}
	btrfs := fs("btrfs", made, "butter", 65600, 8, 150011904)
	sha := fs("btrfs", made, "", 65600, 8, 150011904)
	flash := fs("f2fs", made, "flash größe", 1024, 4, 190000*512)
	swapFound := Signature{Kind: "swap", Usage: Other, Version: "1", UUID: made, Label: "swapspace", Offset: 4086, MagicLength: 10, Extent: 4001 / 4 * 4096}
	swap64 := Signature{Kind: "swap", Usage: Other, Version: "1", UUID: made, Offset: 65526, MagicLength: 10, Extent: 8 << 20}
	want := map[string][]Signature{
		"ext2":            {fs("ext2", made, "two words", 1080, 2, 10007*1024)},
		"ext3":            {fs("ext3", made, "ext-three", 1080, 2, 8191*1024)},
		"ext4":            {fs("ext4", made, "ext-four", 1080, 2, 16387*4096)},
		"jbd":             {{Kind: "jbd", Usage: Other, UUID: made, Label: "journal", Offset: 1080, MagicLength: 2, Extent: 1025 * 4096}},
		"xfs":             {fs("xfs", made, "x f s", 0, 4, 80001*4096)},
		"xfs4":            {fs("xfs", made, "", 0, 4, 80001*4096)},
		"btrfs":           {btrfs, backup(moved(btrfs, 64<<20+64, 8))},
		"btrfs-sha256":    {sha, backup(moved(sha, 64<<20+64, 8))},
		"f2fs":            {flash, backup(moved(flash, 5120, 4))},
		"fat12":           fatFound(54, "1234-5678", "TWELVE", 1440*1024),
		"fat16":           fatFound(54, "89AB-CDEF", "SIX TEEN", 16384*1024),
		"fat32":           fatFound(82, "0BAD-CAFE", "THIRTYTWO", 399987*512), // mkfs.fat rounds to its tracks
		"fat32-4k":        fatFound(82, "0BAD-CAFE", "", 300<<20),
		"exfat":           {fs("exfat", "*", "ex fat", 3, 8, 33<<20)},
		"ntfs":            {fs("ntfs", "*", "En Tee", 3, 8, 100000*512)},
		"iso9660":         {fs("iso9660", "2024-01-02-03-04-05-06", "Iso Label", 32769, 5, 184*2048)},
		"udf":             {fs("udf", "", "", 32769, 5, 0)},
		"reiserfs":        {fs("reiserfs", made, "reiser", 65588, 9, 12345*4096)},
		"jfs":             {fs("jfs", "*", "jay", 32768, 4, 0)},
		"squashfs":        {fs("squashfs", "", "", 0, 4, 223)},
		"erofs":           {fs("erofs", made, "", 1024, 4, 4096)},
		"nilfs2":          {fs("nilfs2", "*", "nil", 1030, 2, 200<<20), backup(fs("nilfs2", "*", "nil", 200<<20-4096+6, 2, 200<<20))},
		"gfs2":            {fs("gfs2", made, "cluster:table", 65536, 4, 0)},
		"ocfs2":           {fs("ocfs2", made, "oracle", 2048, 6, 0)},
		"swap":            {swapFound},
		"swap64k":         {swap64},
		"gpt":             {pmbr, gptFound, backup(moved(gptFound, 64<<20-512, 8))},
		"gpt-grown":       {pmbr, gptFound}, // the backup is no longer at the end
		"gpt-4k":          {pmbr, moved(gptFound, 4096, 8), backup(moved(gptFound, 64<<20-4096, 8))},
		"dos":             {{Kind: "dos", Usage: PartitionTable, UUID: "deadbeef", Offset: 510, MagicLength: 2}},
		"luks1":           {luksFound("1", "", 0)},
		"luks2":           {luksFound("2", "My Label", 0), luksFound("2", "My Label", 16<<10)},
		"luks2-4m":        {luksFound("2", "", 0), luksFound("2", "", 4<<20)},
		"luks2-secondary": {luksFound("2", "My Label", 16<<10)},
		"verity":          {{Kind: "DM_verity_hash", Usage: Crypto, UUID: made, MagicLength: 8}},
		"lvm":             {{Kind: "LVM2_member", Usage: RAID, Version: "LVM2 001", UUID: "012345-6789-abcd-efgh-ijkl-mnop-qrstuv", Offset: 536, MagicLength: 8, Extent: 20 << 20}},
		"bcache":          {{Kind: "bcache", Usage: Other, UUID: "*", Offset: 4120, MagicLength: 16}},
		"bcache-cache":    {{Kind: "bcache", Usage: Other, UUID: "*", Offset: 4120, MagicLength: 16}},
		"drbd":            {{Kind: "drbd", Usage: RAID, UUID: "*", Offset: 20<<20 - 4096 + 60, MagicLength: 4}},
	}
	for _, name := range fixtures(t) {
		t.Run(name, func(t *testing.T) {
			found := detect(t, fixture(t, name))
			expected := slices.Clone(want[name])
			for i := range min(len(expected), len(found)) {
				if expected[i].UUID == "*" && found[i].UUID != "" { // made up by the tool
					expected[i].UUID = found[i].UUID
				}
			}
			if !slices.Equal(found, expected) {
				t.Errorf("found %+v\nwant  %+v", found, expected)
			}
		})
	}
}

func moved(s Signature, off int64, n int) Signature {
	s.Offset, s.MagicLength = off, n
	return s
}

func backup(s Signature) Signature {
	s.Backup = true
	return s
}

func TestWipingTheMagicsLeavesNothing(t *testing.T) {
	for _, name := range fixtures(t) {
		t.Run(name, func(t *testing.T) {
			d := fixture(t, name)
			for range 2 { // NTFS and exFAT leave 55 aa behind, which then reads as an MBR
				for _, s := range detect(t, d) {
					d.put(s.Offset, string(make([]byte, s.MagicLength)))
				}
			}
			if left := detect(t, d); len(left) != 0 {
				t.Errorf("left: %+v", left)
			}
		})
	}
}

func TestWrongChecksumMakesASignatureDamagedAndItsExtentUnknown(t *testing.T) {
	for name, at := range map[string]int64{
		"ext4": 1024 + 140, "xfs": 300, "btrfs": 65536 + 1000, "erofs": 2048, "lvm": 512 + 400, "gpt": 512 + 60,
	} {
		t.Run(name, func(t *testing.T) {
			d := fixture(t, name)
			before := detect(t, d)
			d.put(at, "flipped")
			after := detect(t, d)
			if len(after) != len(before) {
				t.Fatalf("found %+v", after)
			}
			damaged := slices.IndexFunc(after, func(s Signature) bool { return s.Damaged })
			if damaged < 0 || after[damaged].Extent != 0 || after[damaged].Kind != before[damaged].Kind {
				t.Fatalf("found %+v", after)
			}
		})
	}
	d := fixture(t, "nilfs2")
	d.put(1024+180, "flipped")
	if found := detect(t, d); len(found) != 1 || !found[0].Backup {
		t.Errorf("nilfs2, whose magic alone proves nothing: %+v", found)
	}
}

func TestNothingIsFoundInZerosOrRandomBytes(t *testing.T) {
	random := make([]byte, 9<<20)
	source := rand.NewChaCha8([32]byte{7})
	for range 8 {
		if _, err := source.Read(random); err != nil {
			t.Fatal(err)
		}
		if found, err := Detect(bytes.NewReader(random), int64(len(random))); err != nil || len(found) != 0 {
			t.Fatalf("%+v, %v", found, err)
		}
	}
	for _, size := range []int64{0, 1, 511, 512, 4095, 65536, 1 << 20, math.MaxInt64} {
		empty := &sparse{size: size}
		if found, err := Detect(empty, size); err != nil || len(found) != 0 {
			t.Errorf("%d zeros: %+v, %v", size, found, err)
		}
	}
}

func TestDeviceShorterThanSaidIsNoError(t *testing.T) {
	d := fixture(t, "ext4")
	whole := detect(t, d)
	d.size = 100_000
	found, err := Detect(d, 1<<40)
	if err != nil || !slices.Equal(found, whole) {
		t.Fatalf("%+v, %v", found, err)
	}
}
