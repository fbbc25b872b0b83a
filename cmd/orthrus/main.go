// SPDX-License-Identifier: Apache-2.0

// Command orthrus makes, unlocks and looks after LUKS volumes. Called by the name cryptsetup it
// behaves as cryptsetup does.
package main

import (
	"cmp"
	"os"

	"github.com/orthrus-luks/orthrus/cmd/internal/verb/all"
)

// version and revision are set by the linker: see scripts/version.
var version, revision string

func main() { os.Exit(all.Run(os.Args, built(version, revision))) }

// built is the version as people are told it, with the commit where that is known.
func built(version, commit string) string {
	text := cmp.Or(version, "0.0.0-dev")
	if commit != "" {
		text += ", commit " + commit
	}
	return text
}
