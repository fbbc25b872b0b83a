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
	"github.com/orthrus-luks/orthrus/luks"
)

const (
	lastKeyslot     = "This is the last keyslot. Device will become unusable after purging this key."
	promptRemaining = "Enter any remaining passphrase: "
	promptRemoved   = "Enter passphrase to be deleted: "
)

// LuksKillSlot wipes the keyslot that is named, after a passphrase has shown that another one
// still opens.
func LuksKillSlot(ctx context.Context, c *verb.Command) error {
	id, err := c.SlotArgument()
	if err != nil {
		return err
	}
	v, err := volume.Load(ctx, c, volume.Changed)
	if err != nil {
		return err
	}
	defer v.Close()
	slot, err := v.Keyslot(id)
	if err != nil {
		return verb.Failure(ui.Failed, "Keyslot %d is not active.", id)
	}
	c.UI.Verbosef("Keyslot %d is selected for deletion.", id)
	proof := v
	if !slot.Unbound && slot.Openable() && v.BoundKeyslots() == 1 {
		err = c.UI.Confirm(ctx, purgeLast)
	} else {
		proof = v.Without(id)
	}
	if err == nil {
		err = prove(ctx, c, proof)
	}
	if err != nil {
		return err
	}
	return kill(ctx, c, v, id)
}

// purgeLast is the question before the last keyslot goes.
var purgeLast = ui.Confirmation{Text: lastKeyslot, Refused: "Operation aborted, the keyslot was NOT wiped."}

// prove verifies a passphrase of a keyslot that stays, or of the last one. With -q nobody is asked
// at a terminal, and an empty standard input means that there is nothing to verify.
func prove(ctx context.Context, c *verb.Command, v *volume.Volume) error {
	if c.UI.Batch && c.UI.Interactive() && keys.KeyFile(c) == "" {
		return nil
	}
	key, err := keys.Unlock(ctx, c, v, keys.Unlocking{Prompt: promptRemaining, Keyslot: luks.AnyKeyslot})
	if c.UI.Batch && keys.KeyFile(c) == "" && errors.Is(err, ui.ErrNothingToRead) {
		return nil
	}
	if err != nil {
		return err
	}
	return key.Close()
}

func kill(ctx context.Context, c *verb.Command, v *volume.Volume, id int) error {
	if err := v.KillKeyslot(ctx, id); err != nil {
		return err
	}
	c.UI.Verbosef("Key slot %d removed.", id)
	return guarded.ForgetHeads(v.UUID)
}

// LuksRemoveKey wipes the keyslot that the given passphrase opens.
func LuksRemoveKey(ctx context.Context, c *verb.Command) error {
	v, err := volume.Load(ctx, c, volume.Changed)
	if err != nil {
		return err
	}
	defer v.Close()
	if len(c.Args) > 1 && len(c.Opt.KeyFiles) == 0 {
		c.Opt.KeyFiles = []string{c.Args[1]}
	}
	key, err := keys.Unlock(ctx, c, v, keys.Unlocking{Prompt: promptRemoved, Keyslot: luks.AnyKeyslot, Unbound: true})
	if err != nil {
		return err
	}
	defer key.Close()
	c.UI.Verbosef("Keyslot %d is selected for deletion.", key.Keyslot)
	if v.BoundKeyslots() == 1 {
		if err := c.UI.Confirm(ctx, purgeLast); err != nil {
			return err
		}
	}
	return kill(ctx, c, v, key.Keyslot)
}

// Erase wipes every keyslot that a passphrase could open.
func Erase(ctx context.Context, c *verb.Command) error {
	v, err := volume.Load(ctx, c, volume.Changed)
	if err != nil {
		return err
	}
	defer v.Close()
	text := "This operation will erase all keyslots on device " + v.Path + ".\nDevice will become unusable after this operation."
	if err := c.UI.Confirm(ctx, ui.Confirmation{Text: text, Refused: "Operation aborted, keyslots were NOT wiped."}); err != nil {
		return err
	}
	left := v.EraseFar(ctx)
	for _, k := range v.Keyslots {
		if k.Openable() && !k.Unbound {
			err := kill(ctx, c, v, k.ID)
			if err != nil && !errors.Is(err, luks.ErrFarLeft) {
				return errors.Join(err, left)
			}
			left = errors.Join(left, err)
		}
	}
	return errors.Join(left, guarded.ReleaseKey(v.UUID))
}
