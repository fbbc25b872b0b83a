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

	rehearsals []func(ctx context.Context) // tell what --dry-run kept from being written
}

func newCommand(inv *cli.Invocation, u *ui.UI) *command {
	u.Batch, u.Verbose, u.Debug = inv.Options.BatchMode, inv.Options.Verbose, inv.Options.Debug
	return &command{Invocation: inv, ui: u, o: &inv.Options}
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

// tellRehearsals prints what --dry-run kept from being written.
func (c *command) tellRehearsals(ctx context.Context) {
	if len(c.rehearsals) == 0 {
		return
	}
	for _, tell := range c.rehearsals {
		tell(ctx)
	}
	c.ui.Printf("Nothing was written.")
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
