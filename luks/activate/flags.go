// SPDX-License-Identifier: Apache-2.0

package activate

import "github.com/orthrus-luks/orthrus/dm/target"

// Flags are the crypt flags that a header's persistent flags stand for; names that are not known
// here stand for none.
func Flags(names []string) target.CryptFlags { return target.KeptFlags(names) }

// FlagNames is the inverse of Flags; a flag that no header keeps is left out.
func FlagNames(flags target.CryptFlags) []string { return flags.Kept() }
