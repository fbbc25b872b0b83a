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
	return int(c.conclude(carryOut(ctx, c)))
}

// carrier carries out one action. Its error becomes one line on standard error and an exit code: see
// explain.
type carrier func(ctx context.Context, c *command) error

var verbs = map[cli.Action]carrier{
	cli.LuksFormat:    luksFormat,
	cli.LuksAddKey:    luksAddKey,
	cli.LuksRemoveKey: luksRemoveKey,
	cli.LuksChangeKey: luksChangeKey,
	cli.LuksKillSlot:  luksKillSlot,
	cli.LuksUUID:      luksUUID,
	cli.IsLuks:        isLuks,
	cli.LuksDump:      luksDump,
	cli.Open:          openVolume,
	cli.Close:         closeVolume,
	cli.Status:        status,
	cli.Benchmark:     benchmark,
	cli.Erase:         erase,
	cli.Config:        config,
	cli.Repair:        repair,
	cli.Boot:          bootVolumes,
	cli.Check:         check,
	cli.Rescue:        rescue,
	cli.Guard:         guardVerb,
	cli.MkInitramfs:   mkinitramfs,
	cli.Resize:        resize,
	cli.Refresh:       refresh,
	cli.Token:         token,
	cli.Convert:       convert,
	cli.Far:           farHeader,
	cli.Grow:          grow,
	cli.Shrink:        shrink,
	cli.Header:        headerResize,

	cli.LuksConvertKey:    luksConvertKey,
	cli.LuksSuspend:       luksSuspend,
	cli.LuksResume:        luksResume,
	cli.LuksHeaderBackup:  luksHeaderBackup,
	cli.LuksHeaderRestore: luksHeaderRestore,
}

// carryOut runs the verb of the invocation.
func carryOut(ctx context.Context, c *command) error {
	does, known := verbs[c.Action]
	if !known {
		return failure(ui.Failed, "%s: %s is not supported; nothing was changed.", c.Program, c.Action)
	}
	err := does(ctx, c)
	if err == nil {
		c.tellRehearsals(ctx)
	}
	return err
}
