// SPDX-License-Identifier: Apache-2.0

package tools

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

func TestToolIsKnownByTheNameOfADevice(t *testing.T) {
	mapped := func(name string) bool { return name == "luks-1234" }
	for path, want := range map[string]string{
		"/dev/vg/root": "lvm", "/dev/mapper/vg-root": "lvm", "/dev/mapper/my--vg-root": "lvm",
		"/dev/disk/by-id/dm-uuid-LVM-abc": "lvm",
		"/dev/md0":                        "mdadm", "/dev/md/root": "mdadm", "/dev/disk/by-id/md-uuid-1": "mdadm", "/dev/disk/by-id/md-name-a:0": "mdadm",
		`"/dev/md0"`: "mdadm", "/dev/md0p1": "mdadm",
		"/dev/mapper/luks-1234": "", "/dev/mapper/sealed": "", "/dev/sda1": "", "/dev/disk/by-uuid/a-b": "",
		"/dev/disk/by-id/virtio-root": "", "/dev/cciss/c0d0p1": "", "UUID=1234": "", "LABEL=/dev/md0": "", "": "", "/images/a": "",
		"/dev/block/8:1": "",
	} {
		if got := ForName(path, mapped); got != want {
			t.Errorf("%s: %q, not %q", path, got, want)
		}
	}
}

func TestLogicalVolumeIsReadFromItsMapping(t *testing.T) {
	ids := "LVM-" + strings.Repeat("a", 64)
	tests := []struct {
		name, uuid, path string
		hidden           bool
	}{
		{"vg-root", ids, "/dev/vg/root", false},
		{"my--vg-the--root", ids, "/dev/my-vg/the-root", false},
		{"vg-a_b", ids, "/dev/vg/a_b", false},
		{"vg-root_rimage_0", ids, "", true},
		{"vg-root_mlog", ids, "", true},
		{"vg-root-real", ids + "-real", "", true},
		{"vg-pool-tpool", ids + "-tpool", "", true},
		{"vg-root", "CRYPT-LUKS2-1-vg-root", "", false},
		{"vg-root", "", "", false},
	}
	for _, test := range tests {
		if path, hidden := LogicalVolume(test.name, test.uuid); path != test.path || hidden != test.hidden {
			t.Errorf("%s %s: %q %v", test.name, test.uuid, path, hidden)
		}
	}
}

func TestArrayIsStartedDeviceByDeviceAndAGroupAtOnce(t *testing.T) {
	nodes := []string{"/dev/vda1", "/dev/vdb1"}
	for name, want := range map[string][]string{
		"mdadm": {"--incremental --quiet --homehost=<ignore> /dev/vda1", "--incremental --quiet --homehost=<ignore> /dev/vdb1"},
		"lvm":   {"vgchange -aay --sysinit --noudevsync --activationmode complete"},
	} {
		var got []string
		for _, call := range Named(name).Start(nodes) {
			got = append(got, strings.Join(call, " "))
		}
		if !slices.Equal(got, want) {
			t.Errorf("%s: %q", name, got)
		}
	}
	if Named("zpool") != nil {
		t.Error("a tool that is none is known")
	}
}

func TestToolIsFoundBelowADirectory(t *testing.T) {
	root := t.TempDir()
	tool := Named("lvm")
	if got := tool.Find(root); got != "" {
		t.Errorf("found at %s in an empty directory", got)
	}
	if err := os.MkdirAll(filepath.Join(root, "sbin"), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(root, "sbin/lvm"), nil, 0o755); err != nil {
		t.Fatal(err)
	}
	if got := tool.Find(root); got != "/sbin/lvm" {
		t.Errorf("%q", got)
	}
}
