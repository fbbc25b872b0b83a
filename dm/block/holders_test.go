// SPDX-License-Identifier: Apache-2.0

package block

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
)

const mountinfo = `21 1 0:20 / /sys rw shared:7 - sysfs sysfs rw
36 21 8:1 / /mnt/my\040disk rw,noatime shared:1 - ext4 /dev/sda1 rw
37 21 254:0 /sub / rw master:1 - ext4 /dev/mapper/root rw
38 21 18:1 / /other rw - ext4 /dev/x rw
short line
`

func TestHoldersNamesMappingsAndMountsOfTheDiskAndItsPartitions(t *testing.T) {
	r := disks(t, map[string]string{"proc/self/mountinfo": mountinfo, "proc/swaps": "Filename Type\n"})
	root := Holder{Kind: HolderDevice, Name: "root", Major: 254, UUID: "CRYPT-LUKS2-00-root"}
	mount := Holder{Kind: HolderMount, Name: "/mnt/my disk"}
	under := func(h Holder, partition string) Holder { h.Partition = partition; return h }
	for _, test := range []struct {
		n    number
		want []Holder
	}{
		{number{8, 1}, []Holder{root, mount}},
		{number{8, 0}, []Holder{under(root, "sda1"), under(mount, "sda1")}},
		{number{254, 0}, []Holder{{Kind: HolderMount, Name: "/"}}},
		{number{104, 0}, nil},
	} {
		got, err := r.holders(test.n)
		if err != nil || !slices.Equal(got, test.want) {
			t.Errorf("%v: %+v, %v\nwant %+v", test.n, got, err, test.want)
		}
	}
	if _, err := r.holders(number{1, 1}); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("unknown device: %v", err)
	}
}

func TestHoldersWithoutProc(t *testing.T) {
	if got, err := disks(t, nil).holders(number{8, 1}); err != nil || len(got) != 1 {
		t.Fatalf("%+v, %v", got, err)
	}
}

func TestOpenersIgnoresOtherFiles(t *testing.T) {
	r := tree(t, map[string]string{
		"proc/77/comm":     "mkfs\n",
		"proc/77/fd/0":     "-> /dev/null",
		"proc/77/fd/1":     "-> /dev/pts/gone",
		"proc/77/fd/2":     "-> socket:[1]",
		"proc/self/status": "",
	})
	got, err := r.openers(map[number]string{{1, 3}: ""})
	if err != nil || len(got) != 0 {
		t.Fatalf("%+v, %v", got, err)
	}
}

func TestUnescapeUndoesOctalEscapes(t *testing.T) {
	for in, want := range map[string]string{`a\040b`: "a b", `\134040`: `\040`, `end\04`: `end\04`, `\999`: `\999`, "": ""} {
		if got := unescape(in); got != want {
			t.Errorf("%q: %q, want %q", in, got, want)
		}
	}
}

func TestLoopBackingIsReadWhole(t *testing.T) {
	long := "/srv/a name that is longer than the sixty-three bytes of the ioctl, with spaces .img (deleted)"
	r := tree(t, map[string]string{"sys/dev/block/7:0/loop/backing_file": long + "\n"})
	if got, ok := r.backing(number{7, 0}); !ok || got != long {
		t.Fatalf("%q, %v", got, ok)
	}
	if _, ok := r.backing(number{7, 1}); ok {
		t.Fatal("a device without a file has one")
	}
	file := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := LoopBacking(file); !errors.Is(err, ErrNotLoop) {
		t.Fatalf("regular file: %v", err)
	}
	if _, err := LoopBacking("/dev/null"); !errors.Is(err, ErrNotBlock) {
		t.Fatalf("character device: %v", err)
	}
}

func TestLoopInfoCarriesTheOptions(t *testing.T) {
	name := strings.Repeat("n", 100)
	info := loopInfo(name, LoopOptions{ReadOnly: true, AutoClear: true, Direct: true, Offset: 1 << 40, SizeLimit: 7})
	if string(info.File_name[:]) != name[:63]+"\x00" {
		t.Errorf("name %q", info.File_name)
	}
	if info.Offset != 1<<40 || info.Sizelimit != 7 || info.Flags != unix.LO_FLAGS_READ_ONLY|unix.LO_FLAGS_AUTOCLEAR|unix.LO_FLAGS_DIRECT_IO {
		t.Fatalf("%+v", info)
	}
}
