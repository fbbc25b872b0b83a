// SPDX-License-Identifier: Apache-2.0

package header

import (
	"context"
	"errors"

	"github.com/orthrus-luks/orthrus/cmd/internal/ui"
	"github.com/orthrus-luks/orthrus/cmd/internal/verb"
	"github.com/orthrus-luks/orthrus/cmd/internal/verb/volume"
	"github.com/orthrus-luks/orthrus/luks"
)

// IsLuks answers by its exit code; no is no failure worth words.
func IsLuks(ctx context.Context, c *verb.Command) error {
	if len(c.Args) > 1 {
		return verb.Failure(ui.NoDevice, "Only one device can be looked at.")
	}
	v, err := volume.Load(ctx, c, volume.Report)
	if errors.Is(err, luks.ErrNotLUKS) {
		if c.Opt.JSON {
			return errors.Join(c.PrintJSON(map[string]bool{"luks": false}), verb.Silent(ui.Failed))
		}
		return verb.Silent(ui.Failed)
	}
	if err != nil {
		return err
	}
	defer v.Close()
	if c.Opt.JSON {
		return c.PrintJSON(map[string]any{"luks": true, "version": v.Version, "uuid": v.UUID})
	}
	return nil
}
