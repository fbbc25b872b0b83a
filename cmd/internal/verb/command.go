// SPDX-License-Identifier: Apache-2.0

package verb

import (
	"context"
	"strings"

	"github.com/orthrus-luks/orthrus/cmd/internal/cli"
	"github.com/orthrus-luks/orthrus/cmd/internal/ui"
)

// command is one run: what was asked for, and where to answer.
type command struct {
	*cli.Invocation
	ui *ui.UI
	o  *cli.Options

	rehearsals []*rehearsal // what --dry-run keeps from being written
}

func newCommand(inv *cli.Invocation, u *ui.UI) *command {
	u.Batch, u.Verbose, u.Debug = inv.Options.BatchMode, inv.Options.Verbose, inv.Options.Debug
	return &command{Invocation: inv, ui: u, o: &inv.Options}
}

// verb carries out one action. Its error becomes one line on standard error and an exit code: see
// explain.
type verb func(ctx context.Context, c *command) error

var verbs = map[cli.Action]verb{
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
func (c *command) carryOut(ctx context.Context) error {
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

// conclude prints the error and, with -v, how the run ended.
func (c *command) conclude(err error) ui.ExitCode {
	if err == nil {
		c.ui.Conclude(ui.OK)
		return ui.OK
	}
	said := explain(err)
	c.tell(said)
	c.ui.Conclude(said.code)
	return said.code
}

func (c *command) tell(s said) {
	names := strings.NewReplacer("{program}", c.Program, "{device}", c.about())
	for _, line := range s.lines {
		c.ui.Errorf("%s", names.Replace(line))
	}
}

// about is the device of this run as it was named: the header where that lies apart.
func (c *command) about() string {
	switch {
	case c.o.Header.Set:
		return c.o.Header.V
	case len(c.Args) > 0:
		return c.Args[0]
	}
	return "DEVICE"
}
