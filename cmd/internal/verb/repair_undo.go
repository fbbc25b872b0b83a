// SPDX-License-Identifier: Apache-2.0

package verb

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"github.com/orthrus-luks/orthrus/cmd/internal/ui"
	"github.com/orthrus-luks/orthrus/cmd/internal/undo"
	"github.com/orthrus-luks/orthrus/luks"
	repairing "github.com/orthrus-luks/orthrus/luks/repair"
)

func exists(path string) bool {
	_, err := os.Lstat(path)
	return err == nil
}

// keepUndo makes the undo copy durable before anything is overwritten.
func (c *command) keepUndo(file *luks.File, plan repairing.Plan, now time.Time) error {
	path := c.o.Undo.V
	if !c.o.Undo.Set {
		path = filepath.Join(undo.Directory(undo.StateDirectory()), undo.Name(plan, now))
	}
	if err := undo.Keep(path, file, plan, now); err != nil {
		return &notice{text: fmt.Sprintf("Cannot keep an undo copy, so nothing was changed: %v. Choose another file with --undo.", err), code: ui.Failed, err: err}
	}
	c.ui.Printf("What is overwritten is kept in %s.", path)
	return nil
}

// goBack puts back what a repair overwrote, where the device still shows what it wrote.
func (c *command) goBack(ctx context.Context, path, file string) error {
	kept, err := undo.Read(file)
	if err != nil {
		return failure(ui.Failed, "Undo copy %s cannot be used: %v.", file, err)
	}
	for _, r := range kept.Ranges {
		say := c.ui.Verbosef
		if c.o.DryRun {
			say = c.ui.Printf
		}
		say("%s: bytes %d to %d: back to what stood there before %s", r.What, r.Offset, r.Offset+r.Length-1, kept.Time)
		for _, lost := range r.Unreadable {
			c.ui.Errorf("WARNING: %d bytes at byte %d could not be read then; zeros go there.", lost.Length, lost.Offset)
		}
	}
	if !c.o.DryRun {
		question := fmt.Sprintf("This puts back the damaged header of %s as it was before %s.", path, kept.Time)
		if err := c.ui.Confirm(ctx, ui.Confirmation{Text: question}); err != nil {
			return err
		}
	}
	err = c.withHeader(ctx, path, !c.o.DryRun, func(dev *luks.File) error {
		if err := kept.Check(dev); err != nil || c.o.DryRun {
			return err
		}
		return kept.Revert(dev)
	})
	if errors.Is(err, repairing.ErrMovedOn) {
		return failure(ui.Failed, "Nothing was changed on %s: %v.", path, err)
	}
	if err == nil && !c.o.DryRun {
		c.ui.Printf("Went back to what stood on %s before %s.", path, kept.Time)
	}
	return err
}
