// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"

	"github.com/orthrus-luks/orthrus/test/vm/machine"
)

// A scene is a part of the demonstration: a title, a few words, commands.
type scene struct {
	title string
	words string
	steps []step
}

// A step is a shell command, the exit code it must have, and text that its
// output must contain; or something done to the machine from outside, in words.
type step struct {
	run  string
	exit int
	want string
	host func(ctx context.Context, m *machine.Machine) error
}

// backup is a disk that comes and goes while the machine runs.
func plug(ctx context.Context, m *machine.Machine) error {
	return m.Plug(ctx, machine.Disk{Name: "backup", Size: 64 << 20})
}

func unplug(ctx context.Context, m *machine.Machine) error { return m.Unplug(ctx, "backup") }

func enlarge(ctx context.Context, m *machine.Machine) error {
	return m.Resize(ctx, "backup", 128<<20)
}

// until repeats a command for ten seconds, until its output has a word.
func until(command, word string) string {
	return "for i in 0 1 2 3 4 5 6 7 8 9; do " + command + " | grep '" + word + "' && break; sleep 1; done"
}

// costs is in every command's environment: small enough for an emulated
// processor. On a real one, orthrus measures and chooses.
const costs = "--pbkdf argon2id --pbkdf-memory 16384 --pbkdf-parallel 1 --pbkdf-force-iterations 4"

