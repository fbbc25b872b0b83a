// SPDX-License-Identifier: Apache-2.0

package mapping

import (
	"context"

	"github.com/orthrus-luks/orthrus/cmd/internal/verb"
	"github.com/orthrus-luks/orthrus/cmd/internal/verb/foreign"
	"github.com/orthrus-luks/orthrus/dm"
	"github.com/orthrus-luks/orthrus/dm/secret"
	"github.com/orthrus-luks/orthrus/luks/activate"
)

// openFVault2 maps a FileVault 2 volume, or with --test-passphrase only unlocks it.
func openFVault2(ctx context.Context, c *verb.Command) error {
	if !c.Opt.TestPassphrase {
		if err := checkName(c.Args[1]); err != nil {
			return err
		}
	}
	v, err := foreign.LoadFVault2(c)
	if err != nil {
		return err
	}
	if err := v.MayOpen(); err != nil {
		return err
	}
	if !c.Opt.TestPassphrase {
		return mapFVault2(ctx, c, v)
	}
	key, err := v.Unlock(ctx, c, v.Path)
	if err != nil {
		return err
	}
	c.UI.Advisef("It opens %s.", v.Path)
	return key.Close()
}

// mapFVault2 maps it by a single line.
func mapFVault2(ctx context.Context, c *verb.Command, v *foreign.FVault2) error {
	return mapForeign(ctx, c, activate.FVault2, func(data *dataDevice) (*secret.Buffer, error) {
		return v.Unlock(ctx, c, data.shown)
	}, func(device string, key *secret.Buffer) (dm.Table, error) {
		line, err := v.Table(device, key, c.Opt.Flags)
		return dm.Table{line}, err
	})
}
