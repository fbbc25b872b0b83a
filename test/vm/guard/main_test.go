// SPDX-License-Identifier: Apache-2.0

// Package guard tries the guard in the virtual machine: disks that are plugged in damaged, pulled out
// and grown, with the real udevd and without.
package guard

import (
	"os"
	"testing"

	"github.com/orthrus-luks/orthrus/test/vm/machine"
)

// config is a machine with room for many disks. udevd runs where a test starts it.
func config() machine.Config {
	return machine.Config{
		Memory: 1024,
		Modules: []string{
			"dm-mod", "dm-crypt", "loop", "ext4", "xts", "aesni-intel", "sha256_generic", "crc32c_generic", "algif_skcipher", "algif_hash", "nls_ascii",
		},
		Programs: []string{
			"cryptsetup", "dmsetup", "mkfs.ext4", "e2fsck", "mount", "umount", "sh", "rm", "dd", "cat", "sync", "sha256sum", "blockdev", "losetup",
			"systemd-udevd", "udevadm", "resize2fs",
		},
		Files: map[string]string{"/lib/udev/rules.d": "/lib/udev/rules.d"},
		Build: []string{"github.com/orthrus-luks/orthrus/cmd/orthrus"},
		Slots: 8,
	}
}

func TestMain(m *testing.M) { machine.Main(m, config()) }

// scenario is one test in the machine that all share.
type scenario struct {
	name string
	run  func(t *testing.T)
}

var scenarios = []scenario{
	{"hotplug with udevd", func(t *testing.T) { hotplug(t, true) }},
	{"hotplug without udevd", func(t *testing.T) { hotplug(t, false) }},
	{"heads restored live", restoredLive},
	{"heads reported by default", reportedOnly},
	{"never after cryptsetup erase", neverAfterErase},
	{"never after cryptsetup erase that was seen", neverAfterSeenErase},
	{"never after a shred of more than the heads", neverAfterShred},
	{"never after our own erase", neverAfterOurErase},
	{"bad sector and clone", badSectorAndClone},
	{"far header hotplug, default policy", func(t *testing.T) { farHotplug(t, "") }},
	{"far header hotplug, repair on proof", func(t *testing.T) { farHotplug(t, "repair = proven\ngrow = yes") }},
	{"a grown disk five times", grownFiveTimes},
	{"a grown disk without a key", grownWithoutKey},
	{"a grown disk with a far header", grownWithFarHeader},
	{"keys are revoked", keysAreRevoked},
	{"pulled out without udevd", func(t *testing.T) { pulledOut(t, false) }},
	{"pulled out with udevd", func(t *testing.T) { pulledOut(t, true) }},
	{"forged events of udev", forgedByRoot},
	{"killed at random moments", killedAtRandom},
}

func TestGuard(t *testing.T) {
	for _, s := range scenarios {
		t.Run(s.name, func(t *testing.T) {
			machine.Inside(t, func(t *testing.T) {
				for _, dir := range []string{"/var/lib/orthrus", "/run/orthrus"} {
					if err := os.RemoveAll(dir); err != nil {
						t.Fatal(err)
					}
				}
				s.run(t)
			})
		})
	}
}
