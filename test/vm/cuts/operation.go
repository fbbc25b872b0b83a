// SPDX-License-Identifier: Apache-2.0

package cuts

import "strings"

// Room is what the operations may write to: heads and keyslots area, bytes.
const Room = 2 << 20

// Operation is one change of a header. In its command lines {dev} is the device, {key:X} a file with the
// passphrase X and {file:X} another file of that name.
type Operation struct {
	Name string
	// Before makes the volume to begin with.
	Before []string
	Run    string
	// Holds are lists of passphrases of which one must open, whatever happens.
	Holds [][]string
	// Opens are those that must open, each, once the operation has succeeded.
	Opens []string
}

const (
	cost   = " --pbkdf pbkdf2 --pbkdf-force-iterations 1000 "
	cost1  = " --pbkdf-force-iterations 1000 "
	make2  = "orthrus luksFormat -q --no-far-header" + cost + "--luks2-keyslots-size 1m --key-file {key:one} {dev}"
	add2   = "orthrus luksAddKey -q" + cost + "--key-file {key:one} {dev} {key:two}"
	make1  = "orthrus luksFormat -q --type luks1" + cost1 + "--key-file {key:one} {dev}"
	add1   = "orthrus luksAddKey -q" + cost1 + "--key-file {key:one} {dev} {key:two}"
	keep   = "orthrus luksHeaderBackup --header-backup-file {file:backup} {dev}"
	change = "orthrus luksChangeKey -q" + cost + "--key-file {key:two} {dev} {key:three}"
)

var (
	volume2 = []string{make2, add2}
	volume1 = []string{make1, add1}
	both    = [][]string{{"one"}, {"two"}}
	changed = [][]string{{"one"}, {"two", "three"}}
)

// Operations are all of them; the second and third are those that could lose a key with the fewest steps.
func Operations() []Operation {
	return []Operation{
		{
			"add a key", volume2, "orthrus luksAddKey -q" + cost + "--key-file {key:one} {dev} {key:three}", both,
			[]string{"three"},
		},
		{"change a key", volume2, change, changed, []string{"three"}},
		{"kill a keyslot", volume2, "orthrus luksKillSlot -q --key-file {key:one} {dev} 1", [][]string{{"one"}}, nil},
		{"change the label", volume2, "orthrus config --label new {dev}", both, nil},
		{"prefer a keyslot", volume2, "orthrus config --priority prefer --key-slot 1 {dev}", both, nil},
		{
			"change the uuid", volume2, "orthrus luksUUID -q --uuid 22222222-2222-4333-8444-555555555555 {dev}", both,
			nil,
		},
		{"add a token", volume2, "orthrus token add --key-description d {dev}", both, nil},
		{"format", volume2, "orthrus luksFormat -q --no-far-header" + cost +
			"--luks2-keyslots-size 1m --key-file {key:three} {dev}", nil, []string{"three"}},
		{
			"restore a header", append(volume2[:2:2], keep, change),
			"orthrus luksHeaderRestore -q --header-backup-file {file:backup} {dev}", changed,
			[]string{"one", "two"},
		},
		{
			"repair", append(volume2[:2:2], "dd if=/dev/zero of={dev} bs=4096 count=1 conv=notrunc oflag=direct"),
			"orthrus repair -q --undo {file:undo} {dev}", both,
			[]string{"one", "two"},
		},
		{
			"add a key to LUKS1", volume1, "orthrus luksAddKey -q" + cost1 + "--key-file {key:one} {dev} {key:three}",
			both,
			[]string{"three"},
		},
		{"change a key of LUKS1", volume1, change, changed, []string{"three"}},
		{
			"kill a keyslot of LUKS1", volume1, "orthrus luksKillSlot -q --key-file {key:one} {dev} 1",
			[][]string{{"one"}},
			nil,
		},
		{
			"restore a LUKS1 header", append(volume1[:2:2], keep, change),
			"orthrus luksHeaderRestore -q --header-backup-file {file:backup} {dev}", changed,
			[]string{"one", "two"},
		},
		{"convert to LUKS2", volume1, "orthrus convert -q --type luks2 {dev}", both, []string{"one", "two"}},
		{
			"convert to LUKS1", append(volume1[:2:2], "orthrus convert -q --type luks2 {dev}"),
			"orthrus convert -q --type luks1 {dev}", both,
			[]string{"one", "two"},
		},
	}
}

// Fill returns the words of a command line with device and files in their places; path gives the path of
// a file: of the key file of a passphrase, or of another one.
func Fill(line, dev string, path func(name string, key bool) string) []string {
	args := strings.Fields(line)
	for i, arg := range args {
		name := strings.TrimSuffix(arg[strings.Index(arg, ":")+1:], "}")
		switch {
		case strings.HasPrefix(arg, "{key:"):
			args[i] = path(name, true)
		case strings.HasPrefix(arg, "{file:"):
			args[i] = path(name, false)
		default:
			args[i] = strings.ReplaceAll(arg, "{dev}", dev)
		}
	}
	return args
}
