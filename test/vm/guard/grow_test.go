// SPDX-License-Identifier: Apache-2.0

package guard

import (
	"fmt"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/orthrus-luks/orthrus/test/vm/machine"
)

// mappedSize is what the kernel says of a mapping, bytes.
func mappedSize(t *testing.T, name string) int64 {
	t.Helper()
	var size int64
	if _, err := fmt.Sscan(run(t, "blockdev", "--getsize64", "/dev/mapper/"+name), &size); err != nil {
		t.Fatal(err)
	}
	return size
}

// dataOffset of the volumes that format makes, bytes.
const dataOffset = 1 * mib

// Five times, during I/O, without a passphrase.
func grownFiveTimes(t *testing.T) {
	startUdevd(t)
	m := mountVolume(t, "grows", 32*mib, "--link-for-guard")
	g := startGuard(t, "repair = proven\ngrow = yes")
	stop := make(chan struct{})
	done := make(chan error, 1)
	go func() { done <- churn(stop) }()
	for i := int64(1); i <= 5; i++ {
		size := (32 + 16*i) * mib
		machine.Resize(t, m.name, size)
		machine.Eventually(t, 20*time.Second, "the mapping follows", func() bool { return mappedSize(t, m.name) == size-dataOffset })
	}
	close(stop)
	if err := <-done; err != nil {
		t.Errorf("I/O meanwhile: %v", err)
	}
	m.intact(t)
	run(t, "umount", mountPoint)
	run(t, "e2fsck", "-f", "-p", "/dev/mapper/"+m.name)
	// Not while it is mounted: Linux 6.1 loops for ever where ext4 outgrows the room it kept for descriptors.
	run(t, "resize2fs", "/dev/mapper/"+m.name)
	run(t, "e2fsck", "-f", "-n", "/dev/mapper/"+m.name)
	if s := status(t); s.Enlarged != 5 || s.Repairs != 0 {
		t.Errorf("%+v", s)
	}
	run(t, "orthrus", "close", m.name)
	m.cryptsetupOpens(t)
	g.stop(t)
	machine.Unplug(t, m.name)
}

func grownWithoutKey(t *testing.T) {
	m := mountVolume(t, "nokey", 32*mib)
	g := startGuard(t, "grow = yes")
	machine.Resize(t, m.name, 48*mib)
	v := eventually(t, m.node, "reported", func(v *watched) bool { return v.Would == "enlarge" })
	if !strings.Contains(fmt.Sprint(v.Because), "next unlock") || mappedSize(t, m.name) != 31*mib {
		t.Errorf("%+v", v)
	}
	g.stop(t)
	run(t, "umount", mountPoint)
	run(t, "orthrus", "close", m.name)
	run(t, "orthrus", "open", "--key-file", keyFile, "--link-for-guard", m.node, m.name)
	if mappedSize(t, m.name) != 47*mib {
		t.Errorf("the next unlock maps %d bytes", mappedSize(t, m.name))
	}
	g = startGuard(t, "")
	machine.Resize(t, m.name, 64*mib)
	v = eventually(t, m.node, "reported", func(v *watched) bool { return v.Would == "enlarge" })
	if !strings.Contains(fmt.Sprint(v.Because), "grow = no") || mappedSize(t, m.name) != 47*mib {
		t.Errorf("%+v", v)
	}
	g.stop(t)
	run(t, "orthrus", "close", m.name)
	machine.Unplug(t, m.name)
}

// churn writes and syncs files until it is stopped.
func churn(stop chan struct{}) error {
	for i := 0; ; i++ {
		select {
		case <-stop:
			return nil
		default:
		}
		f, err := os.Create(mountPoint + "/churn")
		if err != nil {
			return err
		}
		if _, err := f.Write(make([]byte, 256<<10)); err != nil {
			return err
		}
		if err := f.Sync(); err != nil {
			return err
		}
		if err := f.Close(); err != nil {
			return err
		}
	}
}

func keysAreRevoked(t *testing.T) {
	node := machine.Plug(t, machine.Disk{Name: "keys", Size: 16 * mib})
	uuid := format(t, node)
	open := func() {
		t.Helper()
		run(t, "orthrus", "open", "--link-for-guard", "--key-file", keyFile, node, "keys")
		// The key that the program had while it loaded the table goes with its thread, a moment later.
		machine.Eventually(t, 10*time.Second, "one key is held", func() bool { return len(heldKeys(t, uuid)) == 1 })
	}
	gone := func(by string) {
		t.Helper()
		machine.Eventually(t, 10*time.Second, "no key is left after "+by, func() bool { return len(heldKeys(t, uuid)) == 0 })
	}
	if lines := heldKeys(t, uuid); len(lines) != 0 {
		t.Fatalf("before: %q", lines)
	}
	run(t, "orthrus", "open", "--key-file", keyFile, node, "keys")
	gone("open, which was not asked for one") // but the key of its own thread, a moment later
	run(t, "orthrus", "close", "keys")
	open()
	run(t, "orthrus", "close", "keys")
	gone("close")
	open()
	run(t, "orthrus", "luksSuspend", "keys")
	gone("luksSuspend")
	run(t, "orthrus", "luksResume", "--key-file", keyFile, "keys")
	run(t, "orthrus", "close", "keys")
	open()
	g := startGuard(t, "grow = yes")
	if v := volume(t, node); v == nil || !v.Key {
		t.Errorf("the guard sees no key: %+v", v)
	}
	run(t, "cryptsetup", "close", "keys")
	gone("cryptsetup's close, by the guard")
	open()
	g.stop(t)
	gone("the guard's stop")
	run(t, "orthrus", "close", "keys")
	open()
	run(t, "orthrus", "erase", "-q", node)
	gone("erase")
	run(t, "orthrus", "close", "keys")
	machine.Unplug(t, "keys")
}

func pulledOut(t *testing.T, udevd bool) {
	if udevd {
		startUdevd(t)
	}
	m := mountVolume(t, "pulled", 24*mib)
	g := startGuard(t, "repair = proven")
	machine.Unplug(t, m.name)
	machine.Eventually(t, 20*time.Second, "the mapping fails its I/O", func() bool {
		return strings.Contains(run(t, "dmsetup", "table", m.name), " error")
	})
	machine.Eventually(t, 20*time.Second, "the guard says so, and counts it", func() bool {
		return g.says("pulled out", m.uuid) && status(t).Removals == 1
	})
	for _, v := range status(t).Volumes {
		if strings.HasPrefix(v.Device, "/dev/dm-") {
			t.Errorf("the mapping, which cannot be read, is taken for a volume: %+v", v)
		}
	}
	run(t, "umount", "-l", mountPoint)
	machine.Eventually(t, 20*time.Second, "the mapping is closed when free", func() bool {
		return exec.Command("dmsetup", "info", m.name).Run() != nil
	})
	m.node = machine.Plug(t, machine.Disk{Name: m.name, Size: 24 * mib})
	v := eventually(t, m.node, "it is back", func(v *watched) bool { return v.UUID == m.uuid })
	if v.Mapping != "" {
		t.Errorf("it was opened by itself: %+v", v)
	}
	m.cryptsetupOpens(t)
	g.stop(t)
	machine.Unplug(t, m.name)
}
