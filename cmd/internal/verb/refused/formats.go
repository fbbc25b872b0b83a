// SPDX-License-Identifier: Apache-2.0

package refused

import (
	"github.com/orthrus-luks/orthrus/cmd/internal/cli"
	"github.com/orthrus-luks/orthrus/cmd/internal/verb"
)

// FVault2Dump declares the verb.
func FVault2Dump() verb.Verb {
	return verb.Verb{
		Verb: cli.Verb{
			Name: "fvault2Dump", Group: cli.GroupRefused, Args: "<device>", MinArgs: 1,
			Summary: "show FVAULT2 metadata",
			Lacks:   "the FVAULT2 format",
		},
	}
}
