// SPDX-License-Identifier: Apache-2.0

package boot

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/orthrus-luks/orthrus/dm/keyring"
	"github.com/orthrus-luks/orthrus/test/vm/machine"
)

func TestOnePassphraseOpensAllVolumesAfterAWrongOne(t *testing.T) {
	machine.Inside(t, func(t *testing.T) {
		format(t, disk(t, "a"), uuidA, "one")
		format(t, disk(t, "b"), uuidB, "one", "--type", "luks1")
		b := boot{
			t: t, line: "root=/dev/mapper/first", answers: []string{"wrong", "one"},
			tab: "first UUID=" + uuidA + " none luks,discard\nsecond UUID=" + uuidB + " none luks",
		}
		b.run().expect(0, "first=opened second=opened", "Wrong passphrase for first. 2 tries are left.")
		if len(b.asked) != 2 {
			t.Errorf("asked %q", b.asked)
		}
		if table := run(t, "dmsetup", "table", "first"); !strings.Contains(table, " :64:logon:cryptsetup:"+uuidA+"-d0 ") || !strings.Contains(table, "1 allow_discards") {
			t.Errorf("table %s", table)
		}
		if uuid := run(t, "dmsetup", "info", "-c", "--noheadings", "-o", "uuid", "second"); !strings.HasPrefix(uuid, "CRYPT-LUKS1-bbbbbbbb") {
			t.Errorf("uuid %s", uuid)
		}
	})
}

func TestNoTriesLeft(t *testing.T) {
	machine.Inside(t, func(t *testing.T) {
		format(t, disk(t, "a"), uuidA, "one")
		b := boot{t: t, tab: "root UUID=" + uuidA + " none tries=2", answers: []string{"x", "y", "one"}}
		b.run().expect(2, "root=failed", "One try is left.", "root stays closed: No tries are left.", "Not unlocked: root.")
	})
}

// lateDisk fills a disk and pulls it out again.
func lateDisk(t *testing.T, name string, fill func(node string)) {
	t.Helper()
	fill(machine.Plug(t, machine.Disk{Name: name, Size: 64 << 20}))
	machine.Unplug(t, name)
}

func TestDisksAndKeysThatComeLate(t *testing.T) {
	machine.Inside(t, func(t *testing.T) {
		lateDisk(t, "late", func(node string) { format(t, node, uuidB, "secret of the stick") })
		lateDisk(t, "stick", func(node string) {
			run(t, "mkfs.vfat", "-n", "KEYS", node)
			run(t, "mount", node, "/mnt")
			write(t, "/mnt/key", "secret of the stick")
			run(t, "umount", "/mnt")
		})
		b := boot{t: t, tab: "root /dev/disk/by-uuid/" + uuidB + " /key:LABEL=KEYS luks"}
		wait := b.start()
		time.Sleep(500 * time.Millisecond)
		machine.Plug(t, machine.Disk{Name: "late", Size: 64 << 20})
		node := machine.Plug(t, machine.Disk{Name: "stick", Size: 64 << 20})
		wait()
		t.Cleanup(func() {
			run(t, "orthrus", "close", "root")
			machine.Unplug(t, "late")
			machine.Unplug(t, "stick")
		})
		b.expect(0, "root=opened", "root is unlocked, with key file /key on LABEL=KEYS.")
		mounts, err := os.ReadFile("/proc/mounts")
		if err != nil || strings.Contains(string(mounts), node) {
			t.Errorf("the stick stays mounted: %s, %v", mounts, err)
		}
		if left, err := filepath.Glob("/run/orthrus/mount.*"); err != nil || len(left) > 0 {
			t.Errorf("mount points stay: %v, %v", left, err)
		}
	})
}

func TestAPromptWaitsBesideALateKeyAndAWrongKeyLeavesIt(t *testing.T) {
	machine.Inside(t, func(t *testing.T) {
		format(t, disk(t, "a"), uuidA, "one")
		b := boot{t: t, tab: "root UUID=" + uuidA + " /key:LABEL=NEVER luks", answers: []string{"one"}}
		b.run().expect(0, "root=opened")
		run(t, "orthrus", "close", "root")

		dir := t.TempDir()
		write(t, filepath.Join(dir, "key"), "wrong")
		b = boot{t: t, tab: "root UUID=" + uuidA + " " + dir + "/key luks", answers: []string{"one"}}
		b.run().expect(0, "root=opened", "no keyslot opens with key file "+dir+"/key.")
	})
}

