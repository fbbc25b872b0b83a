// SPDX-License-Identifier: Apache-2.0

package verb

import (
	"context"
	"errors"

	"github.com/orthrus-luks/orthrus/cmd/internal/ui"
	"github.com/orthrus-luks/orthrus/luks"
)

// isLuks answers by its exit code; no is no failure worth words.
func isLuks(ctx context.Context, c *command) error {
	if len(c.Args) > 1 {
		return failure(ui.NoDevice, "Only one device can be looked at.")
	}
	v, err := c.load(ctx, report)
	if errors.Is(err, luks.ErrNotLUKS) {
		if c.o.JSON {
			return errors.Join(c.printJSON(map[string]bool{"luks": false}), silent(ui.Failed))
		}
		return silent(ui.Failed)
	}
	if err != nil {
		return err
	}
	defer v.Close()
	if c.o.JSON {
		return c.printJSON(map[string]any{"luks": true, "version": v.Version, "uuid": v.UUID})
	}
	return nil
}
