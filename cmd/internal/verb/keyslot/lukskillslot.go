// SPDX-License-Identifier: Apache-2.0

package keyslot

import (
	"context"
	"errors"
	"fmt"
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
					"nobody is asked at a terminal. An empty standard input means that nothing is to be shown.",
			},
			Examples: []cli.Example{
				{What: "Destroy keyslot 3:", Line: "orthrus luksKillSlot /dev/sdb2 3"},
				{
					What: "From a script, shown by a key file that stays:",
					Line: "orthrus luksKillSlot -q --key-file k /dev/sdb2 3",
				},
			},
			SeeAlso: []string{"luksRemoveKey", "erase"},
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
	v, err := volume.Load(ctx, c, volume.Removing)
	if err != nil {
		return err
	}
	defer v.Close()
	if err := v.CheckLeftovers(); err != nil {
		return err
	}
	slot, err := v.Keyslot(id)
	if err != nil {
		return verb.Failure(ui.Failed, "Keyslot %d is not active.", id)
	}
	c.UI.Verbosef("Keyslot %d is selected for deletion.", id)
	proof := v
	last := v.Last(slot)
	if last {
		err = c.UI.Confirm(ctx, purgeLast)
	} else {
		proof = v.Without(id)
	}
	if err != nil {
		return err
	}
	key, err := prove(ctx, c, proof)
	if err == nil && last {
		err = askable(c, v)
	}
	if err != nil {
		return errors.Join(err, key.Close())
	}
	return errors.Join(kill(ctx, c, v, id, key), key.Close())
}

// purgeLast is the question before the last keyslot goes.
var purgeLast = ui.Confirmation{Text: lastKeyslot, Refused: "Operation aborted, the keyslot was NOT wiped."}

// askable refuses to destroy the last keyslot of a key that a reencryption needs where nobody is there to be asked;
// cryptsetup takes that for a yes.
func askable(c *verb.Command, v *volume.Volume) error {
	if len(v.Keys()) > 1 && !c.UI.Batch && !c.UI.Interactive() {
		return verb.Failure(ui.Failed, "This is the last keyslot of a key that the reencryption of %s needs, and "+
			"nobody can be asked; -q destroys it all the same.", v.Path)
	}
	return nil
}

// prove verifies a passphrase of a keyslot that stays, or of the last one. With -q nobody is asked
// at a terminal, and an empty standard input means that there is nothing to verify, with -q or without:
// then there is no key.
func prove(ctx context.Context, c *verb.Command, v *volume.Volume) (*luks.Key, error) {
	if c.UI.Batch && c.UI.Interactive() && keys.KeyFile(c) == "" {
		return nil, nil
	}
	key, err := remaining(ctx, c, v)
	file := keys.KeyFile(c)
	fromInput := (file == "" || file == "-") && !c.UI.Interactive()
	if fromInput && errors.Is(err, ui.ErrNothingToRead) {
		c.UI.Errorf("%s", ui.ErrNothingToRead.Error())
		return nil, nil
	}
	return key, err
}

// remaining is the key of a keyslot that stays. In a reencryption no keyslot proves that both of its keys stay.
func remaining(ctx context.Context, c *verb.Command, v *volume.Volume) (*luks.Key, error) {
	if len(v.Keys()) < 2 {
		return keys.Unlock(ctx, c, v, keys.Unlocking{Prompt: promptRemaining, Keyslot: luks.AnyKeyslot})
	}
	passphrase, err := c.UI.Secret(ctx, keys.Existing(c, promptRemaining))
	if err != nil {
		return nil, err
	}
	return nil, errors.Join(&verb.Notice{
		Text: fmt.Sprintf("No key available with this passphrase: %s is being reencrypted, and no keyslot opens both "+
			"of its keys.", v.Path), Code: ui.Denied, Err: luks.ErrPassphrase,
	}, passphrase.Close())
}

func kill(ctx context.Context, c *verb.Command, v *volume.Volume, id int, by *luks.Key) error {
	err := v.KillKeyslot(ctx, id, by)
	if err == nil {
		tellRemoved(c, v, id)
	}
	return guarded.Settle(ctx, c, v.Before(), v.Device(), err)
}

// tellRemoved says what is gone, and that header backups still have it.
func tellRemoved(c *verb.Command, v *volume.Volume, id int) {
	if !c.UI.Speaks {
		c.UI.Verbosef("Key slot %d removed.", id)
		return
	}
	c.UI.Sayf("Keyslot %d destroyed%s; %s left.", id, v.AndFar(), keyslots(len(v.Keyslots)))
	if len(v.Keyslots) == 0 {
		c.UI.Advisef("Nothing opens %s any more but a header backup from before.", v.Path)
		return
	}
	c.AdviseBackup("Header backups from before still open with it; replace them:", v.Path)
}

func keyslots(n int) string {
	switch n {
	case 0:
		return "no keyslot is"
	case 1:
		return "one keyslot is"
	}
	return fmt.Sprintf("%d keyslots are", n)
}
