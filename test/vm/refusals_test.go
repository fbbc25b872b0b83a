// SPDX-License-Identifier: Apache-2.0

package vm

import (
	"os"
	"os/exec"
	"strings"
	"syscall"
	"testing"

	"github.com/orthrus-luks/orthrus/test/vm/machine"
)

// refuses asks for an exit code and for an error of one line, and perhaps one with the way out, whose
// first names the thing.
func (b *bench) refuses(p program, code int, names string, args ...string) {
	b.t.Helper()
	said := b.exits(p, code, args...).stderr
	lines := strings.Split(strings.TrimSuffix(said, "\n"), "\n")
	if p.name == ours().name && (len(lines) > 2 || !strings.Contains(lines[0], names)) {
		b.t.Errorf("%s: error\n%swant one line with %q, and at most one more", strings.Join(args, " "), said, names)
	}
	b.t.Logf("%s exits %d: %s", p.name, code, strings.Join(lines, " / "))
}

// volume formats a disk and returns its node.
func (b *bench) volume(disk string) string {
	b.t.Helper()
	node := machine.DiskPath(b.t, disk)
	format := words("luksFormat -q --pbkdf pbkdf2 --pbkdf-force-iterations 1000 --luks2-keyslots-size 1m --key-file k1")
	b.must(ours(), append(format, node)...)
	return node
}

func TestWhatIsInUseIsRefused(t *testing.T) {
	machine.Inside(t, func(t *testing.T) {
		b := newBench(t)
		them := real(t, "bookworm")
		disk := b.volume("a")
		open := words("open --key-file k1 " + disk)
		b.open(ours(), "used", words("--key-file k1 "+disk)...)
		for _, p := range []program{ours(), them} {
			b.refuses(p, 5, "Device used already exists.", append(open, "used")...)
			b.refuses(p, 5, "Cannot use device "+disk+" which is in use (already mapped or mounted).", append(open, "other")...)
		}
		format := words("luksFormat -q --key-file k1 " + disk)
		b.refuses(ours(), 5, "Cannot format device "+disk+" in use. Held by device used.", format...)
		b.refuses(ours(), 5, "Held by device used.", append(open, "other")...)
		b.refuses(them, 1, "", format...) // 2.6.1; the manual has 5 for a busy device
		if out, err := exec.Command("mkfs.ext4", "-q", "/dev/mapper/used").CombinedOutput(); err != nil {
			t.Fatalf("%v: %s", err, out)
		}
		dir := t.TempDir()
		if err := syscall.Mount("/dev/mapper/used", dir, "ext4", 0, ""); err != nil {
			t.Fatal(err)
		}
		b.refuses(ours(), 5, "the mount at "+dir, "close", "used")
		b.refuses(them, 5, "", "close", "used")
		if got := b.must(ours(), "status", "used"); !strings.HasPrefix(got, "/dev/mapper/used is active and is in use.\n") {
			t.Errorf("status: %s", got)
		}
		if err := syscall.Unmount(dir, 0); err != nil {
			t.Fatal(err)
		}
		b.must(ours(), "close", "used")
		for _, p := range []program{ours(), them} {
			b.refuses(p, 4, "Device used is not active.", "close", "used")
			b.exits(p, 4, "status", "used")
		}
	})
}

func TestDeferredClose(t *testing.T) {
	machine.Inside(t, func(t *testing.T) {
		b := newBench(t)
		disk := b.volume("a")
		for _, p := range []program{ours(), real(t, "bookworm")} {
			node := b.open(ours(), "later", words("--key-file k1 "+disk)...)
			user, err := os.Open(node)
			if err != nil {
				t.Fatal(err)
			}
			const told = "Device later is still active and scheduled for deferred removal.\n"
			if got := b.must(p, words("close --deferred later")...); got != told && p.name == ours().name {
				t.Errorf("%s says %q", p.name, got)
			}
			b.must(p, words("close --cancel-deferred later")...)
			b.must(p, words("close --deferred later")...)
			b.must(ours(), "status", "later")
			user.Close()
			b.exits(ours(), 4, "status", "later")
		}
	})
}

