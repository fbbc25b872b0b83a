// SPDX-License-Identifier: Apache-2.0

package transcript

import (
	"os"
	"slices"
	"strings"
)

// known are the differences that are meant: a part of the command, and the reason.
var known = []struct{ command, why string }{
	{"nonsense-xts-plain64", "the cipher is refused before the device-mapper is asked for it"},
	{
		"luksDump --dump-json-metadata",
		"2.8.6 puts a keyslot that it changes behind the others; here it stays in its place",
	},
	{"/dev/loop0 vol2", "says who holds the device"},
	{"close vol", "a close that fails says who holds the device, not what the kernel said 25 times"},
	{"luksUUID k1", "says on standard error what is wrong, where 2.8.6 says nothing"},
	{"repair -q z.img", "says where it keeps what it overwrites, and what else claims the device"},
	{"luksKillSlot a.img x", "a keyslot that is no number is refused; 2.8.6 takes it for keyslot 0"},
	{"--help", "help texts are our own words; what scripts look for in them is tested apart"},
	{"--usage", "lists our own options as well"},
}

// noMapper are differences on a machine without device-mapper, which the recordings were made with.
var noMapper = []string{"close nonexistent", "status nonexistent"}

func explained(command string) string {
	if _, err := os.Stat("/sys/class/misc/device-mapper"); err != nil &&
		slices.ContainsFunc(noMapper, func(c string) bool { return strings.Contains(command, c) }) {
		return "this machine has no device-mapper"
	}
	for _, k := range known {
		if strings.Contains(command, k.command) {
			return k.why
		}
	}
	return ""
}

// mayExit tells of a known difference in the exit code.
func mayExit(command string) bool {
	return strings.HasPrefix(command, "cryptsetup luksKillSlot a.img x") || strings.HasSuffix(command, " nonexistent")
}

// effects are differences in what commands do, which the later ones must not see.
var effects = []string{
	"luksConvertKey and luksChangeKey keep the keyslot's priority, which 2.8.6 loses",
	"luksAddKey --unbound takes --new-key-slot at its word, which 2.8.6 ignores: given without it here",
}

// edited is a command without what would have another effect.
func edited(command string) string {
	if strings.Contains(command, "--unbound") {
		return strings.Replace(command, " --new-key-slot 9", "", 1)
	}
	return command
}
