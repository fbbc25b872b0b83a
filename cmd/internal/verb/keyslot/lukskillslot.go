// SPDX-License-Identifier: Apache-2.0

package keyslot

import (
	"context"
	"errors"
	"strconv"

	"github.com/orthrus-luks/orthrus/cmd/internal/cli"
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

// LuksKillSlot declares the verb.
func LuksKillSlot() verb.Verb {
	return verb.Verb{
		Verb: cli.Verb{
			Name: "luksKillSlot", Group: cli.GroupKeys, Args: "<device> <key slot>", MinArgs: 2,
			Summary: "destroy the keyslot of that number",
			Takes:   cli.OfWriter + cli.OfPassphrase,
			Needs:   []cli.Need{killNeeds},
			About: []string{
				"Destroys the keyslot of that number, after a passphrase of another keyslot was shown. With -q " +
					"nobody is asked at a terminal, and an empty standard input means that nothing is to be shown.",
			},
		},
		Run: luksKillSlot,
	}
}

func killNeeds(inv *cli.Invocation) error {
	if _, err := slotArgument(inv.Args); err != nil {
		return &cli.UsageError{Reason: "Key slot is invalid."}
	}
	return nil
}

// slotArgument is the keyslot number that is the second argument.
func slotArgument(args []string) (int, error) {
	slot, err := strconv.ParseUint(args[1], 10, 31)
	return int(slot), err
}

// luksKillSlot wipes the keyslot that is named, after a passphrase has shown that another one
// still opens.
func luksKillSlot(ctx context.Context, c *verb.Command) error {
	id, err := slotArgument(c.Args)
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
		},
		Run: luksRemoveKey,
	}
}

// luksRemoveKey wipes the keyslot that the given passphrase opens.
func luksRemoveKey(ctx context.Context, c *verb.Command) error {
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

// eraseOptions are those that only erase takes.
type eraseOptions struct {
	hWOpalFactoryReset bool
}

// Erase declares the verb.
func Erase() verb.Verb {
	var o eraseOptions
	return verb.Verb{
		Verb: cli.Verb{
			Name: "erase", Group: cli.GroupKeys, Args: "<device>", MinArgs: 1,
			Summary: "destroy every keyslot, and with them the access to the data",
			Aliases: []cli.Alias{
				{Name: "luksErase"},
			},
			Takes: cli.OfWriter,
			Options: []cli.Option{
				{
					Long: "hw-opal-factory-reset", Into: &o.hWOpalFactoryReset, Lacks: "OPAL hardware encryption",
					Help: "reset the whole drive, with all its data",
				},
			},
			About: []string{
				"Destroys the material of every keyslot. Without a backup of the header nobody can open the " +
					"volume any more. The header itself stays.",
			},
		},
		Run: func(ctx context.Context, c *verb.Command) error { return erase(ctx, c, &o) },
	}
}

// erase wipes every keyslot that a passphrase could open.
func erase(ctx context.Context, c *verb.Command, o *eraseOptions) error {
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
