// SPDX-License-Identifier: Apache-2.0

package mend

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/orthrus-luks/orthrus/cmd/internal/cli"
	"github.com/orthrus-luks/orthrus/cmd/internal/ui"
	"github.com/orthrus-luks/orthrus/cmd/internal/verb"
	"github.com/orthrus-luks/orthrus/cmd/internal/verb/volume"
	"github.com/orthrus-luks/orthrus/dm/block"
	"github.com/orthrus-luks/orthrus/luks"
	"github.com/orthrus-luks/orthrus/luks/header"
	"github.com/orthrus-luks/orthrus/luks/luks1"
	"github.com/orthrus-luks/orthrus/luks/luks2"
	repairing "github.com/orthrus-luks/orthrus/luks/repair"
	"github.com/orthrus-luks/orthrus/luks/signature"
)

// repairOptions are those that only repair takes.
type repairOptions struct {
	choose       cli.Value[string]
	ignoreClones bool
	undo         cli.Value[string]
	fromFar      bool
	wipeFree     bool
}

// Repair declares the verb.
func Repair() verb.Verb {
	var o repairOptions
	return verb.Verb{
		Verb: cli.Verb{
			Name: "repair", Group: cli.GroupRepair, Args: "<device>", MinArgs: 1,
			Summary: "mend LUKS metadata from what is still valid",
			Takes:   cli.OfWriter + cli.OfPassphrase + cli.OfVolumeKey,
			Options: []cli.Option{
				{
					Long: "choose", Arg: "COPY", Into: &o.choose,
					Values: []string{"primary", "secondary"},
					Check: cli.Among(&o.choose, "Option --choose takes primary, secondary or, with --from-far, far.",
						"primary", "secondary", "far"),
					Help: "of two copies that differ, or one of which cannot be read, keep the primary or the secondary",
				},
				{
					Long: "ignore-clones", Into: &o.ignoreClones,
					Help: "repair although another device bears the same UUID",
				},
				{
					Long: "undo", Arg: "FILE", Into: &o.undo, File: true,
					Help: "keep what is overwritten in this file; where the file exists, go back to what it holds",
				},
				{
					Long: "from-far", Into: &o.fromFar,
					Help: "bring the header back from the far header, where no copy of it is valid",
				},
				{
					Long: "wipe-free", Into: &o.wipeFree,
					Help: "then overwrite the room in which keyslots may lie and none does (LUKS2)",
				},
			},
			Rules: []cli.Rule{o.fromFarRule},
			About: []string{
				"Makes both copies of a LUKS2 header equal again, from the one that is sound and newer. Copies " +
					"that differ under the same number, and one that cannot be read and may be newer than the other, " +
					"are left alone until --choose names the one to keep.",
				"In the middle of a reencryption it brings the zone that was being rewritten to its end, and takes a " +
					"run whose data are all new out of the header. It asks for the passphrase, or for both where " +
					"they differ, and proves of each unit of the zone whether it is old or new. --dry-run says what " +
					"is under which key, and what would be written. A run that stopped between two steps is left there: see " +
					"reencrypt.",
				"A change of a key that was killed just behind its commit leaves the old key material where no " +
					"keyslot is, until that place is used again; with it a header from before the change, where " +
					"somebody kept one, opens. What an older header or the far header proves to be such material " +
					"goes in any case. The rest cannot be told from the random bytes that a new volume has there: " +
					"--wipe-free overwrites all of it.",
			},
			Examples: []cli.Example{
				{What: "See what would be written, changing nothing:", Line: "orthrus repair --dry-run /dev/sdb2"},
				{
					What: "Of two copies that differ keep the primary:",
					Line: "orthrus repair --choose primary /dev/sdb2",
				},
			},
			SeeAlso: []string{"check", "reencrypt", "rescue", "far"},
		},
		Run: func(ctx context.Context, c *verb.Command) error { return repair(ctx, c, &o) },
	}
}

// makeDurable writes nothing: what reads as in order may be the work of a repair that was killed before its sync.
func makeDurable(ctx context.Context, c *verb.Command, path string) error {
	return volume.WithHeader(ctx, c, path, false, func(file *luks.File) error { return file.Sync() })
}

func (o *repairOptions) fromFarRule(inv *cli.Invocation) string {
	if o.fromFar != (o.choose.V == "far") && o.choose.Set {
		return "Options --from-far and --choose go together with the copy far only."
	}
	return cli.Refuse(o.fromFar && inv.Options.Header.Set, "Option --from-far cannot be combined with --header.")
}

