// SPDX-License-Identifier: Apache-2.0

package vm

import (
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/orthrus-luks/orthrus/test/vm/machine"
)

func TestGuestHasDeviceMapper(t *testing.T) {
	machine.Inside(t, func(t *testing.T) {
		machine.LoadModule(t, "dm-crypt")
		out, err := exec.Command("dmsetup", "targets").CombinedOutput()
		if err != nil {
			t.Fatalf("dmsetup targets: %v\n%s", err, out)
		}
		t.Logf("%s", out)
	})
}

func TestRealCryptsetupOpensWhatItFormatted(t *testing.T) {
	machine.Inside(t, func(t *testing.T) {
		disk := machine.DiskPath(t, "a")
		const script = `set -e
			printf secret >/tmp/k
			cryptsetup luksFormat -q --pbkdf pbkdf2 --pbkdf-force-iterations 1000 --key-file /tmp/k "$1"
			cryptsetup open --key-file /tmp/k "$1" plain
			cryptsetup status plain
			mkfs.ext4 -q /dev/mapper/plain
			mkdir -p /mnt/a 2>/dev/null || true
			cryptsetup close plain`
		out, err := exec.Command("sh", "-c", script, "sh", disk).CombinedOutput()
		t.Logf("%s", out)
		if err != nil {
			t.Fatal(err)
		}
	})
}

func TestDiskComesGrowsAndGoes(t *testing.T) {
	machine.Inside(t, func(t *testing.T) {
		start := time.Now()
		lap := func(what string) {
			t.Logf("%s after %v", what, time.Since(start).Round(time.Millisecond))
			start = time.Now()
		}
		node := machine.Plug(t, machine.Disk{Name: "plugged", Size: 16 << 20, LogicalSector: 4096})
		lap("plugged")
		if err := os.WriteFile(node, []byte("still here"), 0); err != nil {
			t.Fatal(err)
		}
		machine.Resize(t, "plugged", 32<<20)
		lap("resized")
		machine.Unplug(t, "plugged")
		lap("unplugged")
		node = machine.Plug(t, machine.Disk{Name: "plugged", Size: 16 << 20})
		lap("plugged again")
		got := make([]byte, 10)
		f, err := os.Open(node)
		if err != nil {
			t.Fatal(err)
		}
		defer f.Close()
		if _, err := f.Read(got); err != nil || string(got) != "still here" {
			t.Fatalf("read %q, %v after the disk came back", got, err)
		}
		machine.Unplug(t, "plugged")
	})
}

func TestBothReleasesOfCryptsetupRunInside(t *testing.T) {
	machine.Inside(t, func(t *testing.T) {
		for release, version := range map[string]string{"bookworm": "cryptsetup 2.6.1", "trixie": "cryptsetup 2.7.5"} {
			file, err := machine.Peer(release)
			if err != nil {
				t.Fatal(err)
			}
			out, err := exec.Command(file, "--version").CombinedOutput()
			if err != nil || !strings.HasPrefix(string(out), version) {
				t.Errorf("%s: %v, %s", release, err, out)
			}
		}
	})
}
