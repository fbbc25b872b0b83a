// SPDX-License-Identifier: Apache-2.0

package boot

import (
	"os"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/orthrus-luks/orthrus/test/pace"
	"github.com/orthrus-luks/orthrus/test/vm/machine"
)

// clone copies the beginning of one disk onto another.
func clone(t *testing.T, from, to string) {
	t.Helper()
	run(t, "dd", "if="+disk(t, from), "of="+disk(t, to), "bs=1M", "count=20", "conv=fsync", "status=none")
}

func TestTwinsAreRefusedOrChosenByPolicy(t *testing.T) {
	machine.Inside(t, func(t *testing.T) {
		format(t, disk(t, "a"), uuidA, "one")
		clone(t, "a", "b")
		t.Cleanup(func() { wipe(t, disk(t, "b"), 0, 1<<20) })
		b := boot{t: t, tab: "root UUID=" + uuidA, answers: []string{"one"}, args: []string{"--device-timeout", "1"}}
		b.run().expect(1, "root=failed", "More than one device is UUID="+uuidA)
		if len(b.asked) > 0 {
			t.Errorf("asked %q", b.asked)
		}
		b = boot{t: t, tab: "root UUID=" + uuidA, line: "rd.orthrus.twins=first", answers: []string{"one"}}
		b.run().expect(0, "root=opened")
		if got := b.report.Volumes[0].Device; got != disk(t, "a") {
			t.Errorf("opened %s", got)
		}
		run(t, "orthrus", "close", "root")
		// One that is in use already is no twin to be afraid of.
		run(t, "sh", "-c", "printf one | cryptsetup open "+disk(t, "a")+" taken")
		t.Cleanup(func() { run(t, "orthrus", "close", "taken") })
		b = boot{t: t, tab: "root UUID=" + uuidA, answers: []string{"one"}}
		b.run()
		if got := b.report.Volumes[0].Device; got != disk(t, "b") {
			t.Errorf("chose %s, the other is in use", got)
		}
	})
}

func TestHostileDisksDoNotStopAGoodOne(t *testing.T) {
	machine.Inside(t, func(t *testing.T) {
		format(t, disk(t, "a"), uuidA, "one")
		for _, c := range []struct {
			name string
			make func(node string)
			says string
		}{
			{"null cipher", func(node string) { format(t, node, uuidB, "one", "--cipher", "null") }, "which is not allowed at boot"},
			{"malformed JSON", func(node string) {
				format(t, node, uuidB, "one")
				for _, at := range []int64{4096, 16384 + 4096} {
					wipe(t, node, at, 512)
				}
			}, "bad stays closed"},
			{"a header cut short", func(node string) {
				format(t, node, uuidB, "one")
				wipe(t, node, 4096, 28<<10)
			}, "bad stays closed"},
			{"nothing at all", func(node string) { wipe(t, node, 0, 1<<20) }, "not a valid LUKS device"},
		} {
			t.Run(c.name, func(t *testing.T) {
				c.make(disk(t, "b"))
				begun := time.Now()
				b := boot{t: t, tab: "good UUID=" + uuidA + "\nbad /dev/disk/by-id/virtio-b none nofail", answers: []string{"one"}}
				b.run().expect(0, "good=opened bad=failed", c.says)
				if took := time.Since(begun); took > pace.Limit(20*time.Second) {
					t.Errorf("took %v", took)
				}
				run(t, "orthrus", "close", "good")
			})
		}
	})
}

// addKeyslot adds a passphrase behind an Argon2 keyslot of that many MiB.
func addKeyslot(t *testing.T, device, passphrase string, mib int) {
	t.Helper()
	dir := t.TempDir()
	write(t, dir+"/old", "one")
	write(t, dir+"/new", passphrase)
	run(t, "cryptsetup", "luksAddKey", "-q", "--key-file", dir+"/old", "--pbkdf", "argon2id", "--pbkdf-force-iterations", "4",
		"--pbkdf-memory", strconv.Itoa(mib<<10), "--pbkdf-parallel", "1", device, dir+"/new")
}

func TestMemoryIsPlannedAndSaidInNumbers(t *testing.T) {
	machine.Inside(t, func(t *testing.T) {
		format(t, disk(t, "a"), uuidA, "one")
		addKeyslot(t, disk(t, "a"), "sixteen", 16)
		b := boot{t: t, tab: "root UUID=" + uuidA, answers: []string{"sixteen"}}
		b.run().expect(0, "root=opened")
		run(t, "orthrus", "close", "root")

		// A keyslot made on a larger machine: more than this one has.
		costs(t, disk(t, "a"), `"memory":16384`, `"memory":1048576`)
		b = boot{t: t, tab: "root UUID=" + uuidA, answers: []string{"one"}}
		b.run().expect(0, "root=opened", "Not enough memory to open keyslot 1: it needs 1024 MiB, ", "Keyslot 0 can be used.")
		run(t, "orthrus", "close", "root")

		b = boot{t: t, tab: "root UUID=" + uuidA + " none key-slot=1", answers: []string{"sixteen"}}
		b.run().expect(3, "root=failed", "Not enough memory to open keyslot 1: it needs 1024 MiB, ")
		if len(b.asked) > 0 {
			t.Errorf("asked %q although no answer helps", b.asked)
		}
	})
}

func TestADamagedKeyslotIsToldFromAWrongPassphrase(t *testing.T) {
	machine.Inside(t, func(t *testing.T) {
		format(t, disk(t, "a"), uuidA, "one")
		wipe(t, disk(t, "a"), 32768, 64<<10)
		b := boot{t: t, tab: "root UUID=" + uuidA + " none tries=1", answers: []string{"one"}}
		b.run().expect(2, "root=failed", "The key material of keyslot 0 is damaged: no passphrase can open it.")
	})
}

func TestACipherWithoutModuleIsNamed(t *testing.T) {
	machine.Inside(t, func(t *testing.T) {
		wipe(t, disk(t, "a"), 0, 1<<20)
		b := boot{t: t, tab: "plain /dev/disk/by-id/virtio-a none plain,cipher=serpent-xts-plain64,size=512,hash=sha256", answers: []string{"one"}}
		b.run().expect(1, "plain=failed", "The kernel lacks a module for this cipher")
		if strings.Contains(b.said, "Wrong passphrase") {
			t.Error("a missing module is taken for a wrong passphrase")
		}
	})
}

// costs exchanges text in both copies of a header and makes their checksums true again.
func costs(t *testing.T, node, old, new string) {
	t.Helper()
	f, err := os.OpenFile(node, os.O_RDWR|os.O_SYNC, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	for _, at := range []int64{0, 16384} {
		head := make([]byte, 16384)
		if _, err := f.ReadAt(head, at); err != nil {
			t.Fatal(err)
		}
		if _, err := f.WriteAt(patched(t, head, old, new), at); err != nil {
			t.Fatal(err)
		}
	}
}
