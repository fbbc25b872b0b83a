// SPDX-License-Identifier: Apache-2.0

package startup

import (
	"errors"
	"reflect"
	"slices"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
)

func TestRootComesFromCommandLineThenTable(t *testing.T) {
	const fstab = "# comment\nUUID=abc / btrfs subvol=@,defaults 0 0\n/dev/sda1 /boot ext4 defaults 0 2\n"
	tests := []struct {
		name, cmdline, fstab string
		want                 Root
	}{
		{"command line alone", "quiet root=/dev/vda1 rw", "", Root{Source: "/dev/vda1"}},
		{"read-only unless told", "root=/dev/vda1", "", Root{Source: "/dev/vda1", ReadOnly: true}},
		{"the last word counts", "root=/dev/vda1 rw ro", "", Root{Source: "/dev/vda1", ReadOnly: true}},
		{
			"types, flags, init", `root=LABEL="a b" rootfstype=xfs,ext4 rootflags=noatime,data=journal init=/bin/x`, "",
			Root{Source: "LABEL=a b", Types: []string{"xfs", "ext4"}, Options: "noatime,data=journal", Init: "/bin/x", ReadOnly: true},
		},
		{
			"quoted whole", `"root=LABEL=a b"`, "",
			Root{Source: "LABEL=a b", ReadOnly: true},
		},
		{
			"table alone", "quiet", fstab,
			Root{Source: "UUID=abc", Types: []string{"btrfs"}, Options: "subvol=@,defaults", ReadOnly: true},
		},
		{
			"same device in both", "root=UUID=abc rootflags=subvol=other", fstab,
			Root{Source: "UUID=abc", Types: []string{"btrfs"}, Options: "subvol=other", ReadOnly: true},
		},
		{"another device than the table's", "root=/dev/vda1", fstab, Root{Source: "/dev/vda1", ReadOnly: true}},
		{"type auto is none", "root=/dev/vda1 rootfstype=auto", "", Root{Source: "/dev/vda1", ReadOnly: true}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			got, err := ParseRoot(test.cmdline, test.fstab)
			if err != nil || !reflect.DeepEqual(got, test.want) {
				t.Errorf("%+v, %v", got, err)
			}
		})
	}
}

func TestMissingRootIsSaid(t *testing.T) {
	if _, err := ParseRoot("quiet splash", "/dev/sda1 /boot ext4\n"); !errors.Is(err, ErrNoRoot) {
		t.Errorf("%v", err)
	}
}

func TestResumeIsReadFromTheCommandLine(t *testing.T) {
	for cmdline, want := range map[string]Resume{
		"root=/dev/vda1":                               {},
		"resume=UUID=1 resume_offset=4096":             {Device: "UUID=1", Offset: "4096"},
		"resume=/dev/mapper/swap noresume":             {},
		`resume=LABEL="my swap" root=/dev/mapper/root`: {Device: "LABEL=my swap"},
	} {
		if got := ParseResume(cmdline); got != want {
			t.Errorf("%s: %+v", cmdline, got)
		}
	}
}

func TestNoShellIsEverACandidate(t *testing.T) {
	for _, program := range (Root{}).candidates() {
		if strings.HasSuffix(program, "sh") || strings.Contains(program, "busybox") {
			t.Errorf("%s", program)
		}
	}
}

func TestMountOptionsAreSplit(t *testing.T) {
	tests := []struct {
		options  string
		readOnly bool
		bits     uintptr
		data     string
	}{
		{"", false, 0, ""},
		{"defaults", true, unix.MS_RDONLY, ""},
		{"rw,noatime,subvol=@", true, unix.MS_RDONLY | unix.MS_NOATIME, "subvol=@"},
		{"ro,nodev,dev", false, 0, ""},
		{"errors=remount-ro,x-systemd.growfs,_netdev,nofail,lazytime", false, unix.MS_LAZYTIME, "errors=remount-ro"},
	}
	for _, test := range tests {
		bits, data := mountOptions(test.options, test.readOnly)
		if bits != test.bits || data != test.data {
			t.Errorf("%q: %#x %q", test.options, bits, data)
		}
	}
}

func FuzzWords(f *testing.F) {
	f.Add(`root=/dev/vda "a b" c="d e" ""`)
	f.Fuzz(func(t *testing.T, cmdline string) {
		words := Words(cmdline)
		if strings.Contains(cmdline, `"`) {
			return
		}
		want := strings.FieldsFunc(cmdline, func(r rune) bool { return r == ' ' || r == '\t' || r == '\n' })
		if !slices.Equal(words, want) && len(words)+len(want) > 0 {
			t.Errorf("%q: %q", cmdline, words)
		}
	})
}
