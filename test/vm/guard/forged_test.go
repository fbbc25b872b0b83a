// SPDX-License-Identifier: Apache-2.0

package guard

import (
	"testing"

	"github.com/orthrus-luks/orthrus/test/vm/machine"
	"golang.org/x/sys/unix"
)

// What root sends to udev's group is a hint like any other, and what cannot be read is counted.
func forgedByRoot(t *testing.T) {
	startUdevd(t)
	node := machine.Plug(t, machine.Disk{Name: "forged", Size: 8 * mib})
	uuid := format(t, node)
	g := startGuard(t, "repair = proven")
	settled(t)
	before := status(t)
	fd, err := unix.Socket(unix.AF_NETLINK, unix.SOCK_RAW|unix.SOCK_CLOEXEC, unix.NETLINK_KOBJECT_UEVENT)
	if err != nil {
		t.Fatal(err)
	}
	defer unix.Close(fd)
	const count = 20
	for range count {
		for group, message := range map[uint32]string{
			1: "remove@/devices/virtual/block/x\x00ACTION=remove\x00DEVPATH=/devices/virtual/block/x\x00SUBSYSTEM=block\x00SEQNUM=1\x00",
			2: "libudev\x00 and then nothing that could be read",
		} {
			if err := unix.Sendto(fd, []byte(message), 0, &unix.SockaddrNetlink{Family: unix.AF_NETLINK, Groups: group}); err != nil {
				t.Fatal(err)
			}
		}
	}
	settled(t)
	after := status(t)
	if after.Unread != before.Unread+count || after.Looks != before.Looks || after.Repairs != 0 {
		t.Errorf("before %+v, after %+v", before, after)
	}
	if v := volume(t, node); v == nil || v.UUID != uuid || v.Verdict != "healthy" || writesTo(t, node) == "" {
		t.Errorf("%+v", v)
	}
	g.stop(t)
	machine.Unplug(t, "forged")
}
