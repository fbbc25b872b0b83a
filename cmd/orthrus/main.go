// SPDX-License-Identifier: Apache-2.0

// Command orthrus makes, unlocks and looks after LUKS volumes. Called by the name cryptsetup it
// behaves as cryptsetup does.
package main

import (
	"os"

	"github.com/orthrus-luks/orthrus/cmd/internal/verb/all"
)

// version is set by the linker.
var version = "0.0.0-dev"

func main() { os.Exit(all.Run(os.Args, version)) }
