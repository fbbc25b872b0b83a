// SPDX-License-Identifier: Apache-2.0

package udev

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// tree makes a system of files: a value beginning with "->" is a symbolic link.
func tree(t *testing.T, files map[string]string) System {
	t.Helper()
	root := t.TempDir()
	for name, text := range files {
		path := filepath.Join(root, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		var err error
		if target, link := strings.CutPrefix(text, "->"); link {
			err = os.Symlink(target, path)
		} else {
			err = os.WriteFile(path, []byte(text), 0o644)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	return System{Root: root}
}

// machineFiles are a disk on a bus with '@' in its name, its partition, a loop device without a record, a
// network interface and a bus.
func machineFiles() map[string]string {
	disk := "sys/devices/soc@0/mmc/block/mmcblk0"
	return map[string]string{
		disk + "/uevent":                            "MAJOR=179\nMINOR=0\nDEVNAME=mmcblk0\nDEVTYPE=disk\nDISKSEQ=3\n",
		disk + "/subsystem":                         "->../../../../../class/block",
		disk + "/mmcblk0p1/uevent":                  "MAJOR=179\nMINOR=1\nDEVNAME=mmcblk0p1\nDEVTYPE=partition\nPARTNAME=a=b\n",
		disk + "/mmcblk0p1/subsystem":               "->../../../../../../class/block",
		"sys/devices/virtual/block/loop0/uevent":    "MAJOR=7\nMINOR=0\nDEVNAME=loop0\nDEVTYPE=disk\n",
		"sys/devices/virtual/block/loop0/subsystem": "->../../../../class/block",
		"sys/devices/virtual/net/lo/uevent":         "INTERFACE=lo\nIFINDEX=1\n",
		"sys/devices/virtual/net/lo/subsystem":      "->../../../../class/net",
		"sys/devices/soc@0/mmc/uevent":              "DRIVER=mmcblk\n\n",
		"sys/devices/soc@0/mmc/subsystem":           "->../../../bus/mmc",
		"sys/class/block/mmcblk0":                   "->../../devices/soc@0/mmc/block/mmcblk0",
		"sys/class/block/mmcblk0p1":                 "->../../devices/soc@0/mmc/block/mmcblk0/mmcblk0p1",
		"sys/class/block/loop0":                     "->../../devices/virtual/block/loop0",
		"sys/class/block/gone":                      "->../../devices/virtual/block/gone",
		"sys/class/block/a_file":                    "",
		"sys/class/net/lo":                          "->../../devices/virtual/net/lo",
		"sys/bus/mmc/devices/mmc":                   "->../../../devices/soc@0/mmc",
		"run/udev/data/b179:0":                      "S:disk/by-id/one\nS:disk/by-path/two\nL:5\nI:4711\nE:ID_FS_LABEL=x=y\nE:broken\nE:EMPTY=\nG:systemd\nG:seat\nQ:systemd\nV:1\n?\n",
		"run/udev/data/n1":                          "E:ID_NET_NAME=lo\n",
		"run/udev/data/+mmc:mmc":                    "E:OF_X=1\n",
	}
}

func plugged(t *testing.T, s System, matches ...Match) []Event {
	t.Helper()
	var all []Event
	for e, err := range s.Coldplug(t.Context(), matches...) {
		if err != nil {
			t.Errorf("%v", err)
		}
		all = append(all, e)
	}
	return all
}

func TestColdplugJoinsSysfsAndTheDatabase(t *testing.T) {
	all := plugged(t, tree(t, machineFiles()), Match{Subsystem: "block"})
	var got []string
	for _, e := range all {
		got = append(got, fmt.Sprintf("%v %v %s %s %s %d:%d %d", e.Source, e.Action, e.DevPath, e.DevName, e.DevType, e.Major, e.Minor, e.DiskSeq))
	}
	want := []string{
		"coldplug add /devices/virtual/block/loop0 /dev/loop0 disk 7:0 0",
		"coldplug add /devices/soc@0/mmc/block/mmcblk0 /dev/mmcblk0 disk 179:0 3",
		"coldplug add /devices/soc@0/mmc/block/mmcblk0/mmcblk0p1 /dev/mmcblk0p1 partition 179:1 0",
	}
	if !slices.Equal(got, want) {
		t.Fatalf("%q", got)
	}
	wantProperties := `DEVPATH=/devices/soc@0/mmc/block/mmcblk0
SUBSYSTEM=block
MAJOR=179
MINOR=0
DEVNAME=mmcblk0
DEVTYPE=disk
DISKSEQ=3
USEC_INITIALIZED=4711
ID_FS_LABEL=x=y
DEVLINKS=/dev/disk/by-id/one /dev/disk/by-path/two
TAGS=:systemd:seat:
CURRENT_TAGS=:systemd:
`
	if got := all[1].Properties.String(); got != wantProperties {
		t.Errorf("%s", got)
	}
}

func TestColdplugSelects(t *testing.T) {
	s := tree(t, machineFiles())
	tests := []struct {
		name    string
		matches []Match
		want    string
	}{
		{"all", nil, "loop0 mmcblk0 mmcblk0p1 lo mmc"},
		{"partitions", []Match{{Subsystem: "block", DevType: "partition"}}, "mmcblk0p1"},
		{"a type anywhere", []Match{{DevType: "disk"}}, "loop0 mmcblk0"},
		{"a tag", []Match{{Tag: "seat"}}, "mmcblk0"},
		{"a class and a bus", []Match{{Subsystem: "net"}, {Subsystem: "mmc"}}, "mmc lo"},
		{"a subsystem twice", []Match{{Subsystem: "net"}, {Subsystem: "net", DevType: "x"}}, "lo"},
		{"none there", []Match{{Subsystem: "usb"}}, ""},
		{"a name that climbs", []Match{{Subsystem: "../class/net"}}, ""},
	}
	for _, test := range tests {
		var got []string
		for _, e := range plugged(t, s, test.matches...) {
			got = append(got, filepath.Base(e.DevPath))
		}
		if strings.Join(got, " ") != test.want {
			t.Errorf("%s: %q", test.name, got)
		}
	}
}

func TestColdplugReportsABrokenRecordAndGoesOn(t *testing.T) {
	files := machineFiles()
	files["sys/devices/virtual/block/loop0/uevent"] = "MAJOR=seven\n"
	var good, bad int
	for e, err := range tree(t, files).Coldplug(t.Context(), Match{Subsystem: "block"}) {
		if errors.Is(err, ErrNumber) {
			bad++
		} else if err == nil && e.Subsystem == "block" {
			good++
		}
	}
	if good != 2 || bad != 1 {
		t.Errorf("%d and %d", good, bad)
	}
}

func TestColdplugEndsWithTheContext(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	count := 0
	for _, err := range tree(t, machineFiles()).Coldplug(ctx) {
		if count++; !errors.Is(err, context.Canceled) {
			t.Error(err)
		}
	}
	if count != 1 {
		t.Errorf("%d", count)
	}
}

func TestDeviceByAnyPath(t *testing.T) {
	files := machineFiles()
	files["sys/dev/block/179:1"] = "->../../devices/soc@0/mmc/block/mmcblk0/mmcblk0p1"
	s := tree(t, files)
	for _, path := range []string{"/devices/soc@0/mmc/block/mmcblk0/mmcblk0p1", "/class/block/mmcblk0p1", "dev/block/179:1"} {
		if e, err := s.Device(path); err != nil || e.Minor != 1 {
			t.Errorf("%s: %+v, %v", path, e, err)
		}
	}
	if e, err := s.Device("/devices/virtual/net/lo"); err != nil || !strings.Contains(e.Properties.String(), "ID_NET_NAME=lo\n") {
		t.Errorf("%+v, %v", e, err)
	}
	for _, path := range []string{"/class/block/gone", "/class/block", "/../run/udev", "/"} {
		var e *Error
		if _, err := s.Device(path); !errors.Is(err, ErrNoDevice) || !errors.As(err, &e) {
			t.Errorf("%s: %v", path, err)
		}
	}
}

func TestColdplugOfThisMachine(t *testing.T) {
	entries, err := os.ReadDir("/sys/class/block")
	if err != nil {
		t.Fatal(err)
	}
	// Others may attach and detach devices meanwhile.
	all := plugged(t, System{}, Match{Subsystem: "block"})
	if len(all) < len(entries)/2 {
		t.Errorf("%d of %d", len(all), len(entries))
	}
	for _, e := range all {
		if e.Subsystem != "block" || e.DevName == "" || e.DevType == "" || e.Major == 0 {
			t.Errorf("%+v", e)
		}
	}
}

func TestUdevRunsWhereItsSocketIsHeard(t *testing.T) {
	s := tree(t, map[string]string{"run/udev/data/x": ""})
	if s.UdevRunning() {
		t.Error("without a control socket")
	}
	control := s.path("run/udev/control")
	l, err := net.ListenUnix("unixpacket", &net.UnixAddr{Name: control, Net: "unixpacket"})
	if err != nil {
		t.Fatal(err)
	}
	l.SetUnlinkOnClose(false)
	if !s.UdevRunning() {
		t.Error("with a listening socket")
	}
	_ = l.Close()
	if _, err := os.Lstat(control); err != nil || s.UdevRunning() {
		t.Errorf("with the socket of a daemon that was killed: %v", err)
	}
}

func TestTriggerWritesActionAndUUID(t *testing.T) {
	s := tree(t, map[string]string{"sys/class/block/a/uevent": "                                                     "})
	uuid := NewUUID()
	if err := s.Trigger("/class/block/a", Change, uuid); err != nil {
		t.Fatal(err)
	}
	text, _ := os.ReadFile(s.path("sys/class/block/a/uevent"))
	if !strings.HasPrefix(string(text), "change "+uuid) {
		t.Errorf("%q", text)
	}
	for _, path := range []string{"/class/block/b", "/../run", ""} {
		if err := s.Trigger(path, Change, uuid); !errors.Is(err, ErrNoDevice) {
			t.Errorf("%q: %v", path, err)
		}
	}
	if err := s.Trigger("/class/block/b", Add, ""); !errors.Is(err, fs.ErrNotExist) {
		t.Error(err)
	}
	if err := (System{}).Trigger("/class/mem/null", Overrun, ""); !errors.Is(err, ErrTrigger) {
		t.Errorf("an action the kernel does not know: %v", err)
	}
}

func TestNewUUIDIsOneTheKernelTakes(t *testing.T) {
	form := regexp.MustCompile(`^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$`)
	if a, b := NewUUID(), NewUUID(); a == b || !form.MatchString(a) {
		t.Errorf("%s, %s", a, b)
	}
}
