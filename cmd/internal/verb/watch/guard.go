// SPDX-License-Identifier: Apache-2.0

package watch

import (
	"context"
	"os"
	"os/signal"
	"runtime/debug"

	"github.com/orthrus-luks/orthrus/cmd/internal/guard"
	"github.com/orthrus-luks/orthrus/cmd/internal/guard/policy"
	"github.com/orthrus-luks/orthrus/cmd/internal/verb"
	"github.com/orthrus-luks/orthrus/cmd/internal/verb/guarded"
	"github.com/orthrus-luks/orthrus/dm/block"
	"golang.org/x/sys/unix"
)

// guardMemory keeps the daemon small: the heap is collected before it comes near this, bytes.
const guardMemory = 24 << 20

// GuardVerb runs the guard, or asks one.
func GuardVerb(ctx context.Context, c *verb.Command) error {
	switch {
	case c.Opt.CheckConfig:
		return checkGuardConfig(c)
	case len(c.Args) == 0 && c.Opt.Once.Set:
		return guardOnce(ctx, c)
	case len(c.Args) == 0:
		return guardDaemon(ctx, c)
	case c.Args[0] == "history":
		return guardHistory(c, c.Args[1])
	case c.Args[0] == "export":
		return guardExport(ctx, c, c.Args[1])
	case c.Args[0] == "undo":
		return guardUndo(ctx, c, c.Args[1])
	}
	return guardStatus(c)
}

func checkGuardConfig(c *verb.Command) error {
	config, err := guarded.ReadGuardConfig(c)
	if err != nil {
		return err
	}
	c.UI.Printf("The configuration is in order: repair = %s, %d sections.", config.Default.Repair, len(config.Rules))
	return nil
}

func guardDaemon(ctx context.Context, c *verb.Command) error {
	config, err := guarded.ReadGuardConfig(c)
	if err != nil {
		return err
	}
	debug.SetMemoryLimit(guardMemory)
	debug.SetGCPercent(200)
	hangup := make(chan os.Signal, 1)
	signal.Notify(hangup, unix.SIGHUP)
	defer signal.Stop(hangup)
	d := &guard.Daemon{
		Guard:  guard.New(guard.Options{Log: guard.Logger(config, c.UI.Err), Store: guarded.GuardStore(), Config: config}),
		Socket: guarded.GuardSocket(), Reload: hangup, Read: func() (policy.Config, error) { return guarded.ReadGuardConfig(c) }, Metrics: c.Opt.Metrics.V,
	}
	return d.Run(ctx)
}

// guardOnce looks at one device as the daemon would.
func guardOnce(ctx context.Context, c *verb.Command) error {
	config, err := guarded.ReadGuardConfig(c)
	if err != nil {
		return err
	}
	path, err := block.Resolve(c.Opt.Once.V)
	if err != nil {
		return verb.DeviceError(c.Opt.Once.V, err)
	}
	id, err := guarded.GuardID(path)
	if err != nil {
		return verb.DeviceError(path, err)
	}
	g := guard.New(guard.Options{Log: guard.Logger(config, c.UI.Err), Store: guarded.GuardStore(), Config: config, DryRun: c.Opt.DryRun})
	v := g.LookThrough(ctx, id)
	g.Flush()
	if v == nil {
		c.UI.Verbosef("%s holds no LUKS volume, or is not to be looked at.", path)
		return ctx.Err()
	}
	if c.Opt.JSON {
		err = c.PrintJSON(v)
	} else {
		printVolume(c, *v)
	}
	switch {
	case err != nil:
		return err
	case v.Verdict == "lost":
		return verb.Silent(verb.Lost)
	case v.Verdict != "healthy":
		return verb.Silent(verb.Healable)
	}
	return nil
}
