// SPDX-License-Identifier: Apache-2.0

package cli

import "strings"

// Action is the canonical name of what the program is asked to do.
type Action string

// The actions of cryptsetup.
const (
	Open              Action = "open"
	Refresh           Action = "refresh" // open --refresh, however it was spelled
	Close             Action = "close"
	Resize            Action = "resize"
	Status            Action = "status"
	Benchmark         Action = "benchmark"
	Repair            Action = "repair"
	Reencrypt         Action = "reencrypt"
	Erase             Action = "erase"
	Convert           Action = "convert"
	Config            Action = "config"
	LuksFormat        Action = "luksFormat"
	LuksAddKey        Action = "luksAddKey"
	LuksRemoveKey     Action = "luksRemoveKey"
	LuksChangeKey     Action = "luksChangeKey"
	LuksConvertKey    Action = "luksConvertKey"
	LuksKillSlot      Action = "luksKillSlot"
	LuksUUID          Action = "luksUUID"
	IsLuks            Action = "isLuks"
	LuksDump          Action = "luksDump"
	TcryptDump        Action = "tcryptDump"
	BitlkDump         Action = "bitlkDump"
	FVault2Dump       Action = "fvault2Dump"
	LuksSuspend       Action = "luksSuspend"
	LuksResume        Action = "luksResume"
	LuksHeaderBackup  Action = "luksHeaderBackup"
	LuksHeaderRestore Action = "luksHeaderRestore"
	Token             Action = "token"
)

// The actions that only this program has.
const (
	Boot        Action = "boot"
	Check       Action = "check"
	Rescue      Action = "rescue"
	Guard       Action = "guard"
	Far         Action = "far"
	Grow        Action = "grow"
	Shrink      Action = "shrink"
	Header      Action = "header"
	MkInitramfs Action = "mkinitramfs"
)

// actionSpec describes one action.
type actionSpec struct {
	name    Action
	args    string // as in "open: requires <args> as arguments"
	minArgs int
	help    string
	aliases []alias
	own     bool   // not an action of cryptsetup
	lacks   string // what this program does not do, empty when it does it
}

// alias is another spelling of an action.
type alias struct {
	name    string
	device  string // the --type it stands for, which replaces one that was given
	swapped bool   // name before device, the oldest order of arguments
	refresh bool   // stands for --refresh
}