// TestLoopDevicesGoWithTheMapping: a file is mapped through a loop device that nobody has to detach.
func TestLoopDevicesGoWithTheMapping(t *testing.T) {
	machine.Inside(t, func(t *testing.T) {
		machine.LoadModule(t, "loop")
		b := newBench(t)
		b.image("v.img", 4<<20)
		b.must(ours(), words("luksFormat -q --pbkdf pbkdf2 --pbkdf-force-iterations 1000 --luks2-keyslots-size 1m --key-file k1 v.img")...)
		attached := func() bool {
			out, err := exec.Command("losetup", "-a").CombinedOutput()
			if err != nil {
				t.Fatal(err)
			}
			return strings.Contains(string(out), "v.img")
		}
		for _, pair := range [][2]program{{ours(), ours()}, {ours(), real(t, "bookworm")}, {real(t, "bookworm"), ours()}} {
			b.open(pair[0], "looped", words("--key-file k1 v.img")...)
			if !attached() {
				t.Error("no loop device")
			}
			if got := b.must(ours(), "status", "looped"); !strings.Contains(got, "  loop:    "+b.path("v.img")+"\n") {
				t.Errorf("status does not name the file:\n%s", got)
			}
			b.must(pair[1], "close", "looped")
			if attached() {
				t.Errorf("opened by %s, closed by %s: the loop device is still there", pair[0].name, pair[1].name)
			}
			b.exits(pair[0], 2, words("open --key-file wrong v.img looped")...)
			if attached() {
				t.Errorf("%s leaves a loop device after a wrong passphrase", pair[0].name)
			}
		}
	})
}

// TestGrown512eDiskOpens: 512-byte sectors that do not fill the last encryption sector stay unmapped.
func TestGrown512eDiskOpens(t *testing.T) {
	machine.Inside(t, func(t *testing.T) {
		machine.LoadModule(t, "loop")
		b := newBench(t)
		b.image("v.img", 4<<20)
		b.must(ours(), words("luksFormat -q --pbkdf pbkdf2 --pbkdf-force-iterations 1000 --luks2-keyslots-size 1m --sector-size 4096 --key-file k1 v.img")...)
		if err := os.Truncate(b.path("v.img"), 5<<20+3*512); err != nil {
			t.Fatal(err)
		}
		them := b.run(real(t, "bookworm"), words("open --key-file k1 v.img grown")...)
		t.Logf("cryptsetup 2.6.1 exits %d: %s", them.code, them.stderr)
		if them.code == 0 {
			b.must(ours(), "close", "grown")
		}
		b.open(ours(), "grown", words("--key-file k1 v.img")...)
		if got := dmsetup(t, "table", "grown"); !strings.HasPrefix(got, "0 6144 crypt ") {
			t.Errorf("table %s, want 6144 sectors", got)
		}
		b.must(ours(), "close", "grown")
	})
}

