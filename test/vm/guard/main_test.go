// SPDX-License-Identifier: Apache-2.0

// Package guard tries the guard in the virtual machine: disks that are plugged in damaged, pulled out
// and grown, with the real udevd and without.
package guard

import (
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
