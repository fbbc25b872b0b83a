// SPDX-License-Identifier: Apache-2.0

package guard

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/orthrus-luks/orthrus/dm/block"
	"golang.org/x/sys/unix"
)

// attach makes a loop device of an image; it goes with the test.
func attach(t *testing.T, file string) *block.Loop {
	t.Helper()
	loop, err := block.AttachLoop(file, block.LoopOptions{})
	if err != nil {
		t.Fatalf("a loop device is needed (root, and modprobe loop): %v", err)
	}
	t.Cleanup(func() { _ = loop.Detach() })
	before[loop.Path] = writesEver(t, loop)
	return loop
}

// before is how often each loop device had been written to when it was attached: the kernel counts on.
var before = map[string]int{}

func name(loop *block.Loop) string { return strings.TrimPrefix(loop.Path, "/dev/") }

// burst has the kernel send events about a device that is as it was.
func burst(t *testing.T, loop *block.Loop, count int) {
	t.Helper()
	f, err := os.OpenFile("/sys/block/"+name(loop)+"/uevent", os.O_WRONLY, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	for range count {
		if _, err := f.WriteString("change"); err != nil {
			t.Fatal(err)
		}
	}
}

// writesTo counts the writes since the device was attached.
func writesTo(t *testing.T, loop *block.Loop) int {
	t.Helper()
	return writesEver(t, loop) - before[loop.Path]
}

func writesEver(t *testing.T, loop *block.Loop) int {
	t.Helper()
	text, err := os.ReadFile("/sys/block/" + name(loop) + "/stat")
	if err != nil {
		t.Fatal(err)
	}
	n, err := strconv.Atoi(strings.Fields(string(text))[4])
	if err != nil {
		t.Fatal(err)
	}
	return n
}

// 120,000 events in bursts, most of which cannot be received: whatever came meanwhile is known after
// the rescan, memory stays small, and nothing is written.
func TestBurstsOfEvents(t *testing.T) {
	g := newGuarded(t, "repair = proven")
	image, _ := newVolume(t, 1)
	file := g.dir + "/first"
	put(t, file, image)
	first := attach(t, file)
	d := g.start(t)
	atStart := d.memory(t, "VmRSS")
	pid := d.process.Process.Pid
	const bursts, size = 2, 60000
	for i := range bursts {
		if err := syscall.Kill(pid, syscall.SIGSTOP); err != nil {
			t.Fatal(err)
		}
		burst(t, first, size)
		image, uuid := newVolume(t, 100+i)
		file := fmt.Sprintf("%s/later%d", g.dir, i)
		put(t, file, image)
		later := attach(t, file)
		if err := syscall.Kill(pid, syscall.SIGCONT); err != nil {
			t.Fatal(err)
		}
		await(t, 30*time.Second, "the volume that came meanwhile is known", func() bool {
			for _, v := range d.status(t).Volumes {
				if v.Device == later.Path && v.UUID == uuid && v.Verdict == "healthy" {
					return true
				}
			}
			return false
		})
		if w := writesTo(t, later); w != 0 {
			t.Errorf("%d writes to %s", w, later.Path)
		}
	}
	s := d.quiet(t)
	most, now := d.memory(t, "VmHWM"), d.memory(t, "VmRSS")
	t.Logf("%d events in bursts: %d received, lost %d times, %d rescans, %d looks; resident %d KiB at the start, %d in the end, %d at most",
		bursts*size, s.Events, s.Overruns, s.Rescans, s.Looks, atStart, now, most)
	if s.Overruns == 0 || s.Rescans == 0 {
		t.Error("no event was lost, so nothing was tried")
	}
	if most > 40<<10 {
		t.Errorf("%d KiB resident", most)
	}
	if w := writesTo(t, first); w != 0 {
		t.Errorf("%d writes to the healthy device", w)
	}
	d.stop(t)
}

// send multicasts a message to the kernel's group of uevents, as only the kernel should.
func send(message []byte) error {
	fd, err := unix.Socket(unix.AF_NETLINK, unix.SOCK_RAW|unix.SOCK_CLOEXEC, unix.NETLINK_KOBJECT_UEVENT)
	if err != nil {
		return err
	}
	defer unix.Close(fd)
	return unix.Sendto(fd, message, 0, &unix.SockaddrNetlink{Family: unix.AF_NETLINK, Groups: 1})
}

func forgery(loop *block.Loop) []byte {
	return []byte("remove@/devices/virtual/block/" + name(loop) + "\x00ACTION=remove\x00DEVPATH=/devices/virtual/block/" + name(loop) +
		"\x00SUBSYSTEM=block\x00MAJOR=7\x00MINOR=" + strings.TrimPrefix(name(loop), "loop") + "\x00DEVNAME=" + name(loop) + "\x00DEVTYPE=disk\x00SEQNUM=1\x00")
}

// Events that the kernel did not send have no effect, and are counted.
func TestForgedEvents(t *testing.T) {
	g := newGuarded(t, "")
	image, _ := newVolume(t, 1)
	put(t, g.dir+"/a", image)
	loop := attach(t, g.dir+"/a")
	d := g.start(t)
	before := d.quiet(t)
	for range 50 {
		for _, message := range [][]byte{forgery(loop), []byte("libudev\x00nonsense"), bytes.Repeat([]byte{0xff}, 100), {0}} {
			if err := send(message); err != nil {
				t.Fatalf("sending needs root: %v", err)
			}
		}
	}
	after := d.quiet(t)
	if after.Forged != before.Forged+200 || !after.onlyEvents(before) || d.volume(t, loop.Path) == nil {
		t.Errorf("before %+v, after %+v", before, after)
	}
	out, err := unprivileged("forged")
	if err != nil || !strings.Contains(out, "operation not permitted") {
		t.Errorf("an ordinary user: %v: %s", err, out)
	}
	if end := d.quiet(t); end.Forged != after.Forged || !end.onlyEvents(after) {
		t.Errorf("after an ordinary user's: %+v", end)
	}
	d.stop(t)
}

// unprivileged sends a message as nobody.
func unprivileged(message string) (string, error) {
	c := exec.Command("/proc/self/exe")
	c.Env = append(os.Environ(), "ORTHRUS_FORGE="+message)
	c.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: 65534, Gid: 65534}}
	out, err := c.CombinedOutput()
	return string(out), err
}