func TestKeysOnRawDevicesAndOffsets(t *testing.T) {
	machine.Inside(t, func(t *testing.T) {
		format(t, disk(t, "a"), uuidA, "rawkey")
		raw, err := os.OpenFile(disk(t, "b"), os.O_WRONLY, 0)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := raw.WriteAt([]byte("xxrawkeyyy"), 4096); err != nil {
			t.Fatal(err)
		}
		if err := raw.Close(); err != nil {
			t.Fatal(err)
		}
		b := boot{t: t, tab: "root UUID=" + uuidA + " /dev/disk/by-id/virtio-b keyfile-offset=4098,keyfile-size=6,headless"}
		b.run().expect(0, "root=opened")
		run(t, "orthrus", "close", "root")
		b = boot{t: t, line: "cryptdevice=/dev/disk/by-id/virtio-a:arch cryptkey=/dev/disk/by-id/virtio-b:4098:6"}
		b.run().expect(0, "arch=opened")
	})
}

func TestDetachedHeaders(t *testing.T) {
	machine.Inside(t, func(t *testing.T) {
		run(t, "mkfs.ext4", "-q", "-L", "headers", disk(t, "c"))
		run(t, "mount", disk(t, "c"), "/mnt")
		header := filepath.Join("/mnt", "header.img")
		write(t, header, strings.Repeat("\x00", 4<<20))
		format(t, disk(t, "a"), uuidA, "one", "--header", header, "--offset", "0")
		run(t, "cp", header, disk(t, "b"))
		run(t, "umount", "/mnt")
		wipe(t, disk(t, "a"), 0, 4096)
		for _, tab := range []string{
			"root /dev/disk/by-id/virtio-a none header=/header.img:LABEL=headers",
			"root /dev/disk/by-id/virtio-a none header=UUID=" + uuidA,
		} {
			b := boot{t: t, tab: tab, answers: []string{"one"}}
			b.run().expect(0, "root=opened")
			run(t, "orthrus", "close", "root")
		}
		b := boot{t: t, line: "rd.luks.data=" + uuidA + "=/dev/disk/by-id/virtio-a rd.luks.name=" + uuidA + "=root", answers: []string{"one"}}
		b.run().expect(0, "root=opened")
		wipe(t, disk(t, "b"), 0, 4<<20)
	})
}