// repair makes a header whole from what is valid of it, whatever else lies on the device; what it
// overwrites is kept. With --undo and a file that exists it goes back.
func repair(ctx context.Context, c *verb.Command, o *repairOptions) error {
	path, err := volume.MetadataPath(c)
	if err != nil {
		return err
	}
	if err := volume.ApartOn(ctx, c, path); err != nil {
		return err
	}
	if o.undo.Set && volume.Exists(o.undo.V) {
		return volume.GoBack(ctx, c, path, o.undo.V)
	}
	if !o.choose.Set && !o.fromFar && !o.wipeFree {
		if handled, err := repairMidway(ctx, c, path); handled || err != nil {
			return err
		}
	}
	planner := choosePlanner(c, o)
	plan, err := planRepair(ctx, c, path, planner)
	if err != nil {
		return err
	}
	if c.Opt.DryRun {
		return rehearse(ctx, c, path, plan, o.wipeFree)
	}
	if o.wipeFree {
		text := "This will overwrite the room of " + path + " in which keyslots may lie and none does."
		if err := c.UI.Confirm(ctx, ui.Confirmation{Text: text}); err != nil {
			return err
		}
	}
	if len(plan.Writes) == 0 {
		if err := makeDurable(ctx, c, path); err != nil {
			return err
		}
		c.UI.Sayf("Header of %s is in order.", path)
		return concluded(ctx, c, path, o.wipeFree)
	}
	showWrites(c, plan)
	if err := settleClones(ctx, c, o, path, plan.UUID); err != nil {
		return err
	}
	question := "Really try to repair LUKS device header?"
	if err := c.UI.Confirm(ctx, ui.Confirmation{Text: question}); err != nil {
		return err
	}
	if err := carryOutRepair(ctx, c, o, path, plan, planner); err != nil {
		return err
	}
	c.UI.Sayf("Header of %s repaired.", path)
	return concluded(ctx, c, path, o.wipeFree)
}

// concluded concludes what was begun in several steps, brings the far header into step, and overwrites free room.
func concluded(ctx context.Context, c *verb.Command, path string, free bool) (err error) {
	file, err := luks.OpenDevice(path, luks.DeviceOptions{Write: true, NoLocks: c.Opt.DisableLocks})
	var locked error
	if errors.Is(err, block.ErrReadOnly) { // there is nothing to do, or it cannot be done
		locked = verb.DeviceError(path, err)
		file, err = luks.OpenDevice(path, luks.DeviceOptions{NoLocks: c.Opt.DisableLocks})
	}
	if err != nil {
		return verb.DeviceError(path, err)
	}
	defer func() { err = errors.Join(err, file.Close()) }()
	v, err := luks.Load(ctx, file)
	if err != nil {
		return verb.DeviceError(path, err)
	}
	if v.Version == 1 {
		err := concluded1(ctx, c, v, path, locked)
		if free && err == nil {
			err = v.OverwriteFree(ctx)
		}
		return err
	}
	if locked != nil && !free {
		steps, err := v.PlanResume(ctx)
		volume.ShowSteps(c, steps)
		if err == nil && len(steps) > 0 {
			return locked
		}
		return volume.SizeError(path, err)
	}
	longer := volume.StaysLonger(c, v, path)
	resumed, err := v.Resume(ctx, volume.TellStep(c))
	if err != nil {
		return volume.SizeError(path, err)
	}
	longer()
	if resumed {
		c.UI.Sayf("What was begun on %s was concluded.", path)
	}
	if free {
		if err := v.OverwriteFree(ctx); err != nil {
			return volume.SizeError(path, err)
		}
	}
	return followed(ctx, c, path)
}

// concluded1 is concluded for LUKS1.
func concluded1(ctx context.Context, c *verb.Command, v *luks.Volume, path string, locked error) (err error) {
	if _, _, stray := v.LUKS1.Stray(); stray && locked != nil {
		return locked
	}
	var left []volume.Leftover
	if c.Opt.DryRun || locked != nil {
		left, err = volume.Leftovers(ctx, v)
	} else {
		left, err = volume.Concluded1(ctx, c, v, path)
	}
	for _, l := range left {
		c.UI.Errorf("WARNING: %s: %s.", path, l)
	}
	return err
}

