// SPDX-License-Identifier: Apache-2.0

package verb

import (
	"context"
	"errors"

	"github.com/orthrus-luks/orthrus/cmd/internal/ui"
	"github.com/orthrus-luks/orthrus/dm/secret"
	"github.com/orthrus-luks/orthrus/luks"
)

// luksChangeKey puts the volume key under a new passphrase in place of the old one.
func luksChangeKey(ctx context.Context, c *command) error {
	v, err := c.load(ctx, changed)
	if err != nil {
		return err
	}
	defer v.Close()
	if err := c.checkKeyslot(v.Version); err != nil {
		return err
	}
	key, err := c.unlock(ctx, v, unlocking{prompt: "Enter passphrase to be changed: ", keyslot: c.anyOrSlot()})
	if err != nil {
		return err
	}
	defer key.Close()
	passphrase, err := c.newPassphrase(ctx, "Enter new passphrase: ")
	if err != nil {
		return err
	}
	defer passphrase.Close()
	return c.exchange(ctx, v, key, passphrase)
}

// luksConvertKey derives a keyslot's key anew from the same passphrase, by other parameters.
func luksConvertKey(ctx context.Context, c *command) error {
	v, err := c.load(ctx, changed)
	if err != nil {
		return err
	}
	defer v.Close()
	if err := c.checkKeyslot(v.Version); err != nil {
		return err
	}
	if len(c.Args) > 1 && len(c.o.KeyFiles) == 0 {
		c.o.KeyFiles = []string{c.Args[1]}
	}
	passphrase, err := c.ui.Secret(ctx, c.existing("Enter passphrase for keyslot to be converted: "))
	if err != nil {
		return err
	}
	defer passphrase.Close()
	key, err := c.derive(ctx, v, passphrase.Bytes(), luks.UnlockOptions{Keyslot: c.anyOrSlot(), Unbound: true})
	if errors.Is(err, luks.ErrPassphrase) {
		c.refuse(v, unlocking{keyslot: c.anyOrSlot()})
		return silent(ui.Denied)
	}
	if err != nil {
		return err
	}
	defer key.Close()
	return c.exchange(ctx, v, key, passphrase)
}

// exchange puts a keyslot with the passphrase in the place of the one that gave the key.
func (c *command) exchange(ctx context.Context, v *volume, key *luks.Key, passphrase *secret.Buffer) error {
	n, err := c.newKeyslot(ctx, v.Version, key.Len(), key.Keyslot)
	if err != nil {
		return err
	}
	id, err := v.ChangeKey(ctx, key, passphrase.Bytes(), n)
	if err != nil {
		return slotError(err)
	}
	c.ui.Verbosef("Key slot %d created.", id)
	return c.forgetHeads(v.UUID)
}
