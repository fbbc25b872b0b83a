// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"crypto/rand"
	"errors"

	"github.com/orthrus-luks/orthrus/cmd/internal/ui"
	"github.com/orthrus-luks/orthrus/dm/secret"
	"github.com/orthrus-luks/orthrus/luks"
	"github.com/orthrus-luks/orthrus/luks/luks2"
)

const (
	promptAny    = "Enter any existing passphrase: "
	promptNewKey = "Enter new passphrase for key slot: "
)

// luksAddKey protects the volume key with one more passphrase.
func luksAddKey(ctx context.Context, c *command) error {
	v, err := c.load(ctx, changed)
	if err != nil {
		return err
	}
	defer v.Close()
	if err := v.CheckRequirements(); err != nil {
		return err
	}
	id := c.newSlot()
	if err := slotFree(v, id); err != nil {
		return err
	}
	if c.o.Unbound {
		return c.addUnbound(ctx, v, id)
	}
	key, err := c.unlock(ctx, v, luks.UnlockOptions{Keyslot: c.oldSlot()}, promptAny)
	if err != nil {
		return err
	}
	defer key.Close()
	passphrase, err := c.newPassphrase(ctx)
	if err != nil {
		return err
	}
	defer passphrase.Close()
	n, err := c.newKeyslot(ctx, v.Version, key.Len(), id)
	if err != nil {
		return err
	}
	id, err = v.AddKey(ctx, key, passphrase.Bytes(), n)
	if err != nil {
		return slotError(err)
	}
	c.ui.Verbosef("Key slot %d created.", id)
	return nil
}

// newSlot: --key-slot names the new keyslot unless --new-key-slot does, in which case it names the
// old one.
func (c *command) newSlot() int {
	if c.o.NewKeySlot.Set {
		return c.o.NewKeySlot.V
	}
	return c.anyOrSlot()
}

func (c *command) oldSlot() int {
	if c.o.NewKeySlot.Set {
		return c.anyOrSlot()
	}
	return luks.AnyKeyslot
}

// slotFree fails before anybody types a passphrase for a keyslot that is taken.
func slotFree(v *volume, id int) error {
	if id == luks.AnyKeyslot {
		return nil
	}
	if _, err := v.Keyslot(id); err == nil {
		return failure(ui.Failed, "Key slot %d is full, please select another one.", id)
	}
	return nil
}

// slotError names the two ways in which there is no keyslot left.
func slotError(err error) error {
	if errors.Is(err, luks2.ErrNoID) {
		return failure(ui.Failed, "All key slots full.")
	}
	return err
}

func (c *command) newPassphrase(ctx context.Context) (*secret.Buffer, error) {
	file := ""
	if len(c.Args) > 1 {
		file = c.Args[1]
	}
	return c.ui.Secret(ctx, c.fresh(promptNewKey, file))
}

// addUnbound stores a key of its own, random or from --volume-key-file.
func (c *command) addUnbound(ctx context.Context, v *volume, id int) error {
	if len(c.o.KeySizes) == 0 {
		return failure(ui.Failed, "Option --unbound requires --key-size.")
	}
	size := int(c.o.KeySizes[0] / 8)
	key, err := c.unboundKey(ctx, size)
	if err != nil {
		return err
	}
	defer key.Close()
	passphrase, err := c.newPassphrase(ctx)
	if err != nil {
		return err
	}
	defer passphrase.Close()
	n, err := c.newKeyslot(ctx, v.Version, size, id)
	if err != nil {
		return err
	}
	if n.DigestIterations, err = c.digestIterations(ctx); err != nil {
		return err
	}
	if id, err = v.AddUnboundKey(ctx, key.Bytes(), passphrase.Bytes(), n); err != nil {
		return slotError(err)
	}
	c.ui.Verbosef("Key slot %d created.", id)
	return nil
}

func (c *command) unboundKey(ctx context.Context, size int) (*secret.Buffer, error) {
	if len(c.o.VolumeKeyFiles) > 0 {
		return c.readKeyFile(ctx, c.o.VolumeKeyFiles[0], size)
	}
	key, err := secret.New(size)
	if err != nil {
		return nil, err
	}
	_, err = rand.Read(key.Bytes())
	return key, err
}