// TestFullDisk: what cannot be written is told, and what was there still opens.
func TestFullDisk(t *testing.T) {
	machine.Inside(t, func(t *testing.T) {
		b := newBench(t)
		full := b.path("full")
		if err := os.Mkdir(full, 0o700); err != nil {
			t.Fatal(err)
		}
		if err := syscall.Mount("tmpfs", full, "tmpfs", 0, "size=1m"); err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = syscall.Unmount(full, 0) })
		cost := words("-q --pbkdf pbkdf2 --pbkdf-force-iterations 1000 --key-file k1")
		for _, p := range []program{ours(), real(t, "bookworm")} {
			b.image("full/v.img", 24<<20)
			b.refuses(p, 1, "full/v.img", append(append(words("luksFormat"), cost...), "full/v.img")...)
			if err := os.Remove(b.path("full/v.img")); err != nil {
				t.Fatal(err)
			}
		}
		b.image("data", 1<<20)
		b.refuses(ours(), 1, "full/h.img", append(append(words("luksFormat --header full/h.img"), cost...), "data")...)
		_ = os.Remove(b.path("full/h.img"))
		// Room for one keyslot, not for two.
		b.image("v.img", 4<<20)
		b.must(ours(), append(append(words("luksFormat --luks2-keyslots-size 1m"), cost...), "v.img")...)
		image, err := os.ReadFile(b.path("v.img"))
		if err != nil {
			t.Fatal(err)
		}
		const kept = 32<<10 + 258048 // heads and first keyslot
		b.write("full/v.img", image[:kept])
		if err := os.Truncate(b.path("full/v.img"), 4<<20); err != nil {
			t.Fatal(err)
		}
		b.write("full/rest", make([]byte, 1<<20-kept-4*4096))
		b.refuses(ours(), 1, "full/v.img", append(append(words("luksAddKey"), cost...), "full/v.img", "k2")...)
		b.must(ours(), words("open --test-passphrase --key-file k1 full/v.img")...)
		after, err := os.ReadFile(b.path("full/v.img"))
		if err != nil {
			t.Fatal(err)
		}
		if string(after[:kept]) != string(image[:kept]) {
			t.Error("heads or first keyslot were changed")
		}
	})
}

// TestOthersThanRootAreTold: the way out is named.
func TestOthersThanRootAreTold(t *testing.T) {
	machine.Inside(t, func(t *testing.T) {
		machine.LoadModule(t, "dm-crypt")
		for _, p := range []program{ours(), real(t, "bookworm")} {
			cmd := exec.Command(p.path, "close", "whatever")
			cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: 65534, Gid: 65534}}
			out, err := cmd.CombinedOutput()
			t.Logf("%s: %v: %s", p.name, err, out)
			if p.name == ours().name && (cmd.ProcessState.ExitCode() != 1 || !strings.Contains(string(out), "root")) {
				t.Errorf("%v: %s", err, out)
			}
		}
	})
}

// TestMissingModules runs in a machine that has only some of what is needed.
func TestMissingModules(t *testing.T) {
	cfg := config()
	cfg.Modules, cfg.Disks = []string{"dm-mod", "loop"}, []machine.Disk{{Name: "a", Size: 16 << 20}}
	vm := machine.Boot(t, cfg)
	vm.Step(t, "one after the other", func(t *testing.T) {
		b := newBench(t)
		them := real(t, "bookworm")
		disk := machine.DiskPath(t, "a")
		b.must(ours(), words("luksFormat -q --type luks1 --pbkdf-force-iterations 1000 --key-file k1 "+disk)...)
		modprobe := readText(t, "/proc/sys/kernel/modprobe")
		setModprobe(t, "/nowhere")
		open := words("open --key-file k1 " + disk + " vol")
		for _, p := range []program{ours(), them} {
			for _, args := range [][]string{open, {"close", "vol"}} {
				b.refuses(p, b.run(them, args...).code, "Cannot initialize device-mapper.", args...)
			}
		}
		setModprobe(t, modprobe)
		machine.LoadModule(t, "dm-mod")
		// A table that the kernel refuses: the releases do not agree, and neither code says what it is.
		b.refuses(ours(), 1, "module dm_crypt missing", open...)
		b.refuses(them, 4, "", open...)
		b.refuses(real(t, "trixie"), 5, "", open...)
		for _, p := range []program{ours(), them} {
			b.refuses(p, 4, "vol", "close", "vol")
		}
		setModprobe(t, "/nowhere")
		b.image("v.img", 4<<20)
		b.must(ours(), words("luksFormat -q --type luks1 --pbkdf-force-iterations 1000 --key-file k1 v.img")...)
		file := words("open --key-file k1 v.img vol")
		b.refuses(ours(), b.run(them, file...).code, "loop", file...)
	})
}

func setModprobe(t *testing.T, path string) {
	t.Helper()
	if err := os.WriteFile("/proc/sys/kernel/modprobe", []byte(path), 0); err != nil {
		t.Fatal(err)
	}
}
