// SPDX-License-Identifier: Apache-2.0

package mend

import (
	"path/filepath"
	"time"

	"github.com/orthrus-luks/orthrus/cmd/internal/ui"
	"github.com/orthrus-luks/orthrus/cmd/internal/undo"
	"github.com/orthrus-luks/orthrus/cmd/internal/verb"
	"github.com/orthrus-luks/orthrus/luks"
	repairing "github.com/orthrus-luks/orthrus/luks/repair"
)

// keepUndo makes the undo copy durable before anything is overwritten.
func keepUndo(c *verb.Command, o *repairOptions, file *luks.File, plan repairing.Plan, now time.Time) error {
	path := o.undo.V
	if !o.undo.Set {
		path = filepath.Join(undo.Directory(undo.StateDirectory()), undo.Name(plan, now))
	}
	if err := undo.Keep(path, file, plan, now); err != nil { // of which the device knows nothing: it is not wrapped
		return verb.Failure(ui.Failed, "Cannot keep an undo copy, so nothing was changed: %v. Choose another file "+
			"with --undo, on another device.", err)
	}
	say := c.UI.Printf
	if c.StandsIn() {
		say = c.UI.Errorf
	}
	say("What is overwritten is kept in %s.", path)
	return nil
}