func wipe(t *testing.T, node string, off int64, n int) {
	t.Helper()
	f, err := os.OpenFile(node, os.O_WRONLY|os.O_SYNC, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if _, err := f.WriteAt(make([]byte, n), off); err != nil {
		t.Fatal(err)
	}
}

func TestALostPrimaryHeaderIsFoundByUUIDAndRepaired(t *testing.T) {
	machine.Inside(t, func(t *testing.T) {
		format(t, disk(t, "a"), uuidA, "one")
		wipe(t, disk(t, "a"), 0, 16384)
		b := boot{t: t, tab: "root UUID=" + uuidA, answers: []string{"one"}}
		b.run().expect(0, "root=opened", "root: the header was repaired")
		if dump := run(t, "cryptsetup", "luksUUID", disk(t, "a")); !strings.Contains(dump, uuidA) {
			t.Errorf("uuid %s", dump)
		}
	})
}

func TestDisksThatStayAway(t *testing.T) {
	machine.Inside(t, func(t *testing.T) {
		format(t, disk(t, "a"), uuidA, "one")
		tab := "root UUID=" + uuidA + "\nextra UUID=" + uuidB
		b := boot{t: t, tab: tab + " none nofail", answers: []string{"one"}}
		b.run().expect(0, "root=opened extra=absent", "extra stays closed: UUID="+uuidB+" did not show up")
		run(t, "orthrus", "close", "root")

		b = boot{t: t, tab: tab, answers: []string{"one"}, args: []string{"--device-timeout", "1"}}
		b.run().expect(4, "root=opened extra=absent", "Not unlocked: extra.")
		run(t, "orthrus", "close", "root")

		b = boot{t: t, tab: tab + " none x-orthrus.degraded", answers: []string{"one"}, args: []string{"--device-timeout", "1"}}
		b.run().expect(0, "root=opened extra=absent")
		if !b.report.Degraded {
			t.Error("not reported as degraded")
		}
	})
}

func TestPartitionsByUUIDAndName(t *testing.T) {
	machine.Inside(t, func(t *testing.T) {
		table := exec.Command("sfdisk", "-q", disk(t, "a"))
		table.Stdin = strings.NewReader("label: gpt\nstart=2048, size=40960, uuid=" + uuidA + ", name=\"root fs\"\nstart=43008, size=40960\n")
		if out, err := table.CombinedOutput(); err != nil {
			t.Fatalf("%v\n%s", err, out)
		}
		t.Cleanup(func() { run(t, "sfdisk", "-q", "--delete", disk(t, "a")); wipe(t, disk(t, "a"), 0, 1<<20) })
		one := disk(t, "a") + "1"
		machine.Eventually(t, 5*time.Second, one, func() bool { _, err := os.Stat(one); return err == nil })
		format(t, one, uuidB, "one")
		for _, name := range []string{"PARTUUID=" + strings.ToUpper(uuidA), `PARTLABEL=root\040fs`, "/dev/disk/by-id/virtio-a-part1", `/dev/disk/by-partlabel/root\x20fs`} {
			b := boot{t: t, tab: "root " + name, answers: []string{"one"}}
			b.run().expect(0, "root=opened")
			run(t, "orthrus", "close", "root")
		}
	})
}

func TestPlainVolumesAndSwap(t *testing.T) {
	machine.Inside(t, func(t *testing.T) {
		wipe(t, disk(t, "a"), 0, 1<<20)
		wipe(t, disk(t, "b"), 0, 1<<20)
		tab := "swap /dev/disk/by-id/virtio-a /dev/urandom swap,cipher=aes-xts-plain64,size=256\n" +
			"plain /dev/disk/by-id/virtio-b none plain,cipher=aes-xts-plain64,size=256,hash=sha256,offset=8"
		b := boot{t: t, tab: tab, answers: []string{"one"}}
		b.run().expect(0, "swap=opened plain=opened")
		run(t, "swapon", "/dev/mapper/swap")
		run(t, "swapoff", "/dev/mapper/swap")
		ours := run(t, "dmsetup", "table", "--showkeys", "plain")
		run(t, "orthrus", "close", "plain")
		run(t, "sh", "-c", "printf one | cryptsetup open -q --type plain -c aes-xts-plain64 -s 256 -h sha256 -o 8 "+disk(t, "b")+" plain")
		if theirs := run(t, "dmsetup", "table", "--showkeys", "plain"); ours != theirs {
			t.Errorf("tables differ: %s and %s", ours, theirs)
		}
		run(t, "orthrus", "close", "plain")
		run(t, "orthrus", "close", "swap")

		format(t, disk(t, "a"), uuidA, "one")
		b = boot{t: t, tab: "swap /dev/disk/by-id/virtio-a /dev/urandom swap"}
		b.run().expect(0, "swap=failed", "crypto_LUKS") // swap space is not required
		if dump := run(t, "cryptsetup", "luksUUID", disk(t, "a")); !strings.Contains(dump, uuidA) {
			t.Errorf("the volume is gone: %s", dump)
		}
	})
}

func TestTheVolumeKeyIsHandedOverAndPassphrasesAreKept(t *testing.T) {
	machine.Inside(t, func(t *testing.T) {
		format(t, disk(t, "a"), uuidA, "one")
		format(t, disk(t, "b"), uuidB, "one")
		tab := "root UUID=" + uuidA + " none link-volume-key=@u::%user:vk:root,password-cache=yes,"
		b := boot{t: t, tab: tab, answers: []string{"one"}}
		b.run().expect(0, "root=opened")
		key, err := keyring.Search(keyring.User, keyring.TypeUser, "vk:root")
		if err != nil {
			t.Fatal(err)
		}
		payload, err := keyring.Read(key)
		if err != nil || payload.Len() != 64 {
			t.Errorf("%d bytes, %v", payload.Len(), err)
		}
		// Another run, as of the main system, finds the passphrase in the keyring.
		b = boot{t: t, tab: "data UUID=" + uuidB}
		b.run().expect(0, "data=opened", "data is unlocked, with the kernel keyring.")
		for _, name := range []string{"vk:root", "cryptsetup"} {
			id, err := keyring.Search(keyring.User, keyring.TypeUser, name)
			if err != nil {
				t.Fatal(err)
			}
			if err := keyring.Unlink(id, keyring.User); err != nil {
				t.Error(err)
			}
		}
	})
}

func TestVolumesThatAreOpenAreLeftAlone(t *testing.T) {
	machine.Inside(t, func(t *testing.T) {
		format(t, disk(t, "a"), uuidA, "one")
		b := boot{t: t, tab: "root UUID=" + uuidA, answers: []string{"one"}}
		b.run().expect(0, "root=opened")
		out := run(t, "orthrus", "boot", "--dry-run", "--crypttab", tabFile(t, b.tab))
		if !strings.Contains(out, "root is open already") {
			t.Error(out)
		}
	})
}

func tabFile(t *testing.T, text string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "crypttab")
	write(t, path, text)
	return path
}
