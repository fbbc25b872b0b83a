// SPDX-License-Identifier: Apache-2.0

package vm

import (
	"fmt"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"testing"

	"github.com/orthrus-luks/orthrus/test/vm/machine"
)

// shifted is a disk of physical blocks of 4096 bytes that begins one sector into the first: its natural boundaries
// lie 3584 bytes after each multiple.
func shifted(t *testing.T) string {
	t.Helper()
	disk := machine.Plug(t, machine.Disk{Name: "blocks", Size: 64 << 20, PhysicalSector: 4096})
	t.Cleanup(func() { machine.Unplug(t, "blocks") })
	dmsetup(t, "create", "shifted", "--table", "0 131064 linear "+disk+" 1")
	t.Cleanup(func() { _ = exec.Command("dmsetup", "remove", "--retry", "shifted").Run() })
	dmsetup(t, "mknodes", "shifted")
	minor := dmsetup(t, "info", "-c", "--noheadings", "-o", "minor", "shifted")
	if got := readText(t, "/sys/class/block/dm-"+minor+"/alignment_offset"); got != "3584" {
		t.Fatalf("alignment offset %s", got)
	}
	return "/dev/mapper/shifted"
}

// TestPayloadFollowsTheAlignmentOffset: as cryptsetup places it, in both versions, with and without a wish.
func TestPayloadFollowsTheAlignmentOffset(t *testing.T) {
	machine.Inside(t, func(t *testing.T) {
		machine.LoadModule(t, "dm-crypt")
		b := newBench(t)
		us, disk, equal := b.standingIn(), shifted(t), 0
		for _, with := range []string{
			"luks1", "luks2", "luks1 --align-payload 8", "luks2 --align-payload 4096", "luks2 --offset 32768", "luks2 --sector-size 4096",
		} {
			places := map[string]string{}
			all := []program{us, real(t, "bookworm"), real(t, "trixie")}
			for _, p := range all {
				got := b.run(p, words("luksFormat -q --pbkdf pbkdf2 --pbkdf-force-iterations 1000 --key-file k1 --type "+with+" "+disk)...)
				places[p.name] = fmt.Sprintf("exit %d", got.code)
				if got.code != 0 {
					t.Logf("%s %s: %s", p.name, with, got.stderr)
					continue
				}
				opener := us
				if p == us {
					opener = all[1]
				}
				b.open(opener, "aligned", words("--disable-keyring --key-file k1 "+disk)...)
				fields := words(dmsetup(t, "table", "aligned"))
				b.must(us, "close", "aligned")
				places[p.name] = "sector " + fields[7] + " " + strings.Join(fields[8:], " ")
			}
			t.Logf("%s: %s", with, places["bookworm"])
			if places["ours"] != places["bookworm"] && places["ours"] != places["trixie"] {
				t.Errorf("%s: %v", with, places)
				continue
			}
			equal++
		}
		t.Logf("%d places", equal)
	})
}

// TestHeadersOnAFullFileSystemAreMapped: a detached header that cannot be made longer takes the keyslots that fit,
// and opens.
func TestHeadersOnAFullFileSystemAreMapped(t *testing.T) {
	machine.Inside(t, func(t *testing.T) {
		machine.LoadModule(t, "dm-crypt")
		b := newBench(t)
		us, disk := b.standingIn(), machine.DiskPath(t, "a")
		full := b.path("full")
		if err := os.Mkdir(full, 0o700); err != nil {
			t.Fatal(err)
		}
		if err := syscall.Mount("tmpfs", full, "tmpfs", 0, "size=1m"); err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = syscall.Unmount(full, 0) })
		for release, makers := range map[string][]program{"bookworm": {us}, "trixie": {ours(), real(t, "trixie")}} {
			them := real(t, release)
			for _, maker := range makers {
				b.image("full/h.img", 900<<10)
				b.must(maker, words("luksFormat -q --pbkdf pbkdf2 --pbkdf-force-iterations 1000 --key-file k1 --header full/h.img "+disk)...)
				b.handedOver(us, them, "--header full/h.img --key-file k1 "+disk)
				b.must(us, words("luksAddKey -q --pbkdf pbkdf2 --pbkdf-force-iterations 1000 --key-file k1 --header full/h.img "+disk+" k2")...)
				b.must(them, words("open --test-passphrase --key-file k2 --header full/h.img "+disk)...)
				if err := os.Remove(b.path("full/h.img")); err != nil {
					t.Fatal(err)
				}
			}
		}
	})
}
