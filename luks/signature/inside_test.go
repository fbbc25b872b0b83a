// SPDX-License-Identifier: Apache-2.0

package signature

import (
	"errors"
	"strings"
	"syscall"
	"testing"
)

func TestEndOfProvableContents(t *testing.T) {
	for name, want := range map[string]Contents{
		"ext2":         {"ext2", made, "two words", 10007 << 10},
		"ext3":         {"ext3", made, "ext-three", 8191 << 10},
		"ext4":         {"ext4", made, "ext-four", 16387 << 12},
		"xfs":          {"xfs", made, "x f s", 80001 << 12},
		"xfs4":         {"xfs", made, "", 80001 << 12},
		"btrfs":        {"btrfs", made, "butter", 150011904},
		"btrfs-sha256": {"btrfs", made, "", 150011904},
		"swap":         {"swap", made, "swapspace", 4000 << 10},
		"swap64k":      {"swap", made, "", 8 << 20},
		"lvm":          {"LVM2_member", "012345-6789-abcd-efgh-ijkl-mnop-qrstuv", "", 20 << 20},
	} {
		d := fixture(t, name)
		got, err := Inside(d, d.size)
		if err != nil || got.Kind != want.Kind || got.UUID != want.UUID || got.Label != want.Label {
			t.Errorf("%s: %+v, %v", name, got, err)
		}
		if got.End != want.End {
			t.Errorf("%s ends at %d, made to end at %d", name, got.End, want.End)
		}
	}
}

func TestEverythingElseInsideIsDoubt(t *testing.T) {
	provableFixtures := map[string]bool{
		"ext2": true, "ext3": true, "ext4": true, "xfs": true, "xfs4": true, "btrfs": true, "btrfs-sha256": true,
		"swap": true, "swap64k": true, "lvm": true,
	}
	all := crafted()
	for _, name := range fixtures(t) {
		if !provableFixtures[name] {
			all[name] = fixture(t, name)
		}
	}
	all["nothing"] = &sparse{size: 1 << 20, sectors: map[int64][]byte{}}
	if len(all) < 40 {
		t.Fatalf("only %d images", len(all))
	}
	for name, d := range all {
		var doubt *DoubtError
		if got, err := Inside(d, d.size); !errors.As(err, &doubt) || !errors.Is(err, ErrDoubt) || got.End != 0 {
			t.Errorf("%s: %+v, %v", name, got, err)
		}
	}
}

func TestSomethingElseBesideTheFileSystemIsDoubt(t *testing.T) {
	put := map[string]func(d *sparse){
		"md 1.0 at the end": func(d *sparse) { mdSuperblock(d, (d.size/512-16)/8*8*512) },
		"a ZFS label":       func(d *sparse) { d.put(d.size/(256<<10)*(256<<10)-128<<10, le64(zfsMagic)) },
		"an MBR":            func(d *sparse) { d.put(446+4, "\x83"); d.put(510, "\x55\xaa") },
		"damage":            func(d *sparse) { d.put(1024+300, "x") },
		"another kind": func(d *sparse) {
			d.put(4096, strings.Repeat("\x00", 24)+"\xc6\x85\x73\xf6\x66\xce\x90\xa9\xd9\x6a\x60\xcf\x80\x3d\xf7\xef")
			d.put(4104, le64(8))
		},
		"an old swap space": func(d *sparse) { d.put(4086, "SWAP-SPACE") },
		"a GPT's backup": func(d *sparse) {
			gpt := fixture(t, "gpt")
			sector := gpt.sectors[gpt.size-512]
			copied := record(strings.Clone(string(sector)))
			copy(copied[24:], le64(uint64(d.size/512-1)))
			d.put(d.size/512*512-512, string(copied))
		},
	}
	for what, damage := range put {
		d := fixture(t, "ext4")
		damage(d)
		if got, err := Inside(d, d.size); !errors.Is(err, ErrDoubt) {
			t.Errorf("%s beside ext4: %+v, %v", what, got, err)
		}
	}
}

// failing cannot be read in one place.
type failing struct {
	*sparse
	at int64
}

func (f failing) ReadAt(p []byte, off int64) (int, error) {
	if off <= f.at && f.at < off+int64(len(p)) {
		return 0, syscall.EIO
	}
	return f.sparse.ReadAt(p, off)
}

func TestReadErrorWhereSomethingMayLieIsDoubt(t *testing.T) {
	d := fixture(t, "xfs")
	if _, err := Inside(failing{d, 4096}, d.size); !errors.Is(err, ErrDoubt) || !errors.Is(err, syscall.EIO) {
		t.Errorf("error %v", err)
	}
}

func TestContentsCutShortStillTellTheirEnd(t *testing.T) {
	d := fixture(t, "ext4")
	d.size = 8 << 20
	if got, err := Inside(d, d.size); err != nil || got.End != 16387<<12 {
		t.Errorf("%+v, %v", got, err)
	}
}

// pv is the label of a physical volume with further areas.
func pv(t *testing.T, areas ...uint64) *sparse {
	d := fixture(t, "lvm")
	r := record(d.sectors[512])
	at := int(r.le32(20)) + 40
	for _, n := range areas {
		copy(r[at:], le64(n))
		at += 8
	}
	copy(r[16:], le32(crcRaw(0xf597a6cf, r[20:512], -1)))
	return d
}

func TestSecondMetadataAreaOfAPhysicalVolumeCounts(t *testing.T) {
	const data, first, second = 1 << 20, 4096, 29 << 20
	for what, c := range map[string]struct {
		areas []uint64
		want  int64
	}{
		"one area":              {[]uint64{data, 0, 0, 0, first, data - first, 0, 0}, 20 << 20},
		"a second behind":       {[]uint64{data, 0, 0, 0, first, data - first, second, 1 << 20, 0, 0}, 30 << 20},
		"an area past all size": {[]uint64{data, 0, 0, 0, first, 1<<64 - 1, 0, 0}, 0},
	} {
		d := pv(t, c.areas...)
		got, err := Inside(d, d.size)
		if got.End != c.want || (err == nil) != (c.want != 0) {
			t.Errorf("%s: %+v, %v", what, got, err)
		}
	}
}
