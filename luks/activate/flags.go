// SPDX-License-Identifier: Apache-2.0

package activate

import (
	"slices"

	"github.com/orthrus-luks/orthrus/dm/target"
	"github.com/orthrus-luks/orthrus/luks/luks2"
)

// persistentFlags are the names that a header keeps crypt flags under.
var persistentFlags = []struct {
	name string
	flag target.CryptFlags
}{
	{luks2.FlagAllowDiscards, target.AllowDiscards},
	{luks2.FlagSameCPUCrypt, target.SameCPUCrypt},
	{luks2.FlagSubmitFromCryptCPU, target.SubmitFromCryptCPUs},
	{luks2.FlagNoReadWorkqueue, target.NoReadWorkqueue},
	{luks2.FlagNoWriteWorkqueue, target.NoWriteWorkqueue},
	{luks2.FlagHighPriority, target.HighPriority},
}

// Flags are the crypt flags that a header's persistent flags stand for; names that are not known
// here stand for none.
func Flags(names []string) target.CryptFlags {
	var flags target.CryptFlags
	for _, p := range persistentFlags {
		if slices.Contains(names, p.name) {
			flags |= p.flag
		}
	}
	return flags
}

// FlagNames is the inverse of Flags; a flag that no header keeps is left out.
func FlagNames(flags target.CryptFlags) []string {
	var names []string
	for _, p := range persistentFlags {
		if flags&p.flag != 0 {
			names = append(names, p.name)
		}
	}
	return names
}