var script = []scene{
	{
		"Two passphrases and an empty disk", "Everything runs as root on a real Linux kernel; nothing is simulated but the processor.",
		[]step{
			{run: "uname -sr"},
			{run: "echo $costs"},
			{run: "printf 'correct horse' >first"},
			{run: "printf 'battery staple' >second"},
			{run: "printf 'let me in' >wrong"},
			{run: "orthrus isLuks /dev/vda || echo 'no LUKS volume here'", want: "no LUKS volume"},
		},
	},
	{
		"Format, add a key, open", "A LUKS2 volume made by orthrus; then a second passphrase, and the volume as a device.",
		[]step{
			{run: "orthrus luksFormat -q $costs --label demo --key-file first /dev/vda"},
			{run: "orthrus luksAddKey $costs --key-file first /dev/vda second"},
			{run: "orthrus open --key-file wrong /dev/vda vault", exit: 2, want: "No key available"},
			{run: "orthrus open --key-file second /dev/vda vault"},
			{run: "orthrus status vault", want: "is active"},
		},
	},
	{
		"Use it", "",
		[]step{
			{run: "mkfs.ext4 -q /dev/mapper/vault"},
			{run: "mount /dev/mapper/vault /mnt"},
			{run: "echo 'written through orthrus' >/mnt/note"},
			{run: "dd if=/dev/urandom of=/mnt/data bs=1M count=8 status=none && sha256sum /mnt/data >data.sum"},
			{run: "orthrus close vault", exit: 5, want: "vault"},
			{run: "umount /mnt"},
			{run: "orthrus close vault"},
		},
	},
	{
		"cryptsetup agrees", "The real cryptsetup reads the header that orthrus wrote, and the file system in it.",
		[]step{
			{run: "cryptsetup --version"},
			{run: "cryptsetup luksDump /dev/vda | grep -E 'Version|Label|cipher:|PBKDF|^  [0-9]+:'", want: "argon2id"},
			{run: "cryptsetup open --key-file first /dev/vda vault"},
			{run: "mount /dev/mapper/vault /mnt"},
			{run: "cat /mnt/note", want: "written through orthrus"},
			{run: "sha256sum -c data.sum", want: "OK"},
			{run: "umount /mnt && cryptsetup close vault"},
		},
	},
	{
		"And back", "A volume made by cryptsetup on a disk with 4096-byte sectors, opened and changed by orthrus, then by a newer cryptsetup.",
		[]step{
			{run: "cryptsetup luksFormat -q $costs --key-file first /dev/vdb"},
			{run: "cryptsetup open --key-file first /dev/vdb vault"},
			{run: "mkfs.ext4 -q /dev/mapper/vault && mount /dev/mapper/vault /mnt"},
			{run: "echo 'written through cryptsetup' >/mnt/note && umount /mnt && cryptsetup close vault"},
			{run: "orthrus luksAddKey $costs --key-file first /dev/vdb second"},
			{run: "orthrus open --key-file second /dev/vdb vault"},
			{run: "orthrus status vault | grep -E 'type|cipher|sector size'", want: "4096"},
			{run: "mount /dev/mapper/vault /mnt && cat /mnt/note", want: "written through cryptsetup"},
			{run: "umount /mnt && orthrus close vault"},
			{run: "/peer/trixie/cryptsetup --version && /peer/trixie/cryptsetup open --test-passphrase -v --key-file second /dev/vdb", want: "unlocked"},
		},
	},
	{
		"Both headers are lost, and come back", "A third copy lies near the disk's end. luksFormat makes it where there is room; every change of a key is made there too.",
		[]step{
			{run: "orthrus luksFormat -q $costs --luks2-keyslots-size 1m --key-file first /dev/vda && orthrus luksAddKey $costs --key-file first /dev/vda second"},
			{run: "orthrus far status /dev/vda", want: "in step"},
			{run: "orthrus open --key-file second /dev/vda vault && mkfs.ext4 -q /dev/mapper/vault && mount /dev/mapper/vault /mnt"},
			{run: "dd if=/dev/urandom of=/mnt/data bs=1M count=8 status=none && sha256sum /mnt/data >data.sum && umount /mnt && orthrus close vault"},
			{
				run:  "dd if=/dev/zero of=/dev/vda bs=1M count=2 status=none && orthrus check /dev/vda | grep lost:",
				want: "repair --from-far brings the header back",
			},
			{run: "orthrus open --key-file second /dev/vda vault", exit: 1, want: "not a valid LUKS device"},
			{run: "orthrus repair -q -v --from-far /dev/vda", want: "repaired"},
			{run: "cryptsetup open --key-file second /dev/vda vault && mount /dev/mapper/vault /mnt"},
			{run: "sha256sum -c data.sum", want: "OK"},
			{run: "umount /mnt && cryptsetup close vault"},
		},
	},
	{
		"A damaged disk is plugged in, and healed",
		"The guard may mend what it can prove. It has seen this disk in order once; then something overwrites the first header.",
		[]step{
			{run: "mkdir -p /etc/orthrus && printf 'repair = proven\ngrow = yes\n' >/etc/orthrus/guard.conf"},
			{run: "a disk is plugged in", host: plug},
			{run: "orthrus luksFormat -q $costs --key-file first /dev/vdc"},
			{run: "orthrus guard --once /dev/vdc", want: "healthy"},
			{
				run:  "dd if=/dev/zero of=/dev/vdc bs=16k count=1 status=none && orthrus check /dev/vdc | grep primary",
				want: "absent",
			},
			{run: "the disk is pulled out", host: unplug},
			{run: "setsid orthrus guard >guard.log 2>&1 &"},
			{run: until("orthrus guard status", "The guard runs"), want: "repair = proven"},
			{run: "the damaged disk is plugged in again", host: plug},
			{run: until("orthrus guard status", "done: "), want: "primary header written"},
			{run: "orthrus check /dev/vdc", want: "healthy"},
			{run: "cryptsetup open --test-passphrase -v --key-file first /dev/vdc", want: "unlocked"},
		},
	},
	{
		"A disk grows, and its mapping follows", "Without a passphrase: open left a key in the kernel that no process can read.",
		[]step{
			{run: "orthrus open --link-for-guard --key-file first /dev/vdc vault && mkfs.ext4 -q /dev/mapper/vault && mount /dev/mapper/vault /mnt"},
			{run: "orthrus status vault | grep size", want: "size"},
			{run: "the disk grows to 128 MiB", host: enlarge},
			{run: until("orthrus status vault", "size: *229376"), want: "229376"},
			{run: until("orthrus guard status", "done: .*enlarged"), want: "vault enlarged"},
			{run: "umount /mnt && orthrus close vault && grep -c cryptsetup: /proc/keys", exit: 1, want: "0"},
		},
	},
	{
		"An image is damaged, found out and repaired",
		"A tree of hashes and parity, as veritysetup makes them. A burst of 12 blocks is lost, and comes back;\n" +
			"the copy gets its name once each block of it is proven.",
		[]step{
			{run: "dd if=/dev/urandom of=system.img bs=1M count=8 status=none"},
			{run: "sha256sum system.img | sed s/system/new/ >image.sum"},
			{
				run:  "orthrus verity format --fec-device system.fec --root-hash-file root system.img system.verity",
				want: "Root hash",
			},
			{run: "dd if=/dev/zero of=system.img bs=4096 seek=500 count=12 conv=notrunc status=none"},
			{
				run: "orthrus verity verify --where --root-hash-file root --fec-device system.fec " +
					"system.img system.verity",
				exit: 2, want: "they can be repaired",
			},
			{
				run: "orthrus verity verify --repair new.img --root-hash-file root --fec-device system.fec " +
					"system.img system.verity",
				want: "The repaired copy is verified",
			},
			{run: "sha256sum -c image.sum && veritysetup verify -v new.img system.verity $(cat root)", want: "OK"},
		},
	},
}
