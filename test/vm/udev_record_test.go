// SPDX-License-Identifier: Apache-2.0

package vm

import (
	"errors"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/orthrus-luks/orthrus/test/vm/machine"
	"github.com/orthrus-luks/orthrus/udev"
	"golang.org/x/sys/unix"
)

// groupSocket is a bare member of one uevent group.
func groupSocket(t *testing.T, group uint32) int {
	t.Helper()
	fd, err := unix.Socket(unix.AF_NETLINK, unix.SOCK_RAW|unix.SOCK_CLOEXEC|unix.SOCK_NONBLOCK, unix.NETLINK_KOBJECT_UEVENT)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = unix.Close(fd) })
	if err := unix.Bind(fd, &unix.SockaddrNetlink{Family: unix.AF_NETLINK, Groups: group}); err != nil {
		t.Fatal(err)
	}
	return fd
}

// logMessages puts what a socket has received into the log, as udev/testdata has it.
func logMessages(t *testing.T, fd int, source udev.Source) int {
	t.Helper()
	b := make([]byte, 64<<10)
	for count := 0; ; count++ {
		n, err := unix.Read(fd, b)
		if errors.Is(err, unix.EAGAIN) {
			return count
		}
		if err != nil {
			t.Fatal(err)
		}
		t.Logf("record %v %+q", source, b[:n])
	}
}

// TestUdevRecord makes the streams of udev/testdata: go test -v -run TestUdevRecord, the lines of the
// log after "record ".
func TestUdevRecord(t *testing.T) {
	config := udevConfig()
	config.Modules = append(config.Modules, "loop", "virtio_net", "dummy")
	vm := machine.Boot(t, config)
	vm.Step(t, "record", func(t *testing.T) {
		kernel, udevd := groupSocket(t, 1), groupSocket(t, 2)
		life(t, "bare", func() {})
		if n := logMessages(t, kernel, udev.Kernel); n < 5 {
			t.Errorf("%d messages without udevd", n)
		}
		startUdevd(t)
		life(t, "ruled", func() { settle(t) })
		if n := logMessages(t, udevd, udev.Udev); n < 5 {
			t.Errorf("%d messages of udevd", n)
		}
	})
}

// life is what happens to devices: a disk comes, is written to, grows, is triggered and goes, a
// device-mapper device comes and goes.
func life(t *testing.T, name string, pause func()) {
	t.Helper()
	node := machine.Plug(t, machine.Disk{Name: name, Size: 8 << 20})
	pause()
	if err := os.WriteFile(node, []byte("written"), 0); err != nil {
		t.Fatal(err)
	}
	pause()
	machine.Resize(t, name, 16<<20)
	pause()
	var system udev.System
	path := "/class/block/" + strings.TrimPrefix(node, "/dev/")
	if err := system.Trigger(path, udev.Change, "6a1c9cb5-4c6c-4b7f-9c35-8d4f0ad1f3c2"); err != nil {
		t.Fatal(err)
	}
	if err := system.Trigger(path, udev.Change, ""); err != nil {
		t.Fatal(err)
	}
	out, err := exec.Command("sh", "-c", "dmsetup create rec --table '0 2048 zero' && dmsetup remove --retry rec").CombinedOutput()
	if err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	pause()
	machine.Unplug(t, name)
	time.Sleep(300 * time.Millisecond)
	pause()
}

// settle waits until udevd has nothing to do.
func settle(t *testing.T) {
	t.Helper()
	if out, err := exec.Command("udevadm", "settle").CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
}
