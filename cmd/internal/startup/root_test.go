// SPDX-License-Identifier: Apache-2.0

package startup

import (
	"context"
	"errors"
	"os"
	"reflect"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/orthrus-luks/orthrus/cmd/internal/boot/cmdline"
	"github.com/orthrus-luks/orthrus/cmd/internal/boot/fstab"
)

func TestRootComesFromCommandLineThenTable(t *testing.T) {
	const table = "# comment\nUUID=abc / btrfs subvol=@,defaults 0 0\n/dev/sda1 /boot ext4 defaults 0 2\n"
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
			"table alone", "quiet", table,
			Root{Source: "UUID=abc", Types: []string{"btrfs"}, Options: "subvol=@,defaults", ReadOnly: true},
		},
		{
			"same device in both", "root=UUID=abc rootflags=subvol=other", table,
			Root{Source: "UUID=abc", Types: []string{"btrfs"}, Options: "subvol=other", ReadOnly: true},
		},
		{"another device than the table's", "root=/dev/vda1", table, Root{Source: "/dev/vda1", ReadOnly: true}},
		{"verified", "rw roothash=00", table, Root{Source: "/dev/mapper/root", ReadOnly: true}},
		{"verified beside it", "root=/dev/vda1 rw roothash=00", "", Root{Source: "/dev/vda1", ReadOnly: true}},
		{"not to be verified", "root=/dev/vda1 rw roothash=00 systemd.verity=no", "", Root{Source: "/dev/vda1"}},
		{"type auto is none", "root=/dev/vda1 rootfstype=auto", "", Root{Source: "/dev/vda1", ReadOnly: true}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			got, err := RootOf(cmdline.Parse(test.cmdline, true), fstab.Parse(test.fstab))
			if err != nil || !reflect.DeepEqual(got, test.want) {
				t.Errorf("%+v, %v", got, err)
			}
		})
	}
}

func TestMissingRootIsSaid(t *testing.T) {
	if _, err := RootOf(cmdline.Parse("quiet splash", true), fstab.Parse("/dev/sda1 /boot ext4\n")); !errors.Is(err, ErrNoRoot) {
		t.Errorf("%v", err)
	}
}

// A volume that the root does without keeps no machine from it.
func TestARootThatIsThereNeedsNoOtherVolume(t *testing.T) {
	failed := errors.New("swap stays closed")
	for _, c := range []struct {
		unlock, find, want error
		told               int
	}{
		{nil, os.ErrNotExist, nil, 0},
		{failed, nil, nil, 1},
		{failed, os.ErrNotExist, failed, 0},
	} {
		told := 0
		s := Steps{
			Unlock: func(context.Context) error { return c.unlock },
			Find:   func(_ context.Context, source string) (string, error) { return source, c.find },
			Report: func(error) { told++ },
		}
		if err := s.unlock(t.Context(), "/dev/mapper/root"); !errors.Is(err, c.want) || told != c.told {
			t.Errorf("%v, %v: %v, told %d", c.unlock, c.find, err, told)
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