// actions lists every action; the help text keeps its order.
var actions = [...]actionSpec{
	{
		name: Open, args: "<device> [--type <type>] [<name>]", minArgs: 1,
		help: "unlock a device and map it as <name>",
		aliases: []alias{
			{name: "create", device: typePlain, swapped: true},
			{name: "plainOpen", device: typePlain},
			{name: "luksOpen", device: typeLuks},
			{name: "loopaesOpen", device: typeLoopAES},
			{name: "tcryptOpen", device: typeTcrypt},
			{name: "bitlkOpen", device: typeBitlk},
			{name: "fvault2Open", device: typeFVault2},
			{name: string(Refresh), refresh: true},
		},
	},
	{
		name: Close, args: "<name>", minArgs: 1, help: "remove a mapping and forget its key",
		aliases: []alias{
			{name: "remove", device: typePlain},
			{name: "plainClose", device: typePlain},
			{name: "luksClose", device: typeLuks},
			{name: "loopaesClose", device: typeLoopAES},
			{name: "tcryptClose", device: typeTcrypt},
			{name: "bitlkClose", device: typeBitlk},
			{name: "fvault2Close", device: typeFVault2},
		},
	},
	{name: Resize, args: "<name>", minArgs: 1, help: "fit a mapping to its device, or to the size given"},
	{name: Status, args: "<name>", minArgs: 1, help: "report on a mapping"},
	{name: Benchmark, args: "[--cipher <cipher>]", help: "measure ciphers and key derivation on this machine"},
	{name: Repair, args: "<device>", minArgs: 1, help: "mend LUKS metadata from what is still valid"},
	{name: Reencrypt, args: "<device>", help: "change the volume key of a LUKS2 device", lacks: "reencryption"},
	{
		name: Erase, args: "<device>", minArgs: 1, help: "destroy every keyslot, and with them the access to the data",
		aliases: []alias{{name: "luksErase"}},
	},
	{name: Convert, args: "<device>", minArgs: 1, help: "turn LUKS1 metadata into LUKS2 metadata, or back"},
	{
		name: Config, args: "<device>", minArgs: 1, help: "set the label, the subsystem or a keyslot's priority in LUKS2 metadata",
		aliases: []alias{{name: "luksConfig"}},
	},
	{name: LuksFormat, args: "<device> [<new key file>]", minArgs: 1, help: "make a LUKS volume, overwriting what is there"},
	{name: LuksAddKey, args: "<device> [<new key file>]", minArgs: 1, help: "add a keyslot"},
	{name: LuksRemoveKey, args: "<device> [<key file>]", minArgs: 1, help: "remove the keyslot that the given passphrase or key file opens"},
	{name: LuksChangeKey, args: "<device> [<key file>]", minArgs: 1, help: "replace a passphrase or key file by another"},
	{name: LuksConvertKey, args: "<device> [<key file>]", minArgs: 1, help: "derive a keyslot's key by other parameters"},
	{name: LuksKillSlot, args: "<device> <key slot>", minArgs: 2, help: "destroy the keyslot of that number"},
	{name: LuksUUID, args: "<device>", minArgs: 1, help: "print or set a volume's UUID"},
	{name: IsLuks, args: "<device>", minArgs: 1, help: "tell by the exit code whether this is a LUKS device"},
	{name: LuksDump, args: "<device>", minArgs: 1, help: "show LUKS metadata"},
	{name: TcryptDump, args: "<device>", minArgs: 1, help: "show TCRYPT metadata", lacks: "the TCRYPT format"},
	{name: BitlkDump, args: "<device>", minArgs: 1, help: "show BITLK metadata", lacks: "the BITLK format"},
	{name: FVault2Dump, args: "<device>", minArgs: 1, help: "show FVAULT2 metadata", lacks: "the FVAULT2 format"},
	{name: LuksSuspend, args: "<device>", minArgs: 1, help: "freeze a mapping and take its key out of the kernel"},
	{name: LuksResume, args: "<device>", minArgs: 1, help: "unlock a frozen mapping"},
	{name: LuksHeaderBackup, args: "<device>", minArgs: 1, help: "copy the header and the keyslots into a file"},
	{name: LuksHeaderRestore, args: "<device>", minArgs: 1, help: "write a header and keyslots back from a file"},
	{name: Token, args: "<add|remove|import|export> <device>", minArgs: 2, help: "work on LUKS2 tokens"},
	{name: Boot, args: "[<name>...]", help: "unlock what crypttab and the kernel's command line say, as early as there are disks", own: true},
	{name: Check, args: "<device>...", minArgs: 1, help: "report on headers, keyslots and data area, changing nothing", own: true},
	{name: Guard, args: "[status | history <uuid> | undo <uuid> | export <uuid>]", help: "watch over the headers of all volumes, mending what the configuration allows", own: true},
	{name: Rescue, args: "<device>", minArgs: 1, help: "search for what is left of a lost header, changing nothing", own: true},
	{name: Far, args: "<enable|disable|sync|status> <device>", minArgs: 2, help: "keep a third copy of a LUKS2 header near the device's end", own: true},
	{name: Grow, args: "<device|name>", minArgs: 1, help: "let a volume, and its mapping, follow a device that has grown", own: true},
	{name: Shrink, args: "<device|name>", minArgs: 1, help: "make room at a device's end, which may then be cut to --device-size", own: true},
	{name: Header, args: "<resize> <device>", minArgs: 2, help: "give LUKS2 metadata another size (--luks2-metadata-size), keyslots and data staying", own: true},
	{name: MkInitramfs, help: "make an initial file system that unlocks this machine's root", own: true},
}

// findAction returns the action of that name and the alias used to name it, if any. Spelling
// counts first; only then is case ignored, for scripts that write isLUKS or luksopen.
func findAction(name string) (*actionSpec, alias, bool) {
	exact := func(a, b string) bool { return a == b }
	for _, equal := range []func(a, b string) bool{exact, strings.EqualFold} {
		for i := range actions {
			if equal(string(actions[i].name), name) {
				return &actions[i], alias{}, true
			}
			for _, other := range actions[i].aliases {
				if equal(other.name, name) {
					return &actions[i], other, true
				}
			}
		}
	}
	return nil, alias{}, false
}
