// SPDX-License-Identifier: Apache-2.0

package volume

import (
	"context"
	"errors"
	"fmt"

	"github.com/orthrus-luks/orthrus/cmd/internal/ui"
	"github.com/orthrus-luks/orthrus/cmd/internal/undo"
	"github.com/orthrus-luks/orthrus/cmd/internal/verb"
	"github.com/orthrus-luks/orthrus/luks"
	repairing "github.com/orthrus-luks/orthrus/luks/repair"
)

// GoBack puts back what a repair overwrote, where the device still shows what it wrote.
func GoBack(ctx context.Context, c *verb.Command, path, file string) error {
	kept, err := undo.Read(file)
	if err != nil {
		return verb.Failure(ui.Failed, "Undo copy %s cannot be used: %v.", file, err)
	}
	for _, r := range kept.Ranges {
		say := c.UI.Verbosef
		if c.Opt.DryRun {
			say = c.UI.Printf
		}
		say("%s: bytes %d to %d: back to what stood there before %s", r.What, r.Offset, r.Offset+r.Length-1, kept.Time)
		for _, lost := range r.Unreadable {
			c.UI.Errorf("WARNING: %d bytes at byte %d could not be read then; zeros go there.", lost.Size,
				lost.Offset)
		}
	}
	if !c.Opt.DryRun {
		question := fmt.Sprintf("This puts back the damaged header of %s as it was before %s.", path, kept.Time)
		if err := c.UI.Confirm(ctx, ui.Confirmation{Text: question}); err != nil {
			return err
		}
	}
	err = WithHeader(ctx, c, path, !c.Opt.DryRun, func(dev *luks.File) error {
		if err := kept.Check(dev); err != nil || c.Opt.DryRun {
			return err
		}
		return kept.Revert(dev)
	})
	if errors.Is(err, repairing.ErrMovedOn) {
		return verb.Failure(ui.Failed, "Nothing was changed on %s: %v.", path, err)
	}
	if err == nil && !c.Opt.DryRun {
		c.UI.Printf("Went back to what stood on %s before %s.", path, kept.Time)
	}
	return err
}
