// SPDX-License-Identifier: Apache-2.0

package verb

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/signal"
	"path/filepath"
	"runtime/debug"

	"github.com/orthrus-luks/orthrus/cmd/internal/guard"
	"github.com/orthrus-luks/orthrus/cmd/internal/guard/policy"
	"github.com/orthrus-luks/orthrus/cmd/internal/guard/store"
	"github.com/orthrus-luks/orthrus/cmd/internal/ui"
	"github.com/orthrus-luks/orthrus/cmd/internal/undo"
	"github.com/orthrus-luks/orthrus/dm/block"
	"golang.org/x/sys/unix"
)

// guardMemory keeps the daemon small: the heap is collected before it comes near this, bytes.
const guardMemory = 24 << 20

// guardVerb runs the guard, or asks one.
func guardVerb(ctx context.Context, c *command) error {
	switch {
	case c.o.CheckConfig:
		return c.checkGuardConfig()
	case len(c.Args) == 0 && c.o.Once.Set:
		return c.guardOnce(ctx)
	case len(c.Args) == 0:
		return c.guardDaemon(ctx)
	case c.Args[0] == "history":
		return c.guardHistory(c.Args[1])
	case c.Args[0] == "export":
		return c.guardExport(ctx, c.Args[1])
	case c.Args[0] == "undo":
		return c.guardUndo(ctx, c.Args[1])
	}
	return c.guardStatus()
}

// runDirectory is for what is gone with the next boot.
func runDirectory() string {
	if dir := os.Getenv("ORTHRUS_RUN_DIR"); dir != "" {
		return dir
	}
	return "/run/orthrus"
}

func guardStore() store.Store {
	return store.Store{State: undo.StateDirectory(), Volatile: runDirectory()}
}

func guardSocket() string { return filepath.Join(runDirectory(), filepath.Base(guard.DefaultSocket)) }

// readGuardConfig reads the configuration; without a file the defaults hold, unless one was named.
func (c *command) readGuardConfig() (policy.Config, error) {
	path := c.o.ConfigFile.Or(policy.DefaultPath)
	text, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) && !c.o.ConfigFile.Set {
		return policy.Default(), nil
	}
	if err != nil {
		return policy.Config{}, err
	}
	config, err := policy.Parse(text)
	if err != nil {
		return config, &notice{text: fmt.Sprintf("%s: %s.", path, oneLine(err)), code: ui.Failed, err: err}
	}
	return config, nil
}

func (c *command) checkGuardConfig() error {
	config, err := c.readGuardConfig()
	if err != nil {
		return err
	}
	c.ui.Printf("The configuration is in order: repair = %s, %d sections.", config.Default.Repair, len(config.Rules))
	return nil
}

func (c *command) guardDaemon(ctx context.Context) error {
	config, err := c.readGuardConfig()
	if err != nil {
		return err
	}
	debug.SetMemoryLimit(guardMemory)
	debug.SetGCPercent(200)
	hangup := make(chan os.Signal, 1)
	signal.Notify(hangup, unix.SIGHUP)
	defer signal.Stop(hangup)
	d := &guard.Daemon{
		Guard:  guard.New(guard.Options{Log: guard.Logger(config, c.ui.Err), Store: guardStore(), Config: config}),
		Socket: guardSocket(), Reload: hangup, Read: func() (policy.Config, error) { return c.readGuardConfig() }, Metrics: c.o.Metrics.V,
	}
	return d.Run(ctx)
}

// guardOnce looks at one device as the daemon would.
func (c *command) guardOnce(ctx context.Context) error {
	config, err := c.readGuardConfig()
	if err != nil {
		return err
	}
	path, err := block.Resolve(c.o.Once.V)
	if err != nil {
		return deviceError(c.o.Once.V, err)
	}
	id, err := guardID(path)
	if err != nil {
		return deviceError(path, err)
	}
	g := guard.New(guard.Options{Log: guard.Logger(config, c.ui.Err), Store: guardStore(), Config: config, DryRun: c.o.DryRun})
	v := g.LookThrough(ctx, id)
	g.Flush()
	if v == nil {
		c.ui.Verbosef("%s holds no LUKS volume, or is not to be looked at.", path)
		return ctx.Err()
	}
	if c.o.JSON {
		err = c.printJSON(v)
	} else {
		c.printVolume(*v)
	}
	switch {
	case err != nil:
		return err
	case v.Verdict == "lost":
		return silent(lost)
	case v.Verdict != "healthy":
		return silent(healable)
	}
	return nil
}

// guardID is how the guard calls a device: by its number, or an image by its absolute path.
func guardID(path string) (string, error) {
	dev, err := block.Open(path, 0)
	if err != nil {
		return "", err
	}
	defer dev.Close()
	if dev.IsBlock() {
		return fmt.Sprintf("%d:%d", dev.Major(), dev.Minor()), nil
	}
	return filepath.Abs(path)
}

// forgetHeads destroys what the guard keeps of a volume, after something that opened it was revoked.
func (c *command) forgetHeads(uuid string) error {
	err := guardStore().Purge(uuid)
	if err == nil {
		return nil
	}
	return &notice{
		text: fmt.Sprintf("The keyslot is gone, but what the guard keeps of the volume below %s cannot be destroyed: %v.", undo.StateDirectory(), err),
		code: ui.Failed, err: err,
	}
}
