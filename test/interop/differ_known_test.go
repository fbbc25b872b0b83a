// SPDX-License-Identifier: Apache-2.0

package interop

import (
	"slices"
	"strings"
)

// known are the ways in which our outcome is another one on purpose. It is the one list of them.
var known = []struct {
	why   string
	holds func(l line, ours, old, new outcome) bool
}{
	{
		"cryptsetup mends a damaged copy whatever the verb; reports, refused verbs and wrong passphrases leave the device alone here",
		func(l line, ours, old, new outcome) bool {
			return strings.HasSuffix(l.image, "damaged") && ours.code == new.code && ours.header == new.header && !ours.wrote && new.wrote
		},
	},
	{
		"a header backup of the other LUKS version, or of another geometry, is refused",
		func(l line, ours, old, new outcome) bool {
			return l.has("luksHeaderRestore") && ours.code == 1 && !ours.wrote && new.code == 0
		},
	},
	{
		"a restored header counts on: its sequence number is never the one that it was backed up with",
		func(l line, ours, old, new outcome) bool {
			return l.has("luksHeaderRestore") && ours.code == 0 && new.code == 0 && ours.header == new.header && ours.wrote
		},
	},
	{
		"what cannot be done is refused before anything is wiped",
		func(l line, ours, old, new outcome) bool {
			return l.has("luksFormat") && (ours.code == new.code || ours.code == 4 && new.code == 3) && !ours.wrote && new.wrote
		},
	},
	{
		"a keyslots area that does not fit before the data is refused; cryptsetup makes a smaller one than it was told to",
		func(l line, ours, old, new outcome) bool {
			return l.has("luksFormat") && ours.code == 1 && !ours.wrote && strings.Contains(new.said, "LUKS2 keyslots area size changed to ")
		},
	},
	{
		"repair mends a copy though no locks are taken",
		func(l line, ours, old, new outcome) bool {
			return l.has("repair") && l.has("--disable-locks") && ours.code == 0 && new.code == 0 && ours.wrote && ours.header == new.header
		},
	},
	{
		"repair looks at the header that --header names, and not whether the data device is there and long enough",
		func(l line, ours, old, new outcome) bool {
			return l.has("repair") && l.has("--header") && ours.code == 0 && (new.code == 1 || new.code == 4)
		},
	},
	{
		"a token is not added for a keyslot that is not there",
		func(l line, ours, old, new outcome) bool {
			return l.has("token") && ours.code == 1 && new.code == 1 && !ours.wrote && strings.HasPrefix(new.said, "Failed to assign token ")
		},
	},
	{
		"a header that the data would lie over is refused",
		func(l line, ours, old, new outcome) bool {
			return l.has("--header") && ours.code == 1 && !ours.wrote && strings.Contains(ours.said, "would have the data where the header in ")
		},
	},
	{
		"the number of a keyslot that is no number is not taken for 0",
		func(l line, ours, old, new outcome) bool {
			return ours.code == 1 && !ours.wrote && (l.has("x") || l.has("-1")) && new.code != 1
		},
	},
	{
		"a keyslot number beyond the last is refused for unbound keyslots too",
		func(l line, ours, old, new outcome) bool {
			return l.has("luksAddKey") && l.has("--unbound") && ours.code == 1 && !ours.wrote && (l.has("32") || l.has("-1"))
		},
	},
	{
		"of two things that are wrong another one is named: the keyslot's number before the passphrase",
		func(l line, ours, old, new outcome) bool {
			number := strings.Contains(ours.said, " is invalid, please select between ") || strings.Contains(ours.said, " is full, please select another one.")
			return number && ours.code == 1 && new.code == 2 && !ours.wrote
		},
	},
	{
		"a LUKS1 volume with argon2 is refused; cryptsetup says that it is not supported and makes one with pbkdf2",
		func(l line, ours, old, new outcome) bool {
			const says = "Requested PBKDF type is not supported for LUKS1."
			return l.has("luksFormat") && ours.code == 1 && !ours.wrote && strings.Contains(ours.said, says) && strings.Contains(new.said, says)
		},
	},
	{
		"of two things that are wrong another one is named: the device before the options",
		func(l line, ours, old, new outcome) bool {
			return ours.code == 4 && new.code == 1 && !ours.wrote && !new.wrote && (l.has(".") || l.has("none.img"))
		},
	},
	{
		"that the passphrase or key file opens nothing is said before the new one is asked for",
		func(l line, ours, old, new outcome) bool {
			return l.has("luksAddKey") && ours.code == 2 && new.code == 1 && !ours.wrote &&
				strings.Contains(new.said, "Nothing to read on input.")
		},
	},
	{
		"--new-key-slot counts for unbound keyslots, too",
		func(l line, ours, old, new outcome) bool {
			return l.has("luksAddKey") && l.has("--unbound") && l.has("--new-key-slot") && ours.code == 0 && new.code == 0
		},
	},
	{
		"a keyslot that is changed or converted keeps its priority",
		func(l line, ours, old, new outcome) bool {
			plain := func(header string) string { return strings.ReplaceAll(header, `"priority":2,`, "") }
			return (l.has("luksConvertKey") || l.has("luksChangeKey")) && ours.code == 0 && new.code == 0 && plain(ours.header) == plain(new.header)
		},
	},
	{
		"repair mends what is there, whatever --type says",
		func(l line, ours, old, new outcome) bool {
			return l.has("repair") && l.has("--type") && ours.code == 0 && new.code == 1
		},
	},
	{
		"ciphers that cryptsetup leaves to the device-mapper, which this machine lacks, are computed here",
		func(l line, ours, old, new outcome) bool {
			return ours.code == 0 && new.code == 1 && strings.Contains(new.said, "Cannot initialize device-mapper")
		},
	},
}

func (l line) has(word string) bool { return slices.Contains(l.args, word) }

func explanation(l line, ours, old, new outcome) string {
	for _, k := range known {
		if k.holds(l, ours, old, new) {
			return k.why
		}
	}
	return ""
}
