// SPDX-License-Identifier: Apache-2.0

package block

import (
	"os"
	"path/filepath"
	"testing"

	"golang.org/x/sys/unix"
)

func TestGroundOfPartitionsAndLoops(t *testing.T) {
	image := filepath.Join(t.TempDir(), "image")
	if err := os.WriteFile(image, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	var st unix.Stat_t
	if err := unix.Stat(image, &st); err != nil {
		t.Fatal(err)
	}
	r := disks(t, map[string]string{
		"sys/devices/pci/sda/sda1/start":              "64\n",
		"sys/devices/virtual/loop0/dev":               "7:0\n",
		"sys/devices/virtual/loop0/loop/backing_file": image + "\n",
		"sys/devices/virtual/loop0/loop/offset":       "4096\n",
		"sys/devices/virtual/loop0/loop0p1/dev":       "259:0\n",
		"sys/devices/virtual/loop0/loop0p1/partition": "1\n",
		"sys/devices/virtual/loop0/loop0p1/start":     "8\n",
		"sys/devices/virtual/loop1/dev":               "7:1\n",
		"sys/devices/virtual/loop1/loop/backing_file": "/gone (deleted)\n",
		"sys/devices/virtual/loop1/loop/offset":       "512\n",
		"sys/dev/block/7:0":                           "-> ../../devices/virtual/loop0",
		"sys/dev/block/259:0":                         "-> ../../devices/virtual/loop0/loop0p1",
		"sys/dev/block/7:1":                           "-> ../../devices/virtual/loop1",
	})
	file := identity{uint64(st.Dev), st.Ino}
	for n, want := range map[number]ground{
		{8, 0}:   {device: number{8, 0}},
		{8, 1}:   {device: number{8, 0}, at: 64 * 512},
		{7, 0}:   {file: file, at: 4096},
		{259, 0}: {file: file, at: 4096 + 8*512},
		{7, 1}:   {device: number{7, 1}},
		{1, 1}:   {device: number{1, 1}},
	} {
		if got := r.ground(n); got != want {
			t.Errorf("%v: %+v, want %+v", n, got, want)
		}
	}
}

func TestOneFileUnderTwoNamesStartsTogether(t *testing.T) {
	dir := t.TempDir()
	a, b, c := filepath.Join(dir, "a"), filepath.Join(dir, "b"), filepath.Join(dir, "c")
	for _, path := range []string{a, c} {
		if err := os.WriteFile(path, make([]byte, 512), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.Link(a, b); err != nil {
		t.Fatal(err)
	}
	one, err := Open(a, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer one.Close()
	for path, want := range map[string]bool{a: true, b: true, c: false} {
		other, err := Open(path, 0)
		if err != nil {
			t.Fatal(err)
		}
		if at, same := one.StartIn(other); at != 0 || same != want {
			t.Errorf("%s: at %d, same %v", path, at, same)
		}
		if err := other.Close(); err != nil {
			t.Error(err)
		}
	}
}
