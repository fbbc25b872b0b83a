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
)

// CryptFlag is one flag: how the kernel and those above it call it, and which dm-crypt knows it. It is the
// one place that lists them.
type CryptFlag struct {
	Flag    CryptFlags
	Name    string   // the kernel's
	Kept    string   // in a volume's header, by which it is persistent; "" where none keeps it
	Option  string   // on a command line
	Table   []string // in a crypttab, the usual word first; empty where that has none
	Since   Version  // of dm-crypt that knows it first
	Linux   string   // the release which that came with
	Purpose string
}

// cryptFlags is in the order of the constants (kernel: drivers/md/dm-crypt.c and its history).
var cryptFlags = []CryptFlag{
	{
		AllowDiscards, "allow_discards", "allow-discards", "allow-discards",
		[]string{"discard", "allow-discards"},
		Version{1, 11, 0},
		"3.1", "pass discards (TRIM) on to the device",
	},
	{
		SameCPUCrypt, "same_cpu_crypt", "same-cpu-crypt", "perf-same_cpu_crypt",
		[]string{"same-cpu-crypt", "perf-same_cpu_crypt"},
		Version{1, 14, 0},
		"4.0", "encrypt on the CPU that asked for it",
	},
	{
		SubmitFromCryptCPUs, "submit_from_crypt_cpus", "submit-from-crypt-cpus", "perf-submit_from_crypt_cpus",
		[]string{"submit-from-crypt-cpus", "perf-submit_from_crypt_cpus"},
		Version{1, 14, 0},
		"4.0", "send writes from the CPUs that encrypted them",
	},
	{
		NoReadWorkqueue, "no_read_workqueue", "no-read-workqueue", "perf-no_read_workqueue",
		[]string{"no-read-workqueue", "perf-no_read_workqueue"},
		Version{1, 22, 0},
		"5.9", "decrypt without dm-crypt's work queue",
	},
	{
		NoWriteWorkqueue, "no_write_workqueue", "no-write-workqueue", "perf-no_write_workqueue",
		[]string{"no-write-workqueue", "perf-no_write_workqueue"},
		Version{1, 22, 0},
		"5.9", "encrypt without dm-crypt's work queue",
	},
	{
		IVLargeSectors, "iv_large_sectors", "", "iv-large-sectors", nil,
		Version{1, 17, 0},
		"4.12", "count IVs in encryption sectors",
	},
	{
		HighPriority, "high_priority", "high_priority", "perf-high_priority",
		[]string{"high-priority", "perf-high_priority"},
		Version{1, 26, 0},
		"6.10", "run dm-crypt's work at high priority",
	},
}

// AllCryptFlags lists every flag in the order of rendering.
func AllCryptFlags() []CryptFlag { return slices.Clone(cryptFlags) }

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
	return slices.DeleteFunc(f.List(), func(c CryptFlag) bool { return crypt.AtLeast(c.Since.Major, c.Since.Minor, c.Since.Patch) })
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
