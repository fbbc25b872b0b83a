// SPDX-License-Identifier: Apache-2.0

package target

import (
	"slices"
	"strings"
)

// CryptFlags are the options of a crypt line that take no value.
type CryptFlags uint

// The flags, in the order they are rendered in.
const (
	AllowDiscards CryptFlags = 1 << iota
	SameCPUCrypt
	SubmitFromCryptCPUs
	NoReadWorkqueue
	NoWriteWorkqueue
	IVLargeSectors // count IVs in encryption sectors; LUKS never sets it
	HighPriority
	afterCryptFlags // not one of them
)

// CryptFlag is one flag: how the kernel and those above it call it, and which dm-crypt knows it. It is the
// one place that lists them: command line, crypttab, header and reports take theirs from here.
type CryptFlag struct {
	Flag    CryptFlags
	Name    string   // the kernel's
	Kept    string   // in a volume's header, by which it is persistent; "" where none keeps it
	Option  string   // on a command line; one that begins with "perf-" is taken by every action
	Status  string   // in the report on a mapping, "" where that leaves it out
	Table   []string // in a crypttab, the usual word first; empty where that has none
	Since   Version  // of dm-crypt that knows it first
	Linux   string   // the release which that came with
	Purpose string   // what it is good for, as help and pages have it
}

// cryptFlags is in the order of the constants (kernel: drivers/md/dm-crypt.c and its history).
var cryptFlags = []CryptFlag{
	{
		Flag: AllowDiscards, Name: "allow_discards", Kept: "allow-discards",
		Option: "allow-discards", Status: "discards", Table: []string{"discard", "allow-discards"},
		Since: Version{1, 11, 0}, Linux: "3.1",
		Purpose: "pass discards (TRIM) on to the device",
	},
	{
		Flag: SameCPUCrypt, Name: "same_cpu_crypt", Kept: "same-cpu-crypt",
		Option: "perf-same_cpu_crypt", Status: "same_cpu_crypt",
		Table: []string{"same-cpu-crypt", "perf-same_cpu_crypt"},
		Since: Version{1, 14, 0}, Linux: "4.0",
		Purpose: "encrypt on the CPU that asked for it",
	},
	{
		Flag: SubmitFromCryptCPUs, Name: "submit_from_crypt_cpus", Kept: "submit-from-crypt-cpus",
		Option: "perf-submit_from_crypt_cpus", Status: "submit_from_crypt_cpus",
		Table: []string{"submit-from-crypt-cpus", "perf-submit_from_crypt_cpus"},
		Since: Version{1, 14, 0}, Linux: "4.0",
		Purpose: "send writes from the CPUs that encrypted them",
	},
	{
		Flag: NoReadWorkqueue, Name: "no_read_workqueue", Kept: "no-read-workqueue",
		Option: "perf-no_read_workqueue", Status: "no_read_workqueue",
		Table: []string{"no-read-workqueue", "perf-no_read_workqueue"},
		Since: Version{1, 22, 0}, Linux: "5.9",
		Purpose: "decrypt without dm-crypt's work queue",
	},
	{
		Flag: NoWriteWorkqueue, Name: "no_write_workqueue", Kept: "no-write-workqueue",
		Option: "perf-no_write_workqueue", Status: "no_write_workqueue",
		Table: []string{"no-write-workqueue", "perf-no_write_workqueue"},
		Since: Version{1, 22, 0}, Linux: "5.9",
		Purpose: "encrypt without dm-crypt's work queue",
	},
	{
		Flag: IVLargeSectors, Name: "iv_large_sectors", Option: "iv-large-sectors",
		Since: Version{1, 17, 0}, Linux: "4.12",
		Purpose: "count IVs in encryption sectors, not in 512 bytes",
	},
	{
		Flag: HighPriority, Name: "high_priority", Kept: "high_priority",
		Option: "perf-high_priority", Status: "high_priority",
		Table: []string{"high-priority", "perf-high_priority"},
		Since: Version{1, 26, 0}, Linux: "6.10",
		Purpose: "run dm-crypt's work at high priority",
	},
}

// AllCryptFlags lists every flag in the order of rendering.
func AllCryptFlags() []CryptFlag { return slices.Clone(cryptFlags) }

// EveryCryptFlag is the set of all flags.
func EveryCryptFlag() CryptFlags { return afterCryptFlags - 1 }

// List takes the flags apart.
func (f CryptFlags) List() []CryptFlag {
	return slices.DeleteFunc(AllCryptFlags(), func(c CryptFlag) bool { return f&c.Flag == 0 })
}

// String renders the flags as the kernel names them, separated by blanks.
func (f CryptFlags) String() string {
	var names []string
	for _, c := range f.List() {
		names = append(names, c.Name)
	}
	return strings.Join(names, " ")
}

// Unknown lists the flags that a dm-crypt of a version does not know yet.
func (f CryptFlags) Unknown(crypt Version) []CryptFlag {
	return slices.DeleteFunc(f.List(), func(c CryptFlag) bool {
		return crypt.AtLeast(c.Since.Major, c.Since.Minor,
			c.Since.Patch)
	})
}

// KeptFlags are the flags that names in a header stand for; other names stand for none.
func KeptFlags(names []string) (flags CryptFlags) {
	for _, c := range cryptFlags {
		if c.Kept != "" && slices.Contains(names, c.Kept) {
			flags |= c.Flag
		}
	}
	return flags
}

// Kept is the inverse of KeptFlags; a flag that no header keeps is left out.
func (f CryptFlags) Kept() (names []string) {
	for _, c := range f.List() {
		if c.Kept != "" {
			names = append(names, c.Kept)
		}
	}
	return names
}
