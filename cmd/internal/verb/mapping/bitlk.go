// SPDX-License-Identifier: Apache-2.0

package mapping

import (
	"context"

	"github.com/orthrus-luks/orthrus/cmd/internal/ui"
	"github.com/orthrus-luks/orthrus/cmd/internal/verb"
	"github.com/orthrus-luks/orthrus/cmd/internal/verb/foreign"
	"github.com/orthrus-luks/orthrus/dm"
	"github.com/orthrus-luks/orthrus/dm/secret"
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

// mapBitlk maps it by a table of several lines.
func mapBitlk(ctx context.Context, c *verb.Command, v *foreign.Bitlk) error {
	return mapForeign(ctx, c, activate.Bitlk, func(data *dataDevice) (*secret.Buffer, error) {
		key, err := v.Unlock(ctx, c, data.shown)
		if err != nil {
			return nil, err
		}
		return key.Buffer, v.WarnSize(c)
	}, func(device string, key *secret.Buffer) (dm.Table, error) {
		return v.Table(device, &bitlk.Key{Buffer: key}, c.Opt.Flags)
	})
}
