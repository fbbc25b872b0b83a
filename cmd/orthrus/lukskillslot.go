// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"errors"
	"slices"

	"github.com/orthrus-luks/orthrus/cmd/internal/ui"
	"github.com/orthrus-luks/orthrus/luks"
)

const (
	lastKeyslot     = "This is the last keyslot. Device will become unusable after purging this key."
	promptRemaining = "Enter any remaining passphrase: "
	promptRemoved   = "Enter passphrase to be deleted: "
)

// luksKillSlot wipes the keyslot that is named, after a passphrase has shown that another one
// still opens.
func luksKillSlot(ctx context.Context, c *command) error {
	id, err := c.SlotArgument()
	if err != nil {
		return err
	}
	v, err := c.load(ctx, changed)
	if err != nil {
		return err
	}
	defer v.Close()
	slot, err := v.Keyslot(id)
	if err != nil {
		return failure(ui.Failed, "Keyslot %d is not active.", id)
	}
	c.ui.Verbosef("Keyslot %d is selected for deletion.", id)
	proof := v
	if !slot.Unbound && slot.Openable() && v.BoundKeyslots() == 1 {
		err = c.ui.Confirm(ctx, purgeLast)
	} else {
		proof = v.without(id)
	}
	if err == nil {
		err = c.prove(ctx, proof)
	}
	if err != nil {
		return err
	}
	return c.kill(ctx, v, id)
}

// purgeLast is the question before the last keyslot goes.
var purgeLast = ui.Confirmation{Text: lastKeyslot, Refused: "Operation aborted, the keyslot was NOT wiped."}

// prove verifies a passphrase of a keyslot that stays, or of the last one. With -q nobody is asked
// at a terminal, and an empty standard input means that there is nothing to verify.
func (c *command) prove(ctx context.Context, v *volume) error {
	if c.ui.Batch && c.ui.Interactive() && c.keyFile() == "" {
		return nil
	}
	key, err := c.unlock(ctx, v, unlocking{prompt: promptRemaining, keyslot: luks.AnyKeyslot})
	if c.ui.Batch && c.keyFile() == "" && errors.Is(err, ui.ErrNothingToRead) {
		return nil
	}
	if err != nil {
		return err
	}
	return key.Close()
}

// without is the volume as if it had no such keyslot.
func (v *volume) without(id int) *volume {
	others := *v.Volume
	others.Keyslots = slices.DeleteFunc(slices.Clone(v.Keyslots), func(k luks.Keyslot) bool { return k.ID == id })
	return &volume{Volume: &others, file: v.file, path: v.path}
}

func (c *command) kill(ctx context.Context, v *volume, id int) error {
	if err := v.KillKeyslot(ctx, id, nil); err != nil {
		return err
	}
	c.ui.Verbosef("Key slot %d removed.", id)
	return c.forgetHeads(v.UUID)
}

// luksRemoveKey wipes the keyslot that the given passphrase opens.
func luksRemoveKey(ctx context.Context, c *command) error {
	v, err := c.load(ctx, changed)
	if err != nil {
		return err
	}
	defer v.Close()
	if len(c.Args) > 1 && len(c.o.KeyFiles) == 0 {
		c.o.KeyFiles = []string{c.Args[1]}
	}
	key, err := c.unlock(ctx, v, unlocking{prompt: promptRemoved, keyslot: luks.AnyKeyslot, unbound: true})
	if err != nil {
		return err
	}
	defer key.Close()
	c.ui.Verbosef("Keyslot %d is selected for deletion.", key.Keyslot)
	if v.BoundKeyslots() == 1 {
		if err := c.ui.Confirm(ctx, purgeLast); err != nil {
			return err
		}
	}
	return c.kill(ctx, v, key.Keyslot)
}

// erase wipes every keyslot that a passphrase could open.
func erase(ctx context.Context, c *command) error {
	v, err := c.load(ctx, changed)
	if err != nil {
		return err
	}
	defer v.Close()
	text := "This operation will erase all keyslots on device " + v.path + ".\nDevice will become unusable after this operation."
	if err := c.ui.Confirm(ctx, ui.Confirmation{Text: text, Refused: "Operation aborted, keyslots were NOT wiped."}); err != nil {
		return err
	}
	left := v.EraseFar(ctx)
	for _, k := range v.Keyslots {
		if k.Openable() && !k.Unbound {
			err := c.kill(ctx, v, k.ID)
			if err != nil && !errors.Is(err, luks.ErrFarLeft) {
				return errors.Join(err, left)
			}
			left = errors.Join(left, err)
		}
	}
	return errors.Join(left, releaseKey(v.UUID))
}
