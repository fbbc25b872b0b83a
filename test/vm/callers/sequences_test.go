// SPDX-License-Identifier: Apache-2.0

package callers

import (
	"testing"

	"github.com/orthrus-luks/orthrus/test/vm/machine"
)

// TestInstallerSequence is what Debian's installer does for an encrypted partition.
func TestInstallerSequence(t *testing.T) {
	machine.Inside(t, func(t *testing.T) {
		g := caller(t)
		g.sh("cryptsetup -c aes-xts-plain64 -s 512 luksFormat $a /root/key </dev/null")
		g.sh("cryptsetup -d /root/key luksOpen $a sda_crypt </dev/null && mkfs.ext4 -q /dev/mapper/sda_crypt")
		g.sh("cryptsetup isLuks $a; cryptsetup luksClose sda_crypt; ! test -e /dev/mapper/sda_crypt")
		g.sh("cryptsetup -c aes-xts-plain64 -s 256 -h plain -d /dev/urandom create sdb_crypt $b && mkswap /dev/mapper/sdb_crypt && cryptsetup remove sdb_crypt")
		g.sh("printf secret | " + real + " luksOpen $a check && blkid -p /dev/mapper/check && " + real + " close check")
		g.ran("the installer's sequence")
	})
}

// TestAnsibleSequence is what community.crypto's luks_device calls, with its lines on standard input.
func TestAnsibleSequence(t *testing.T) {
	machine.Inside(t, func(t *testing.T) {
		g := caller(t)
		g.fails("cryptsetup isLuks $a")
		g.sh("printf 'first\\n' | cryptsetup luksFormat -q --type luks2 --pbkdf pbkdf2 --pbkdf-force-iterations 1000 --label lbl $a")
		g.sh("cryptsetup isLuks $a; printf 'first\\n' | cryptsetup open --type luks $a ansible; cryptsetup status ansible")
		g.sh("printf 'first\\nsecond\\nsecond\\n' | cryptsetup luksAddKey -q --pbkdf pbkdf2 --pbkdf-force-iterations 1000 $a")
		g.says("No key available with this passphrase.", "rc=0; printf 'none\\n' | cryptsetup luksOpen --test-passphrase $a 2>&1 || rc=$?; test $rc = 2")
		g.sh("test $(cryptsetup luksDump $a | sed -n '/^Keyslots:/,/^Tokens:/p' | grep -c '^  [0-9]') = 2")
		g.sh("printf 'second\\n' | cryptsetup luksRemoveKey -q $a")
		g.sh("printf 'first\\nthird\\nthird\\n' | cryptsetup luksAddKey -q --key-slot 5 --pbkdf pbkdf2 --pbkdf-force-iterations 1000 $a; printf 'first\\n' | cryptsetup luksKillSlot -q $a 5")
		g.sh("cryptsetup close ansible; printf 'first\\n' | " + real + " open --test-passphrase $a; wipefs --all $a; ! cryptsetup isLuks $a")
		g.ran("the sequence of Ansible")
	})
}

// TestTalosSequence sends two keys through one stream, the first as long as --keyfile-size says.
func TestTalosSequence(t *testing.T) {
	machine.Inside(t, func(t *testing.T) {
		g := caller(t)
		g.sh("printf 'key\\none' | cryptsetup luksFormat --type luks2 --key-file=- -c aes-xts-plain64 --pbkdf-force-iterations 1000 --pbkdf pbkdf2 $a")
		g.sh("printf 'key\\none' | cryptsetup luksOpen $a talos --key-file=- && cryptsetup luksClose talos")
		g.sh("printf 'key\\nonekey two' | cryptsetup luksAddKey $a --key-file=- --keyfile-size=7 --pbkdf pbkdf2 --pbkdf-force-iterations 1000")
		g.sh("printf 'key twokey three' | cryptsetup luksChangeKey $a --key-file=- --keyfile-size=7 --key-slot=1 --pbkdf pbkdf2 --pbkdf-force-iterations 1000")
		g.sh("printf 'key three' | cryptsetup luksOpen --key-file=- --test-passphrase $a; rc=0; printf 'key two' | cryptsetup luksOpen --key-file=- --test-passphrase $a || rc=$?; test $rc = 2")
		g.sh("printf 'key\\none' | cryptsetup luksKillSlot $a 1 --key-file=-")
		g.sh("printf 'key\\none' | cryptsetup luksOpen --key-file=- $a talos; sleep 60 </dev/mapper/talos & sleep 1; rc=0; cryptsetup luksClose talos || rc=$?; kill %1; wait || true; test $rc = 5; cryptsetup luksClose talos")
		g.ran("the sequence of Talos")
	})
}
