// SPDX-License-Identifier: Apache-2.0

package keyslot

import (
	"context"
	"errors"

	"github.com/orthrus-luks/orthrus/cmd/internal/cli"
	"github.com/orthrus-luks/orthrus/cmd/internal/verb"
	"github.com/orthrus-luks/orthrus/cmd/internal/verb/keys"
	"github.com/orthrus-luks/orthrus/cmd/internal/verb/volume"
	"github.com/orthrus-luks/orthrus/luks"
)

// LuksRemoveKey declares the verb.
func LuksRemoveKey() verb.Verb {
	return verb.Verb{
		Verb: cli.Verb{
			Name: "luksRemoveKey", Group: cli.GroupKeys, Args: "<device> [<key file>]", MinArgs: 1,
			Summary: "remove the keyslot that the given passphrase or key file opens",
			Takes:   cli.OfWriter + cli.OfPassphrase,
			Remark:  cli.KeyFileWins,
			About: []string{
				"Destroys the keyslot that the given passphrase opens. Before the last one goes, that is said " +
					"and asked about.",
			},
			Examples: []cli.Example{
				{What: "Type the passphrase that is to go:", Line: "orthrus luksRemoveKey /dev/sdb2"},
				{What: "Remove what a key file opens:", Line: "orthrus luksRemoveKey /dev/sdb2 old.key"},
			},
			SeeAlso: []string{"luksKillSlot", "erase"},
		},
		Run: luksRemoveKey,
	}
}

// luksRemoveKey wipes the keyslot that the given passphrase opens.
func luksRemoveKey(ctx context.Context, c *verb.Command) error {
	v, err := volume.Load(ctx, c, volume.Removing)
	if err != nil {
		return err
	}
	defer v.Close()
	if err := v.CheckLeftovers(); err != nil {
		return err
	}
	if len(c.Args) > 1 && len(c.Opt.KeyFiles) == 0 {
		c.Opt.KeyFiles = []string{c.Args[1]}
	}
	key, err := keys.Unlock(ctx, c, v, keys.Unlocking{
		Prompt: promptRemoved, Keyslot: luks.AnyKeyslot, Every: true,
	})
	if err != nil {
		return err
	}
	defer key.Close()
	c.UI.Verbosef("Keyslot %d is selected for deletion.", key.Keyslot)
	if slot, err := v.Keyslot(key.Keyslot); err == nil && v.Last(slot) {
		if err := errors.Join(askable(c, v), c.UI.Confirm(ctx, purgeLast)); err != nil {
			return err
		}
	}
	return kill(ctx, c, v, key.Keyslot, key)
}
