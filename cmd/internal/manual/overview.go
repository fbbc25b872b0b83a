// SPDX-License-Identifier: Apache-2.0

package manual

import (
	"github.com/orthrus-luks/orthrus/cmd/internal/cli"
)

var overviewAbout = []string{
	"Orthrus works on LUKS1 and LUKS2 volumes and on plain dm-crypt mappings. It is one static program without " +
		"libraries; called by the name cryptsetup it takes cryptsetup's command lines and answers as cryptsetup 2.8 " +
		"does, by text and by exit code.",
	"A device is a block device, a regular file, or UUID=, LABEL=, PARTUUID=, PARTLABEL= or ID= with a value. A " +
		"name is that of a mapping, as under /dev/mapper.",
}

// item is a term and what is said of it.
type item struct{ term, text string }

type overviewSection struct {
	name  string
	text  []string
	items []item
}

var overviewSections = []overviewSection{
	{
		name: "PASSPHRASES AND KEYS",
		text: []string{
			"Without --key-file, and with a terminal on standard input, the passphrase is asked for on the " +
				"controlling terminal. Without a terminal one line of standard input is the passphrase, and what " +
				"follows it stays there for the next one that is wanted.",
			"A key file is taken as it is, newlines included, up to 8 MiB; --keyfile-offset and --keyfile-size " +
				"choose a part of it. The name - is standard input to its end, or to --keyfile-size bytes: with " +
				"that option two secrets can come on one stream, the old one first.",
			"Questions before something is destroyed are asked where standard input is a terminal and -q was not " +
				"given, and only YES answers them. Elsewhere the answer is yes.",
			"Tokens of type luks2-keyring name a passphrase in the kernel's keyring. They are tried before anybody " +
				"is asked when a mapping is made, resized or resumed; for luksAddKey and luksDump where a --token " +
				"option says so; never to choose what is removed.",
		},
	},
	{
		name: "COST OF UNLOCKING",
		text: []string{
			"A header says itself how costly its key derivation is. Costs that would keep a fast machine busy for " +
				"hours are refused, since whoever can write to the device can ask for them; --allow-high-cost " +
				"derives all the same.",
		},
	},
	{
		name: "REPORTS FOR PROGRAMS",
		text: []string{
			"With --json the reporting actions print one JSON object on standard output instead of text, and say " +
				"what went wrong on standard error as ever. Fields are added over time and never change their " +
				"meaning. Sizes and offsets are bytes. The pages of isLuks, luksUUID, luksDump, status, " +
				"benchmark and check list the fields.",
		},
	},
	{
		name: "FILES",
		items: []item{
			{"/etc/crypttab", "The volumes that are unlocked at boot."},
			{
				"/etc/cryptsetup-keys.d/NAME.key, /run/cryptsetup-keys.d/NAME.key",
				"Their key files, where crypttab names none.",
			},
			{"/etc/fstab", "What an initial file system of mkinitramfs mounts as the root."},
			{"/etc/orthrus/guard.conf", "What the guard may mend: see orthrus-guard.conf(5)."},
			{"/etc/orthrus/initramfs.conf", "What the hook of initramfs-tools brings into an image."},
			{"/var/lib/orthrus", "What repairs have overwritten, and what the guard keeps."},
			{
				"~/.local/state/orthrus",
				"What repairs of other users than root have overwritten; below XDG_STATE_HOME where that is set.",
			},
			{"/run/orthrus/guard.sock", "Where a running guard answers."},
			{"/run/orthrus/ask", "Where a boot that waits for a passphrase takes it."},
			{"/run/systemd/ask-password", "The same for the agents of systemd."},
			{"/run/cryptsetup", "Locks around metadata, shared with cryptsetup."},
			{"/dev/mapper", "Mappings."},
			{"/usr/share/orthrus", "A guard.conf to begin with, and the guard's service for each init system."},
		},
	},
}

var overviewExamples = []cli.Example{
	{What: "Make a volume in a file, and look at it; no root is needed:", Line: "truncate -s 64M vault.img\n" +
		"orthrus luksFormat vault.img\northrus check vault.img"},
	{What: "Map it, use it, and close it:", Line: "orthrus open vault.img vault\nmkfs.ext4 /dev/mapper/vault\n" +
		"orthrus close vault"},
	{What: "Say what is wrong with a volume that does not open, and what to do:", Line: "orthrus fix /dev/sdX"},
}
