// SPDX-License-Identifier: Apache-2.0

package all

import (
	"context"
	"os"

	"github.com/orthrus-luks/orthrus/cmd/internal/cli"
	"github.com/orthrus-luks/orthrus/cmd/internal/ui"
	"github.com/orthrus-luks/orthrus/cmd/internal/verb"
	"github.com/orthrus-luks/orthrus/cmd/internal/verb/early"
	"github.com/orthrus-luks/orthrus/cmd/internal/verb/header"
	"github.com/orthrus-luks/orthrus/cmd/internal/verb/keyslot"
	"github.com/orthrus-luks/orthrus/cmd/internal/verb/mapping"
	"github.com/orthrus-luks/orthrus/cmd/internal/verb/measure"
	"github.com/orthrus-luks/orthrus/cmd/internal/verb/mend"
	"github.com/orthrus-luks/orthrus/cmd/internal/verb/size"
	"github.com/orthrus-luks/orthrus/cmd/internal/verb/watch"
	"github.com/orthrus-luks/orthrus/dm/secret"
	"github.com/orthrus-luks/orthrus/luks/kdf"
)

// Run carries out one command line and returns the exit code.
func Run(argv []string, version string) int {
	if early.IsInit(argv) {
		return early.StartMachine(argv[1:])
	}
	inv, code := cli.Start(argv, version, os.Stdout, os.Stderr)
	if inv == nil {
		return code
	}
	ctx, cancel := ui.Interruptible(context.Background())
	defer cancel()
	defer kdf.Wait()
	c := verb.NewCommand(inv, ui.System())
	if err := secret.Harden(); err != nil {
		c.UI.Debugf("%v", err)
	}
	for _, notice := range inv.Notices {
		c.UI.Errorf("%s", notice)
	}
	return int(c.Conclude(carryOut(ctx, c)))
}

// carrier carries out one action. Its error becomes one line on standard error and an exit code: see
// explain.
type carrier func(ctx context.Context, c *verb.Command) error

var verbs = map[cli.Action]carrier{
	cli.LuksFormat:    header.LuksFormat,
	cli.LuksAddKey:    keyslot.LuksAddKey,
	cli.LuksRemoveKey: keyslot.LuksRemoveKey,
	cli.LuksChangeKey: keyslot.LuksChangeKey,
	cli.LuksKillSlot:  keyslot.LuksKillSlot,
	cli.LuksUUID:      header.LuksUUID,
	cli.IsLuks:        header.IsLuks,
	cli.LuksDump:      header.LuksDump,
	cli.Open:          mapping.OpenVolume,
	cli.Close:         mapping.CloseVolume,
	cli.Status:        mapping.Status,
	cli.Benchmark:     measure.Benchmark,
	cli.Erase:         keyslot.Erase,
	cli.Config:        header.Config,
	cli.Repair:        mend.Repair,
	cli.Boot:          early.BootVolumes,
	cli.Check:         mend.Check,
	cli.Rescue:        mend.Rescue,
	cli.Guard:         watch.GuardVerb,
	cli.MkInitramfs:   early.Mkinitramfs,
	cli.Resize:        mapping.Resize,
	cli.Refresh:       mapping.Refresh,
	cli.Token:         keyslot.Token,
	cli.Convert:       header.Convert,
	cli.Far:           size.FarHeader,
	cli.Grow:          size.Grow,
	cli.Shrink:        size.Shrink,
	cli.Header:        size.HeaderResize,

	cli.LuksConvertKey:    keyslot.LuksConvertKey,
	cli.LuksSuspend:       mapping.LuksSuspend,
	cli.LuksResume:        mapping.LuksResume,
	cli.LuksHeaderBackup:  header.LuksHeaderBackup,
	cli.LuksHeaderRestore: header.LuksHeaderRestore,
}

// carryOut runs the verb of the invocation.
func carryOut(ctx context.Context, c *verb.Command) error {
	does, known := verbs[c.Action]
	if !known {
		return verb.Failure(ui.Failed, "%s: %s is not supported; nothing was changed.", c.Program, c.Action)
	}
	err := does(ctx, c)
	if err == nil {
		c.TellRehearsals(ctx)
	}
	return err
}
