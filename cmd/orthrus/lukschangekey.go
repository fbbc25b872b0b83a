// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"

	"github.com/orthrus-luks/orthrus/luks"
)

// luksChangeKey puts the volume key under a new passphrase in place of the old one.
func luksChangeKey(ctx context.Context, c *command) error {
	v, err := c.load(ctx, changed)
	if err != nil {
		return err
	}
	defer v.Close()
	key, err := c.unlock(ctx, v, luks.UnlockOptions{Keyslot: c.anyOrSlot()}, "Enter passphrase to be changed: ")
	if err != nil {
		return err
	}
	defer key.Close()
	passphrase, err := c.newPassphrase(ctx)
	if err != nil {
		return err
	}
	defer passphrase.Close()
	n, err := c.newKeyslot(ctx, v.Version, key.Len(), key.Keyslot)
	if err != nil {
		return err
	}
	id, err := v.ChangeKey(ctx, key, passphrase.Bytes(), n)
	if err != nil {
		return slotError(err)
	}
	c.ui.Verbosef("Key slot %d created.", id)
	return nil
}

// luksConvertKey derives a keyslot's key anew from the same passphrase, by other parameters.
func luksConvertKey(ctx context.Context, c *command) error {
	v, err := c.load(ctx, changed)
	if err != nil {
		return err
	}
	defer v.Close()
	if len(c.Args) > 1 && len(c.o.KeyFiles) == 0 {
		c.o.KeyFiles = []string{c.Args[1]}
	}
	passphrase, err := c.ui.Secret(ctx, c.existing("Enter passphrase for keyslot to be converted: "))
	if err != nil {
		return err
	}
	defer passphrase.Close()
	key, err := v.Unlock(ctx, passphrase.Bytes(), luks.UnlockOptions{Keyslot: c.anyOrSlot(), Unbound: true, Admit: c.admit})
	if err != nil {
		return c.doubt(v, err)
	}
	defer key.Close()
	n, err := c.newKeyslot(ctx, v.Version, key.Len(), key.Keyslot)
	if err != nil {
		return err
	}
	id, err := v.ChangeKey(ctx, key, passphrase.Bytes(), n)
	if err != nil {
		return slotError(err)
	}
	c.ui.Verbosef("Key slot %d created.", id)
	return nil
}
