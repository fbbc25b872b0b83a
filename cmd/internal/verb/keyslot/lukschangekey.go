// SPDX-License-Identifier: Apache-2.0

package keyslot

import (
	"context"
	"errors"

	"github.com/orthrus-luks/orthrus/cmd/internal/ui"
	"github.com/orthrus-luks/orthrus/cmd/internal/verb"
	"github.com/orthrus-luks/orthrus/cmd/internal/verb/guarded"
	"github.com/orthrus-luks/orthrus/cmd/internal/verb/keys"
	"github.com/orthrus-luks/orthrus/cmd/internal/verb/volume"
	"github.com/orthrus-luks/orthrus/dm/secret"
	"github.com/orthrus-luks/orthrus/luks"
)

// LuksChangeKey puts the volume key under a new passphrase in place of the old one.
func LuksChangeKey(ctx context.Context, c *verb.Command) error {
	v, err := volume.Load(ctx, c, volume.Changed)
	if err != nil {
		return err
	}
	defer v.Close()
	if err := keys.CheckKeyslot(c, v.Version); err != nil {
		return err
	}
	key, err := keys.Unlock(ctx, c, v, keys.Unlocking{Prompt: "Enter passphrase to be changed: ", Keyslot: keys.AnyOrSlot(c)})
	if err != nil {
		return err
	}
	defer key.Close()
	passphrase, err := keys.NewPassphrase(ctx, c, "Enter new passphrase: ")
	if err != nil {
		return err
	}
	defer passphrase.Close()
	return exchange(ctx, c, v, key, passphrase)
}

// LuksConvertKey derives a keyslot's key anew from the same passphrase, by other parameters.
func LuksConvertKey(ctx context.Context, c *verb.Command) error {
	v, err := volume.Load(ctx, c, volume.Changed)
	if err != nil {
		return err
	}
	defer v.Close()
	if err := keys.CheckKeyslot(c, v.Version); err != nil {
		return err
	}
	if len(c.Args) > 1 && len(c.Opt.KeyFiles) == 0 {
		c.Opt.KeyFiles = []string{c.Args[1]}
	}
	passphrase, err := c.UI.Secret(ctx, keys.Existing(c, "Enter passphrase for keyslot to be converted: "))
	if err != nil {
		return err
	}
	defer passphrase.Close()
	key, err := keys.Derive(ctx, c, v, passphrase.Bytes(), luks.UnlockOptions{Keyslot: keys.AnyOrSlot(c), Unbound: true})
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

// exchange puts a keyslot with the passphrase in the place of the one that gave the key.
func exchange(ctx context.Context, c *verb.Command, v *volume.Volume, key *luks.Key, passphrase *secret.Buffer) error {
	n, err := keys.NewKeyslot(ctx, c, v.Version, key.Len(), key.Keyslot)
	if err != nil {
		return err
	}
	id, err := v.ChangeKey(ctx, key, passphrase.Bytes(), n)
	if err != nil {
		return keys.SlotError(err)
	}
	c.UI.Verbosef("Key slot %d created.", id)
	return guarded.ForgetHeads(v.UUID)
}
