// SPDX-License-Identifier: Apache-2.0

package callers

import (
	"testing"

	"github.com/orthrus-luks/orthrus/test/vm/machine"
)

// packages are the callers, and what they need.
var packages = []string{
	"cryptsetup", "cryptsetup-bin", "cryptsetup-initramfs", "initramfs-tools", "dracut-core",
	"clevis", "clevis-luks", "luksmeta", "tang", "jose", "socat", "curl",
	"lvm2", "e2fsprogs", "xfsprogs", "cryptmount", "tomb", "jq",
	"restic", "prometheus-node-exporter", "ansible",
}

func config() machine.Config {
	return machine.Config{
		Memory:  1536,
		Debian:  packages,
		Modules: []string{"dm-mod", "dm-crypt", "loop", "xfs", "aesni-intel", "xts", "cbc", "essiv", "algif_skcipher", "algif_hash", "sha256_generic", "sha512_generic"},
		Build:   []string{"github.com/orthrus-luks/orthrus/cmd/orthrus"},
		Files:   map[string]string{page: "../../../cmd/pages/fleets.md"},
		Disks:   []machine.Disk{{Name: "a", Size: 96 << 20}, {Name: "b", Size: 64 << 20}},
	}
}

func TestMain(m *testing.M) { machine.Main(m, config()) }
