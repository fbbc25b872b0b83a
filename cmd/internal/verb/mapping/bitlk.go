// SPDX-License-Identifier: Apache-2.0

package mapping

import (
	"context"
	"errors"

	"github.com/orthrus-luks/orthrus/cmd/internal/ui"
	"github.com/orthrus-luks/orthrus/cmd/internal/verb"
	"github.com/orthrus-luks/orthrus/cmd/internal/verb/foreign"
	"github.com/orthrus-luks/orthrus/dm"
	"github.com/orthrus-luks/orthrus/luks/activate"
	"github.com/orthrus-luks/orthrus/luks/foreign/bitlk"
)

// openBitlk maps a BitLocker volume, or with --test-passphrase only unlocks it.
func openBitlk(ctx context.Context, c *verb.Command) error {
	if !c.Opt.TestPassphrase {
		if err := checkName(c.Args[1]); err != nil {
			return err
		}
	}
	v, err := foreign.LoadBitlk(c)
	if err != nil {
		return err
	}
	defer v.Close()
	if err := v.MayOpen(); err != nil {
		return err
	}
	if c.Opt.TestPassphrase {
		return testBitlk(ctx, c, v)
	}
	return mapBitlk(ctx, c, v)
}

// testBitlk: nothing in the metadata proves a volume key.
func testBitlk(ctx context.Context, c *verb.Command, v *foreign.Bitlk) error {
	if len(c.Opt.VolumeKeyFiles) > 0 {
		return verb.Failure(ui.Failed, "Cannot check the volume key of a BITLK device.")
	}
	key, err := v.Unlock(ctx, c, v.Path)
	if err != nil {
		return err
	}
	c.UI.Advisef("It opens %s, by the %v.", v.Path, v.VMKs[key.VMK].Protection)
	return key.Close()
}

// mapBitlk checks everything that needs no key before it asks for one.
func mapBitlk(ctx context.Context, c *verb.Command, v *foreign.Bitlk) error {
	name := c.Args[1]
	control, err := controlFor(c, name)
	if err != nil {
		return err
	}
	defer control.Close()
	data, err := openData(c, nil, c.Opt.ReadOnly)
	if err != nil {
		return err
	}
	defer data.Close()
	key, err := v.Unlock(ctx, c, data.shown)
	if err != nil {
		return err
	}
	defer key.Close()
	if err := v.WarnSize(c); err != nil {
		return err
	}
	if err := activateBitlk(ctx, c, control, v.Volume, data, key); err != nil {
		return err
	}
	c.UI.Advisef("%s is open as /dev/mapper/%s.", data.shown, name)
	return nil
}

func activateBitlk(ctx context.Context, c *verb.Command, control *dm.Control, v *bitlk.Volume, data *dataDevice,
	key *bitlk.Key,
) error {
	name := c.Args[1]
	lines, err := v.Table(data.Disk.Device.String(), key, c.Opt.Flags)
	if err != nil {
		return err
	}
	table := dm.Table(lines)
	_, err = control.Activate(ctx, dm.Plan{
		Name: name, UUID: activate.UUID(activate.Bitlk, "", name), Table: table,
		ReadOnly: data.Disk.ReadOnly, ReadAhead: data.Disk.ReadAhead,
	})
	return errors.Join(nameTaken(name, err), table.Close())
}
