// SPDX-License-Identifier: Apache-2.0

package mapping

import (
	"context"
	"errors"

	"github.com/orthrus-luks/orthrus/cmd/internal/ui"
	"github.com/orthrus-luks/orthrus/cmd/internal/verb"
	"github.com/orthrus-luks/orthrus/cmd/internal/verb/mapped"
	"github.com/orthrus-luks/orthrus/cmd/internal/verb/volume"
	"github.com/orthrus-luks/orthrus/dm"
	"github.com/orthrus-luks/orthrus/luks/activate"
)

// refresh loads the table again with the flags of the command line and the header.
func refresh(ctx context.Context, c *verb.Command) error {
	m, err := mapped.FindRunning(c, c.Args[len(c.Args)-1])
	if errors.Is(err, dm.ErrNoDeviceMapper) {
		return ui.WithCode(err, ui.Failed)
	}
	if err != nil {
		return err
	}
	defer m.Close()
	mode := byte(activate.Journaled)
	err = mapped.Rebuild(ctx, c, m, func(mapping *activate.Mapping, v *volume.Volume) error {
		mapping.Flags = c.Opt.Flags
		if v == nil {
			return nil
		}
		mapping.Flags = crypt(c, v)
		if m.Tags != nil {
			mode = writeMode(c, v)
			return errors.Join(tagFlags(mapping.Flags), persistWanted(ctx, c, v))
		}
		if !v.Data.Dynamic {
			mapping.Length = v.Data.Size / 512
		}
		return persistWanted(ctx, c, v)
	})
	if err != nil || m.Tags == nil || m.Tags.Mode == mode {
		return err
	}
	activate.SetMode(m.Tags, mode)
	return activate.ReloadTags(ctx, m.Control, m.Name, m.Tags, m.Info.ReadOnly)
}
