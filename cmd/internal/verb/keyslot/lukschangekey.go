// SPDX-License-Identifier: Apache-2.0

package keyslot

import (
	"context"
	"fmt"

	"github.com/orthrus-luks/orthrus/cmd/internal/cli"
	"github.com/orthrus-luks/orthrus/cmd/internal/verb"
	"github.com/orthrus-luks/orthrus/cmd/internal/verb/guarded"
	"github.com/orthrus-luks/orthrus/cmd/internal/verb/keys"
	"github.com/orthrus-luks/orthrus/cmd/internal/verb/volume"
	"github.com/orthrus-luks/orthrus/dm/secret"
	"github.com/orthrus-luks/orthrus/luks"
)

// LuksChangeKey declares the verb.
func LuksChangeKey() verb.Verb {
	return verb.Verb{
		Verb: cli.Verb{
			Name: "luksChangeKey", Group: cli.GroupKeys, Args: "<device> [<key file>]", MinArgs: 1,
			Summary: "replace a passphrase or key file by another",
			Takes:   cli.OfWriter + cli.OfPassphrase + cli.OfNewPassphrase + cli.OfNewKeyslot + "key-slot",
			About: []string{
				"Puts a new passphrase in place of the given one. The new keyslot is durable before the old one " +
					"is wiped, so that there is no moment without a key. Priority, tokens and what this program does " +
					"not know of the keyslot stay. So does its number, but in LUKS1 only where --key-slot gives it.",
				"Where all keyslots are taken, the new one takes a detour over room between the keyslots and the " +
					"data. Where there is none either, the change is refused: remove another keyslot first. A LUKS1 " +
					"keyslot is overwritten then, once a header backup lies in the folder of undo copies; that is " +
					"destroyed after the change, and named where the change fails or was cut off. Keyslot 6 of a full " +
					"LUKS1 header keeps its iterations on the detour.",
			},
			Examples: []cli.Example{
				{What: "Change a passphrase:", Line: "orthrus luksChangeKey /dev/sdb2"},
				{What: "Replace one key file by " +
					"another:", Line: "orthrus luksChangeKey --key-file old.key /dev/sdb2 new.key"},
			},
			SeeAlso: []string{"luksAddKey", "luksConvertKey"},
		},
		Run: luksChangeKey,
	}
}

// luksChangeKey puts the volume key under a new passphrase in place of the old one.
func luksChangeKey(ctx context.Context, c *verb.Command) error {
	v, err := volume.Load(ctx, c, volume.Changed)
	if err != nil {
		return err
	}
	defer v.Close()
	if err := v.CheckLeftovers(); err != nil {
		return err
	}
	if err := keys.CheckKeyslot(c, v.Version); err != nil {
		return err
	}
	key, err := keys.Unlock(ctx, c, v, keys.Unlocking{
		Prompt:  "Enter passphrase to be changed: ",
		Keyslot: keys.AnyOrSlot(c),
		Unbound: true,
	})
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

// exchange puts a keyslot with the passphrase in the place of the one that gave the key. In LUKS1 it keeps its number
// where --key-slot says so, and where all are in use.
func exchange(ctx context.Context, c *verb.Command, v *volume.Volume, key *luks.Key, passphrase *secret.Buffer) error {
	n, err := keys.NewKeyslot(ctx, c, v.Version, key.Len(), keys.AnyOrSlot(c))
	if err != nil {
		return err
	}
	kept := aside{c: c, v: v}
	n.Aside = kept.keep
	id, err := v.ChangeKey(ctx, key, passphrase.Bytes(), n)
	if err = kept.conclude(err); err == nil {
		tellChanged(c, v, key.Keyslot, id)
		warnOfIterations(c, v, id, n.KDF.Iterations)
	}
	return guarded.Settle(ctx, c, v.Before(), v.Device(), keys.SlotError(err))
}

// tellChanged says where the new key is, and that header backups keep the old one alive.
func tellChanged(c *verb.Command, v *volume.Volume, old, id int) {
	if !c.UI.Speaks {
		c.UI.Verbosef("Key slot %d created.", id)
		return
	}
	moved := ""
	if old != id {
		moved = fmt.Sprintf(" (it was keyslot %d)", old)
	}
	c.UI.Sayf("Keyslot %d changed%s%s.", id, moved, v.AndFar())
	why := "Header backups from before still open with the old key; replace them:"
	if c.Action == "luksConvertKey" {
		why = "Header backups from before hold it as it was; make a new one:"
	}
	c.AdviseBackup(why, v.Path)
}

// warnOfIterations: a LUKS1 keyslot that had no other place than its own keeps what it had.
func warnOfIterations(c *verb.Command, v *volume.Volume, id int, asked uint32) {
	if slot, err := v.Keyslot(id); err == nil && v.Version == 1 && slot.Spec.KDF.Iterations < asked {
		c.UI.Errorf("WARNING: keyslot %d keeps its %d iterations, since all keyslots are in use and this one could "+
			"not be changed to %d without a moment without a key.", id, slot.Spec.KDF.Iterations, asked)
	}
}