func keep(c *verb.Command, o *repairOptions) repairing.Keep {
	switch o.choose.V {
	case "primary":
		return repairing.KeepPrimary
	case "secondary":
		return repairing.KeepSecondary
	}
	return repairing.KeepNone
}

// planRepair looks at the device through a handle that cannot write.
func planRepair(ctx context.Context, c *verb.Command, path string, again planner) (repairing.Plan, error) {
	var plan repairing.Plan
	err := volume.WithHeader(ctx, c, path, false, func(file *luks.File) (err error) {
		plan, err = again(ctx, file)
		if err == nil && len(plan.Writes) > 0 {
			warnOfSignatures(c, file)
		}
		return err
	})
	if errors.Is(err, header.ErrConflict) && plan.Conflict != nil {
		showConflict(c, plan.Conflict)
		return plan, &verb.Notice{
			Text: fmt.Sprintf("The two header copies of %s differ under the same sequence number; choose one with "+
				"--choose primary or --choose secondary.", path),
			Code: ui.Failed, Err: err,
		}
	}
	return plan, headerError(path, err)
}

// headerError adds to deviceError what repair finds.
func headerError(path string, err error) error {
	var none *header.NoHeaderError
	var field *luks1.FieldError
	switch {
	case errors.As(err, &none) && none.Absent():
		return verb.DeviceError(path, luks.ErrNotLUKS)
	case errors.As(err, &none):
		return &verb.Notice{Text: fmt.Sprintf("Device %s has no valid header to repair it from: %v. Search for one "+
			"with rescue.", path, none), Code: ui.Failed, Err: err}
	case errors.As(err, &field):
		return &verb.Notice{Text: fmt.Sprintf("Device %s: %v. This cannot be mended without a header backup.", path,
			field), Code: ui.Failed, Err: err}
	case errors.Is(err, repairing.ErrNotValid):
		return &verb.Notice{
			Text: fmt.Sprintf("Device %s: %v.", path, err), Code: ui.Failed,
			Err: repairing.ErrNotValid,
		}
	case errors.Is(err, repairing.ErrNoConflict):
		return verb.Failure(ui.Failed, "The header copies of %s do not conflict; nothing is to be chosen.", path)
	}
	return verb.DeviceError(path, err)
}

// showWrites prints each range with its reason; without --dry-run only where -v asks for it.
func showWrites(c *verb.Command, p repairing.Plan) {
	say := c.UI.Verbosef
	if c.Opt.DryRun {
		say = c.UI.Printf
	}
	for _, w := range p.Writes {
		say("%s: bytes %d to %d: %s", w.What, w.Offset, w.Offset+uint64(len(w.Bytes))-1, w.Why)
	}
}

// warnOfSignatures names what else claims the device: repair was asked for by somebody who knows.
func warnOfSignatures(c *verb.Command, file *luks.File) {
	found, err := signature.Detect(file, file.Size())
	if err != nil {
		c.UI.Debugf("%v", err)
	}
	for _, s := range found {
		if s.Foreign() {
			c.UI.Errorf("WARNING: %s also bears a signature of %s at byte %d.", file.Path(), s.Kind, s.Offset)
		}
	}
}

func showConflict(c *verb.Command, conflict *repairing.Conflict) {
	for _, f := range []header.Found{conflict.Primary, conflict.Secondary} {
		var ids []int
		for _, slot := range f.Copy.Metadata.Keyslots() {
			ids = append(ids, slot.ID)
		}
		label := ""
		if f.Copy.Header.Label != "" {
			label = fmt.Sprintf(", label %q", f.Copy.Header.Label)
		}
		c.UI.Errorf("%v header at byte %d: seqid %d, UUID %s%s, %s, %d tokens", f.Place, f.Offset, f.Copy.Header.SeqID,
			f.Copy.Header.UUID, label, luks2.NameKeyslots(ids), len(f.Copy.Metadata.Tokens()))
	}
}

// carryOutRepair plans again under the exclusive lock, keeps what will be overwritten, and writes.
func carryOutRepair(ctx context.Context, c *verb.Command, o *repairOptions, path string, seen repairing.Plan,
	again planner,
) error {
	err := volume.WithHeader(ctx, c, path, true, func(file *luks.File) error {
		plan, err := again(ctx, file)
		if err != nil {
			return err
		}
		if plan.Generation != seen.Generation {
			return header.ErrChanged
		}
		if err := keepUndo(c, o, file, plan, time.Now()); err != nil {
			return err
		}
		return repairing.Apply(file, plan)
	})
	return headerError(path, err)
}
