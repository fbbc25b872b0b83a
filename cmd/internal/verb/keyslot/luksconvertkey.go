// SPDX-License-Identifier: Apache-2.0

package keyslot

import (
	"context"
	"errors"

	"github.com/orthrus-luks/orthrus/cmd/internal/cli"
	"github.com/orthrus-luks/orthrus/cmd/internal/ui"
	"github.com/orthrus-luks/orthrus/cmd/internal/verb"
	"github.com/orthrus-luks/orthrus/cmd/internal/verb/keys"
	"github.com/orthrus-luks/orthrus/cmd/internal/verb/volume"
	"github.com/orthrus-luks/orthrus/luks"
)

// LuksConvertKey declares the verb.
func LuksConvertKey() verb.Verb {
	return verb.Verb{
		Verb: cli.Verb{
			Name: "luksConvertKey", Group: cli.GroupKeys, Args: "<device> [<key file>]", MinArgs: 1,
			Summary: "derive a keyslot's key by other parameters",
			Takes:   cli.OfWriter + cli.OfPassphrase + cli.OfNewKeyslot + "key-slot",
			About: []string{
				"Derives the key of a keyslot anew, with other costs or another function, from the same " +
					"passphrase. A second argument means nothing, as in cryptsetup: a key file is named by --key-file.",
			},
			Examples: []cli.Example{
				{
					What: "Let a boot loader open keyslot 1:",
					Line: "orthrus luksConvertKey --key-slot 1 --pbkdf pbkdf2 --hash sha256 /dev/sdb2",
				},
				{
					What: "Let deriving the key take four seconds:",
					Line: "orthrus luksConvertKey --iter-time 4000 /dev/sdb2",
				},
			},
			SeeAlso: []string{"luksChangeKey"},
		},
		Run: luksConvertKey,
	}
}

// luksConvertKey derives a keyslot's key anew from the same passphrase, by other parameters.
func luksConvertKey(ctx context.Context, c *verb.Command) error {
	v, err := volume.Load(ctx, c, volume.Changed)
	if err != nil {
		return err
	}
	defer v.Close()
	if v.Version == 1 {
		return verb.Failure(ui.Failed, "Device %s is not a valid LUKS2 device.", v.Path)
	}
	if err := errors.Join(v.CheckRequirements(), keys.CheckKeyslot(c, v.Version)); err != nil {
		return err
	}
	passphrase, err := c.UI.Secret(ctx, keys.Existing(c, "Enter passphrase for keyslot to be converted: "))
	if err != nil {
		return err
	}
	defer passphrase.Close()
	key, err := keys.Derive(ctx, c, v, passphrase.Bytes(), luks.UnlockOptions{
		Keyslot: luks.At(keys.AnyOrSlot(c)),
		Unbound: true,
	})
	if errors.Is(err, luks.ErrPassphrase) {
		keys.Refuse(c, v, keys.Unlocking{Keyslot: keys.AnyOrSlot(c)})
		return verb.Silent(ui.Denied)
	}
	if err != nil {
		return err
	}
	defer key.Close()
	return exchange(ctx, c, v, key, passphrase)
}
