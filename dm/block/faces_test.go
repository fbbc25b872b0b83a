// SPDX-License-Identifier: Apache-2.0

package block

import (
	"os"
	"slices"
	"testing"
)

func TestFacesOfDisksPartitionsAndLoops(t *testing.T) {
	r := disks(t, map[string]string{
		"sys/devices/pci/sda/sda1/start":              "64\n",
		"sys/devices/virtual/loop0/dev":               "7:0\n",
		"sys/devices/virtual/loop0/loop/backing_file": "/images/a.img\n",
		"sys/devices/virtual/loop0/loop/offset":       "1048576\n",
		"sys/class/block/loop0":                       "-> ../../devices/virtual/loop0",
		"sys/devices/virtual/loop1/dev":               "7:1\n",
		"sys/devices/virtual/loop1/loop/offset":       "512\n",
		"sys/class/block/loop1":                       "-> ../../devices/virtual/loop1",
		"sys/devices/virtual/loop2/dev":               "7:2\n",
		"sys/devices/virtual/loop2/loop/backing_file": "/images/b.img\n",
		"sys/class/block/loop2":                       "-> ../../devices/virtual/loop2",
		"sys/devices/virtual/loop2/loop/offset":       "0\n",
	})
	for _, c := range []struct {
		name string
		own  *number
		path string
		want []Face
	}{
		{"a partition", &number{8, 1}, "/dev/sda1", []Face{{8, 1, 0}, {8, 0, -64 * 512}}},
		{"a disk", &number{8, 0}, "/dev/sda", []Face{{8, 0, 0}, {8, 1, 64 * 512}}},
		{"a file under a loop", nil, "/images/a.img", []Face{{7, 0, 1 << 20}}},
		{"a file", nil, "/images/c.img", nil},
	} {
		got, err := r.faces(c.own, c.path)
		if err != nil || !slices.Equal(got, c.want) {
			t.Errorf("%s: %+v, %v", c.name, got, err)
		}
	}
	if _, err := r.faces(&number{1, 1}, "/dev/gone"); err == nil {
		t.Error("an unknown device has faces")
	}
}

func TestLoopsOverLoopsAddUpTheirOffsets(t *testing.T) {
	more := tree(t, map[string]string{
		"sys/devices/virtual/loop0/dev":               "7:0\n",
		"sys/devices/virtual/loop0/loop/backing_file": "/images/a.img\n",
		"sys/devices/virtual/loop0/loop/offset":       "4096\n",
		"sys/class/block/loop0":                       "-> ../../devices/virtual/loop0",
		"sys/devices/virtual/loop1/dev":               "7:1\n",
		"sys/devices/virtual/loop1/loop/offset":       "512\n",
		"sys/class/block/loop1":                       "-> ../../devices/virtual/loop1",
	})
	under := more.path("sys/devices/virtual/loop1/loop/backing_file")
	if err := os.WriteFile(under, []byte(more.path("dev/loop0")+"\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	got, err := more.faces(nil, "/images/a.img")
	if want := []Face{{7, 0, 4096}, {7, 1, 4608}}; err != nil || !slices.Equal(got, want) {
		t.Errorf("%+v, %v", got, err)
	}
}
