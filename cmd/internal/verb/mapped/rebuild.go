// SPDX-License-Identifier: Apache-2.0

package mapped

import (
	"context"
	"errors"

	"github.com/orthrus-luks/orthrus/cmd/internal/verb"
	"github.com/orthrus-luks/orthrus/cmd/internal/verb/keys"
	"github.com/orthrus-luks/orthrus/cmd/internal/verb/volume"
	"github.com/orthrus-luks/orthrus/dm/block"
	"github.com/orthrus-luks/orthrus/luks/activate"
)

// FollowFile lets a loop device take over the size of its file; it does nothing for other devices.
func FollowFile(device string) error {
	if file, err := block.LoopBacking(device); err != nil || file == "" {
		return nil
	}
	loop, err := block.OpenLoop(device)
	if err != nil {
		return verb.DeviceError(device, err)
	}
	return errors.Join(loop.SetCapacity(), loop.Close())
}

// Rebuild exchanges the table for one that change has altered. The key is taken from the old table
// where it stands there, otherwise from the volume by passphrase.
func Rebuild(ctx context.Context, c *verb.Command, m *Mapped,
	change func(*activate.Mapping, *volume.Volume) error,
) error {
	var v *volume.Volume
	var err error
	if m.Kind != activate.Plain {
		if v, err = VolumeOf(ctx, c, m); err != nil {
			return err
		}
		defer v.Close()
	}
	key, err := m.TableKey(ctx, v)
	if err != nil {
		return err
	}
	defer func() { key.Close() }()
	link, err := keys.Link(c)
	if err != nil {
		return err
	}
	inTable := key != nil
	if !inTable {
		if key, err = UnlockFor(ctx, c, m, v); err != nil {
			return err
		}
	}
	mapping, err := m.Like(key, v, inTable || c.Opt.DisableKeyring)
	if err != nil {
		return err
	}
	if err := change(&mapping, v); err != nil {
		return err
	}
	undo, err := link.Enter(key.Bytes())
	if err != nil {
		return err
	}
	if err := activate.Reload(ctx, m.Control, mapping); err != nil {
		return errors.Join(err, undo())
	}
	return nil
}
