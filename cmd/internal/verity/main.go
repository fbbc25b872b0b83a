// SPDX-License-Identifier: Apache-2.0

package verity

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/orthrus-luks/orthrus/cmd/internal/popt"
	"github.com/orthrus-luks/orthrus/cmd/internal/setup"
	"github.com/orthrus-luks/orthrus/cmd/internal/ui"
)

// Main carries out one command line of veritysetup and returns the exit code. argv[0] is what the program calls itself.
func Main(ctx context.Context, argv []string, version string, u *ui.UI) int {
	c, err := parse(argv)
	var usage *popt.UsageError
	switch {
	case err != nil && !compatible(c.program):
		fmt.Fprintf(u.Err, "%s: %s. See %s --help.\n", c.program, strings.TrimSuffix(err.Error(), "."), c.program)
		return int(ui.Failed)
	case errors.As(err, &usage) && usage.Subject != "":
		fmt.Fprintf(u.Err, "%s%s\n", usageText(c.program), usage)
		return int(ui.Failed)
	case err != nil:
		fmt.Fprintf(u.Err, "%s%s: %s\n", usageText(c.program), c.program, err)
		return int(ui.Failed)
	case c.help:
		fmt.Fprint(u.Out, helpText(c.program, version))
		return 0
	case c.usage:
		fmt.Fprint(u.Err, usageText(c.program))
		return 0
	case c.version:
		fmt.Fprint(u.Out, versionText(c.program, version))
		return 0
	}
	u.Verbose, u.Debug, u.Own = c.verbose, c.debug, !compatible(c.program)
	r := &run{call: c, ui: u}
	code := setup.Say(ctx, r.ui, r.do(ctx))
	u.Conclude(code)
	return int(code)
}

// run is a command line being carried out.
type run struct {
	*call
	ui      *ui.UI
	reports *[]any // collects JSON where there are several images; or nil
}

func (r *run) do(ctx context.Context) error {
	switch r.action {
	case actionFormat:
		if r.batchFile != "" {
			return r.batch(ctx, (*run).formatImage)
		}
		return r.formatImage(ctx)
	case actionVerify:
		if r.batchFile != "" {
			return r.batch(ctx, (*run).verifyImage)
		}
		return r.verifyImage(ctx)
	case actionOpen:
		return r.openMapping(ctx)
	case actionClose:
		return r.closeMapping(ctx)
	case actionStatus:
		return r.statusOfMapping()
	}
	return r.dumpImage()
}
