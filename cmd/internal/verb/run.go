// SPDX-License-Identifier: Apache-2.0

package verb

import (
	"context"
	"os"

	"github.com/orthrus-luks/orthrus/cmd/internal/cli"
	"github.com/orthrus-luks/orthrus/cmd/internal/ui"
	"github.com/orthrus-luks/orthrus/dm/secret"
	"github.com/orthrus-luks/orthrus/luks/kdf"
)

// Run carries out one command line and returns the exit code.
func Run(argv []string, version string) int {
	if isInit(argv) {
		return startMachine(argv[1:])
	}
	inv, code := cli.Start(argv, version, os.Stdout, os.Stderr)
	if inv == nil {
		return code
	}
	ctx, cancel := ui.Interruptible(context.Background())
	defer cancel()
	defer kdf.Wait()
	c := newCommand(inv, ui.System())
	if err := secret.Harden(); err != nil {
		c.ui.Debugf("%v", err)
	}
	for _, notice := range inv.Notices {
		c.ui.Errorf("%s", notice)
	}
	return int(c.conclude(c.carryOut(ctx)))
}
