// SPDX-License-Identifier: Apache-2.0

package verb

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"strings"

	"github.com/orthrus-luks/orthrus/cmd/internal/cli"
	"github.com/orthrus-luks/orthrus/cmd/internal/ui"
	"github.com/orthrus-luks/orthrus/luks"
)

// Command is one run: what was asked for, and where to answer.
type Command struct {
	*cli.Invocation
	UI  *ui.UI
	Opt *cli.Options

	Rehearsals []func(ctx context.Context) // tell what --dry-run kept from being written
}

// NewCommand makes the context of a run.
func NewCommand(inv *cli.Invocation, u *ui.UI) *Command {
	u.Batch, u.Verbose, u.Debug = inv.Options.BatchMode, inv.Options.Verbose, inv.Options.Debug
	u.Own = !inv.StandsIn()
	u.Speaks = u.Own && !u.Batch && !inv.Options.DryRun && !inv.Options.JSON
	return &Command{Invocation: inv, UI: u, Opt: &inv.Options}
}

// Conclude prints the error and, with -v, how the run ended.
func (c *Command) Conclude(ctx context.Context, err error) ui.ExitCode {
	if err == nil {
		c.UI.Conclude(ui.OK)
		return ui.OK
	}
	said := c.Told(ctx, err)
	c.Tell(said)
	c.UI.Conclude(said.Code)
	return said.Code
}

// NotDelivered is the line on a report or answer that standard output did not take.
func NotDelivered(err error) string {
	var file *fs.PathError
	if errors.As(err, &file) {
		err = file.Err
	}
	return fmt.Sprintf("Cannot write to standard output: %v.", err)
}

// Delivered adds to the end of a run, under our own name, that something it said did not reach standard output. What
// else went wrong, and was told, goes first.
func (c *Command) Delivered(err error) error {
	lost := c.UI.Lost()
	var n *Notice
	told := err != nil && !errors.Is(err, lost) && !(errors.As(err, &n) && n.Text == "")
	if lost == nil || c.StandsIn() || told {
		return err
	}
	return Failure(ui.Failed, "%s", NotDelivered(lost))
}

// Rehearsed prints what --dry-run kept from being written, and returns the error that the run would end with: nothing
// was done of what one says that comes after the change.
func (c *Command) Rehearsed(ctx context.Context, err error) error {
	after := c.Opt.DryRun && errors.Is(err, luks.ErrFarLeft)
	if err == nil || after {
		c.tellRehearsals(ctx)
	}
	if after {
		return &Notice{Text: "The run would end with: " + OneLine(err) + ".", Code: ui.Failed, Err: err}
	}
	return err
}

func (c *Command) tellRehearsals(ctx context.Context) {
	if len(c.Rehearsals) == 0 {
		return
	}
	for _, tell := range c.Rehearsals {
		tell(ctx)
	}
	c.UI.Printf("Nothing was written.")
}

// Tell prints what an error came down to.
func (c *Command) Tell(s said) {
	names := strings.NewReplacer("{program}", c.Program, "{device}", c.About())
	for _, line := range s.Lines {
		c.UI.Errorf("%s", names.Replace(line))
	}
}

// About is the device of this run as it was named: the header where that lies apart.
func (c *Command) About() string {
	switch {
	case c.Opt.Header.Set:
		return c.Opt.Header.V
	case len(c.Args) > 0:
		return c.Args[0]
	}
	return "DEVICE"
}

// Told is what a person is told of an error, under the name that the program was called by.
func (c *Command) Told(ctx context.Context, err error) said {
	told := Explain(err)
	if c.UI.Own {
		told = c.inOwnWords(ctx, told, err)
	}
	return told
}
