// SPDX-License-Identifier: Apache-2.0

package integrity

import (
	"context"

	"github.com/orthrus-luks/orthrus/cmd/internal/setup"
	"github.com/orthrus-luks/orthrus/cmd/internal/ui"
)

// Main carries out one command line of integritysetup and returns the exit code. argv[0] is what the program calls
// itself.
func Main(ctx context.Context, argv []string, version string, u *ui.UI) int {
	c, err := parse(argv)
	p := c.speaks(version)
	asked := setup.Questions{Help: c.help, Usage: c.usage, Version: c.version}
	if code, answered := p.Answer(u, asked, err); answered {
		return int(code)
	}
	u.Verbose, u.Debug, u.Batch, u.Own = c.verbose, c.debug, c.batch, p.Own()
	r := &run{call: c, ui: u}
	defer r.keys.close()
	code := setup.Say(ctx, r.ui, r.do(ctx))
	u.Conclude(code)
	return int(code)
}

// run is a command line being carried out.
type run struct {
	*call
	ui   *ui.UI
	keys algorithms
}

func (r *run) do(ctx context.Context) error {
	switch r.action {
	case actionFormat:
		return r.formatDevice(ctx)
	case actionVerify:
		return r.verifyDevice(ctx)
	case actionOpen:
		return r.openMapping(ctx)
	case actionClose:
		return r.closeMapping(ctx)
	case actionStatus:
		return r.statusOfMapping()
	case actionResize:
		return r.resizeMapping(ctx)
	}
	return r.dumpDevice()
}
