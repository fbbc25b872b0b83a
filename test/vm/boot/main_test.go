// SPDX-License-Identifier: Apache-2.0

package boot

import (
	"testing"

	"github.com/orthrus-luks/orthrus/test/vm/machine"
)

// Where plymouthd finds its splash screens, and their themes.
const (
	plymouthPlugins = "/usr/lib/x86_64-linux-gnu/plymouth"
	plymouthThemes  = "/usr/share/plymouth"
)

// TestMain: make test-engine runs these. What make test has of the engine runs on image files
// (cmd/internal/boot).
func TestMain(m *testing.M) {
	machine.Main(m, machine.Config{
		Memory: 256,
		Modules: []string{
			"dm-mod", "dm-crypt", "loop", "ext4", "vfat", "nls_cp437", "nls_ascii", "nls_iso8859-1",
			"aesni-intel", "xts", "cbc", "essiv", "sha256_generic", "crypto_null",
		},
		Programs: []string{
			"cryptsetup", "dmsetup", "mkfs.vfat", "mkfs.ext4", "sfdisk", "sh", "cat", "cp", "dd", "mount", "umount", "swapon", "swapoff",
			"plymouthd", "plymouth", "systemd-tty-ask-password-agent",
		},
		Files: map[string]string{plymouthPlugins: plymouthPlugins, plymouthThemes: plymouthThemes},
		Build: []string{"github.com/orthrus-luks/orthrus/cmd/orthrus"},
		Disks: []machine.Disk{
			{Name: "a", Size: 64 << 20}, {Name: "b", Size: 64 << 20}, {Name: "c", Size: 64 << 20},
		},
	})
}
