// SPDX-License-Identifier: Apache-2.0

package boot

import (
	"encoding/binary"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/orthrus-luks/orthrus/test/pace"
	"github.com/orthrus-luks/orthrus/test/vm/machine"
)

func TestOneVolumeUnderTwoNamesGetsOneMappingByTheRootsName(t *testing.T) {
	machine.Inside(t, func(t *testing.T) {
		format(t, disk(t, "a"), uuidA, "one")
		for _, line := range []string{
			"root=/dev/mapper/a cryptdevice=UUID=" + uuidA + ":a",
			"root=/dev/mapper/a cryptdevice=/dev/disk/by-id/virtio-a:a", // the disk alone tells that it is one
			"root=/dev/mapper/a rd.luks.name=" + uuidA + "=a rd.luks.uuid=" + uuidA[:9],
		} {
			b := boot{t: t, tab: "cr UUID=" + uuidA + " none luks", line: line, answers: []string{"one"}}
			b.run()
			if b.code != 0 || len(b.asked) != 1 {
				t.Errorf("%s: exit code %d, asked %q\n%s", line, b.code, b.asked, b.said)
			}
			name := "a"
			if strings.Contains(line, "rd.luks") {
				name = "cr" // the crypttab's line is that uuid's
			}
			if all := run(t, "dmsetup", "ls"); !strings.HasPrefix(all, name+"\t") || strings.Count(all, "\n") != 1 {
				t.Errorf("%s: mapped %q", line, all)
			}
			run(t, "orthrus", "close", name)
		}
	})
}

func TestSwapThatIsRefusedTakesNoMachineDown(t *testing.T) {
	machine.Inside(t, func(t *testing.T) {
		format(t, disk(t, "a"), uuidA, "one")
		run(t, "mkfs.ext4", "-q", disk(t, "b"))
		t.Cleanup(func() { clearHeads(t, disk(t, "b")) })
		tab := "root UUID=" + uuidA + " none luks\nswap " + disk(t, "b") + " /dev/urandom swap,cipher=aes-xts-plain64,size=256"
		b := boot{t: t, tab: tab, line: "root=/dev/mapper/root", answers: []string{"one"}}
		b.run().expect(0, "root=opened swap=failed", "swap stays closed")
	})
}

func TestAVolumeWhoseHeadsAreLostOpensByItsFarHeader(t *testing.T) {
	machine.Inside(t, func(t *testing.T) {
		node := machine.Plug(t, machine.Disk{Name: "far", Size: 1 << 30})
		t.Cleanup(func() { machine.Unplug(t, "far") })
		key := t.TempDir() + "/key"
		write(t, key, "one")
		run(t, "orthrus", "luksFormat", "-q", "--far-header", "--uuid", uuidA, "--key-file", key, "--pbkdf", "pbkdf2", "--pbkdf-force-iterations", "1000", node)
		before := boot{t: t, tab: "root UUID=" + uuidA, answers: []string{"one"}}
		before.run().expect(0, "root=opened")
		table := run(t, "dmsetup", "table", "root")
		run(t, "orthrus", "close", "root")
		wipe(t, node, 0, 8<<20)
		b := boot{t: t, tab: "root UUID=" + uuidA, answers: []string{"one"}}
		b.run().expect(0, "root=opened", "both copies of the header are lost", "orthrus repair --from-far "+node)
		if len(b.asked) != 1 || !strings.Contains(b.asked[0], "far header") {
			t.Errorf("asked %q", b.asked)
		}
		if now := run(t, "dmsetup", "table", "root"); now != table {
			t.Errorf("table %s, was %s", now, table)
		}
		run(t, "orthrus", "close", "root")
		// All of it is waited for, and the far header is looked for five seconds after the beginning.
		patience := int(10 * pace.Factor())
		b = boot{t: t, tab: fmt.Sprintf("root UUID=%s none x-orthrus.far=no,x-systemd.device-timeout=%ds", uuidA, patience)}
		b.run().expect(4, "root=absent", "It is not used")
	})
}

func TestAFIFOForAKeyHoldsNoBoot(t *testing.T) {
	machine.Inside(t, func(t *testing.T) {
		format(t, disk(t, "a"), uuidA, "one")
		fifo := filepath.Join(t.TempDir(), "fifo")
		if err := syscall.Mkfifo(fifo, 0o600); err != nil {
			t.Fatal(err)
		}
		b := boot{t: t, tab: "root UUID=" + uuidA + " " + fifo, answers: []string{"one"}}
		b.run().expect(0, "root=opened")
	})
}

// The device itself is opened once: what is left is the kernel's, which does not count as an opening.
func TestOpenOpensTheDeviceOnce(t *testing.T) {
	machine.Inside(t, func(t *testing.T) {
		format(t, disk(t, "a"), uuidA, "one")
		key := filepath.Join(t.TempDir(), "key")
		write(t, key, "one")
		node, err := filepath.EvalSymlinks(disk(t, "a"))
		if err != nil {
			t.Fatal(err)
		}
		opened := openings(t, node, func() { run(t, "orthrus", "open", "--key-file", key, node, "once") })
		run(t, "orthrus", "close", "once")
		if opened != 1 {
			t.Errorf("opened %d times", opened)
		}
	})
}

// openings counts how often a node is opened meanwhile. Each event is read at once, since two of a kind
// that wait together are told as one.
func openings(t *testing.T, node string, do func()) (n int) {
	t.Helper()
	watch, err := unix.InotifyInit1(unix.IN_CLOEXEC)
	if err != nil {
		t.Fatal(err)
	}
	events := os.NewFile(uintptr(watch), "inotify")
	if _, err := unix.InotifyAddWatch(watch, node, unix.IN_OPEN); err != nil {
		t.Fatal(err)
	}
	var reading sync.WaitGroup
	reading.Go(func() {
		for one := make([]byte, unix.SizeofInotifyEvent); ; {
			if _, err := events.Read(one); err != nil {
				return
			}
			if binary.NativeEndian.Uint32(one[4:])&unix.IN_OPEN == 0 {
				return // the watch has ended
			}
			n++
		}
	})
	do()
	if _, err := unix.InotifyRmWatch(watch, 1); err != nil {
		t.Error(err)
	}
	reading.Wait()
	if err := events.Close(); err != nil {
		t.Error(err)
	}
	return n
}
