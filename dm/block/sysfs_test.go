// SPDX-License-Identifier: Apache-2.0

package block

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"testing"
)

// tree makes files and links ("-> target") below a temporary root.
func tree(t *testing.T, files map[string]string) root {
	t.Helper()
	r := root(t.TempDir())
	for name, text := range files {
		path := r.path(name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		var err error
		if len(text) > 3 && text[:3] == "-> " {
			err = os.Symlink(text[3:], path)
		} else {
			err = os.WriteFile(path, []byte(text), 0o644)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	return r
}

// disks: sda with partition sda1, held by dm-0 ("root"), and a controller's c0d0 in a directory.
func disks(t *testing.T, more map[string]string) root {
	files := map[string]string{
		"sys/devices/pci/sda/dev":                "8:0\n",
		"sys/devices/pci/sda/size":               "1000\n",
		"sys/devices/pci/sda/removable":          "1\n",
		"sys/devices/pci/sda/queue/rotational":   "1\n",
		"sys/devices/pci/sda/queue/dax":          "0\n",
		"sys/devices/pci/sda/queue/zoned":        "host-managed\n",
		"sys/devices/pci/sda/sda1/dev":           "8:1\n",
		"sys/devices/pci/sda/sda1/size":          "900\n",
		"sys/devices/pci/sda/sda1/partition":     "1\n",
		"sys/devices/pci/sda/sda1/holders/dm-0":  "-> ../../../../virtual/dm-0",
		"sys/devices/virtual/dm-0/dev":           "254:0\n",
		"sys/devices/virtual/dm-0/size":          "800\n",
		"sys/devices/virtual/dm-0/dm/name":       "root\n",
		"sys/devices/virtual/dm-0/dm/uuid":       "CRYPT-LUKS2-00-root\n",
		"sys/devices/pci/cciss!c0d0/dev":         "104:0\n",
		"sys/devices/pci/cciss!c0d0/size":        "64\n",
		"sys/devices/pci/cciss!c0d0/queue/zoned": "none\n",
		"sys/class/block/sda":                    "-> ../../devices/pci/sda",
		"sys/class/block/sda1":                   "-> ../../devices/pci/sda/sda1",
		"sys/class/block/dm-0":                   "-> ../../devices/virtual/dm-0",
		"sys/class/block/cciss!c0d0":             "-> ../../devices/pci/cciss!c0d0",
		"sys/class/block/gone":                   "-> ../../devices/pci/gone",
		"sys/dev/block/8:0":                      "-> ../../devices/pci/sda",
		"sys/dev/block/8:1":                      "-> ../../devices/pci/sda/sda1",
		"sys/dev/block/254:0":                    "-> ../../devices/virtual/dm-0",
		"sys/dev/block/104:0":                    "-> ../../devices/pci/cciss!c0d0",
	}
	for name, text := range more {
		files[name] = text
	}
	return tree(t, files)
}

func TestDevicesListsDisksPartitionsAndMappings(t *testing.T) {
	r := disks(t, nil)
	got, err := r.devices()
	if err != nil {
		t.Fatal(err)
	}
	want := []Info{
		{Name: "cciss!c0d0", Path: r.path("dev/cciss/c0d0"), Major: 104, Size: 64 * 512},
		{Name: "dm-0", Path: r.path("dev/dm-0"), Major: 254, Size: 800 * 512, DMName: "root", DMUUID: "CRYPT-LUKS2-00-root"},
		{Name: "sda", Path: r.path("dev/sda"), Major: 8, Size: 1000 * 512},
		{Name: "sda1", Path: r.path("dev/sda1"), Major: 8, Minor: 1, Size: 900 * 512, Disk: "sda"},
	}
	if len(got) != len(want) {
		t.Fatalf("%+v", got)
	}
	for i := range want {
		if got[i] != want[i] {
			t.Errorf("%+v\nwant %+v", got[i], want[i])
		}
	}
}

func TestTopologyOfAPartitionIsItsDisks(t *testing.T) {
	r := disks(t, nil)
	want := Topology{Rotational: true, Removable: true, Zoned: true}
	for _, n := range []number{{8, 0}, {8, 1}} {
		var got Topology
		r.topology(n, &got)
		if got != want {
			t.Errorf("%v: %+v", n, got)
		}
	}
	for _, n := range []number{{254, 0}, {104, 0}, {1, 1}} {
		var got Topology
		r.topology(n, &got)
		if got != (Topology{}) {
			t.Errorf("%v: %+v", n, got)
		}
	}
}

func TestNodeThatUdevdLocksIsTheDisks(t *testing.T) {
	r := disks(t, map[string]string{
		"sys/devices/virtual/md127/dev": "9:127\n",
		"sys/dev/block/9:127":           "-> ../../devices/virtual/md127",
	})
	for _, test := range []struct {
		n    number
		node string
	}{
		{number{8, 0}, "dev/sda"},
		{number{8, 1}, "dev/sda"},
		{number{104, 0}, "dev/cciss/c0d0"},
		{number{254, 0}, ""},
		{number{9, 127}, ""},
		{number{1, 1}, ""},
	} {
		node, _, ok := r.lockableNode(test.n)
		if ok != (test.node != "") || ok && node != r.path(test.node) {
			t.Errorf("%v: %s, %v", test.n, node, ok)
		}
	}
}

func TestResolveFindsUdevsLinks(t *testing.T) {
	r := tree(t, map[string]string{
		"dev/sda1": "",
		"dev/disk/by-uuid/6ba7b810-9dad-11d1-80b4-00c04fd430c8": "-> ../../sda1",
		"dev/disk/by-uuid/ABCD-1234":                            "-> ../../sda1",
		"dev/disk/by-label/My\\x20disk\\x2f1":                   "-> ../../sda1",
		"dev/disk/by-partlabel/Größe":                           "-> ../../sda1",
		"dev/disk/by-id/wwn-0x5":                                "-> ../../sda1",
	})
	link := func(name string) string { return r.path("dev/disk", name) }
	tests := []struct {
		spec, want string
		err        error
	}{
		{"/dev/sda1", "/dev/sda1", nil},
		{"name=with", "name=with", nil},
		{"uuid=abc", "uuid=abc", nil},
		{"UUID=6BA7B810-9dad-11d1-80b4-00c04fd430c8", link("by-uuid/6ba7b810-9dad-11d1-80b4-00c04fd430c8"), nil},
		{`UUID="ABCD-1234"`, link("by-uuid/ABCD-1234"), nil},
		{"LABEL=My disk/1", link(`by-label/My\x20disk\x2f1`), nil},
		{"LABEL='My disk/1'", link(`by-label/My\x20disk\x2f1`), nil},
		{"PARTLABEL=Größe", link("by-partlabel/Größe"), nil},
		{"ID=wwn-0x5", link("by-id/wwn-0x5"), nil},
		{"LABEL=my disk/1", "", fs.ErrNotExist},
		{"UUID=../by-id/wwn-0x5", "", fs.ErrNotExist},
		{"UUID=", "", fs.ErrNotExist},
		{"UUID=..", "", fs.ErrNotExist},
		{"PARTUUID=1234-01", "", ErrNoDiskLinks},
		{"PARTUUID=1234-01", "", fs.ErrNotExist},
	}
	for _, test := range tests {
		got, err := r.resolve(test.spec)
		if got != test.want || !errors.Is(err, test.err) {
			t.Errorf("%s: %q, %v; want %q, %v", test.spec, got, err, test.want, test.err)
		}
	}
	if _, err := r.resolve("LABEL=none"); errors.Is(err, ErrNoDiskLinks) {
		t.Error("a missing label in a directory of labels is ErrNoDiskLinks")
	}
}

func TestEncodeLinkNameEscapesWhatUdevEscapes(t *testing.T) {
	for in, want := range map[string]string{
		"plain-#+.:=@_9": "plain-#+.:=@_9",
		"a b\t/\\\"'":    `a\x20b\x09\x2f\x5c\x22\x27`,
		"ä€😀":            "ä€😀",
		"bad\xff\xc3":    `bad\xff\xc3`,
		"%$,;()":         `\x25\x24\x2c\x3b\x28\x29`,
		"\x00\x7f":       `\x00\x7f`,
		"..":             "..",
	} {
		if got := EncodeLinkName(in); got != want {
			t.Errorf("%q: %s, want %s", in, got, want)
		}
	}
}
