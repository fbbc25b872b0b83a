// SPDX-License-Identifier: Apache-2.0

package keyslot

import (
	"context"
	"errors"

	"github.com/orthrus-luks/orthrus/cmd/internal/cli"
	"github.com/orthrus-luks/orthrus/cmd/internal/ui"
	"github.com/orthrus-luks/orthrus/cmd/internal/verb"
	"github.com/orthrus-luks/orthrus/cmd/internal/verb/guarded"
	"github.com/orthrus-luks/orthrus/cmd/internal/verb/volume"
	"github.com/orthrus-luks/orthrus/luks/far"
	"github.com/orthrus-luks/orthrus/luks/header"
)

// Erase declares the verb.
func Erase() verb.Verb {
	var factoryReset bool
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
					Long: "hw-opal-factory-reset", Into: &factoryReset, Lacks: cli.LacksOpal,
					Help: "reset the whole drive, with all its data",
				},
			},
			About: []string{
				"Destroys the material of every keyslot. Without a backup of the header nobody can open the " +
					"volume any more. The header itself stays.",
			},
			Examples: []cli.Example{
				{What: "Give a disk away:", Line: "orthrus erase /dev/sdb2"},
				{What: "See what would be destroyed:", Line: "orthrus erase --dry-run -q /dev/sdb2"},
			},
			SeeAlso: []string{"luksKillSlot", "far"},
		},
		Run: erase,
	}
}

// erase wipes every keyslot that a passphrase could open.
func erase(ctx context.Context, c *verb.Command) error {
	v, err := volume.Load(ctx, c, volume.Changed)
	if err != nil {
		return err
	}
	defer v.Close()
	text := "This operation will erase all keyslots on device " + v.Path +
		".\nDevice will become unusable after this operation."
	if err := c.UI.Confirm(ctx, ui.Confirmation{
		Text:    text,
		Refused: "Operation aborted, keyslots were NOT wiped.",
	}); err != nil {
		return err
	}
	err = guarded.SettleErased(ctx, c, v.Before(), v.Device(), eraseAll(ctx, v))
	if err == nil {
		c.UI.Advisef("All keyslots of %s are destroyed%s. Only a header backup from before opens it.", v.Path,
			v.AndFar())
	} else {
		tellWhatStays(ctx, c, v)
	}
	return errors.Join(err, tellOthers(ctx, c, v))
}

// tellWhatStays says what an erasing that failed has come to: the same error of a disk may come before it or after it.
func tellWhatStays(ctx context.Context, c *verb.Command, v *volume.Volume) {
	before := v.Found.BoundKeyslots()
	if c.Opt.DryRun || before == 0 || v.Reload(context.WithoutCancel(ctx)) != nil {
		return
	}
	if left := v.BoundKeyslots(); left > 0 {
		c.UI.Errorf("%d of %d keyslots of %s are still there.", left, before, v.Path)
		return
	}
	c.UI.Errorf("All keyslots of %s are destroyed all the same: nothing in its header opens it any more.", v.Path)
}

// tellOthers names far headers of volumes that lay on the device before, and that another program formatted over: they
// are not of this volume, and still open what is left of theirs.
func tellOthers(ctx context.Context, c *verb.Command, v *volume.Volume) error {
	others, err := far.Every(ctx, v.Device())
	for _, f := range others {
		if f.State == far.Whole && !v.OwnsFar(f) {
			c.UI.Errorf("WARNING: the far header of another volume, %s, stays at byte %d of %s; luksFormat wipes it.",
				f.Locator.UUID, f.Place.Start(), v.Path)
		}
	}
	return err
}

// eraseAll takes the far header first. Of heads that contradict each other none says where it is until they agree.
func eraseAll(ctx context.Context, v *volume.Volume) error {
	if v.Version == 2 && v.Choice.Reason == header.Conflicting {
		if err := v.Erase(ctx); err != nil {
			return err
		}
		return v.EraseFar(ctx)
	}
	left := v.EraseFar(ctx)
	return errors.Join(left, v.Erase(ctx))
}
