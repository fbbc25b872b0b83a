// SPDX-License-Identifier: Apache-2.0

package vm

import (
	"testing"

	"github.com/orthrus-luks/orthrus/test/vm/machine"
)

// config is the one machine that all tests of this package share: the union of
// what they need.
func config() machine.Config {
	return machine.Config{
		Memory:   2048,
		Modules:  modules,
		Programs: programs,
		Peers:    []string{"bookworm", "trixie"},
		Build:    []string{"github.com/orthrus-luks/orthrus/cmd/orthrus"},
		Disks: []machine.Disk{
			{Name: "a", Size: 128 << 20},
			{Name: "b", Size: 128 << 20},
			{Name: "a4k", Size: 128 << 20, LogicalSector: 4096},
		},
	}
}

// modules are in the guest and loaded when the kernel or a test asks for them.
var modules = []string{
	"dm-mod", "dm-crypt", "dm-integrity", "dm-verity", "dm-flakey", "dm-log-writes", "dm-delay", "dm-zero", "dm-snapshot",
	"loop", "brd", "raid1", "ext4", "xfs", "btrfs", "vfat", "overlay",
	"algif_skcipher", "algif_aead", "algif_hash", "crypto_user",
	"aesni-intel", "gcm", "ghash-generic", "chacha20poly1305", "poly1305_generic", "aegis128", "xts", "cbc", "ecb", "ctr", "essiv", "lrw", "adiantum", "nhpoly1305", "chacha_generic", "authenc", "hmac",
	"crypto_null", "serpent_generic", "twofish_generic", "camellia_generic", "cast5_generic", "cast6_generic", "blowfish_generic", "des_generic",
	"crc32_generic", "xxhash_generic", "sha1_generic", "sha256_generic", "sha512_generic", "sha3_generic", "rmd160", "wp512", "blake2b_generic", "streebog_generic",
}

var programs = []string{
	"cryptsetup", "veritysetup", "integritysetup", "dmsetup", "blkid", "losetup", "blockdev", "mount", "umount",
	"mkfs.ext4", "e2fsck", "resize2fs", "dumpe2fs", "sh", "cat", "grep", "head", "ls", "dd", "sync", "stat",
	"mkfs.xfs", "mkfs.btrfs", "mkfs.vfat", "wipefs", "sha256sum", "cmp", "truncate", "tcplay",
}

func TestMain(m *testing.M) { machine.Main(m, config()) }
