// SPDX-License-Identifier: Apache-2.0

package mend

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"

	"github.com/orthrus-luks/orthrus/cmd/internal/ui"
	"github.com/orthrus-luks/orthrus/cmd/internal/verb"
	"github.com/orthrus-luks/orthrus/luks"
	"github.com/orthrus-luks/orthrus/luks/far"
	"github.com/orthrus-luks/orthrus/luks/header"
	"github.com/orthrus-luks/orthrus/luks/luks2"
	repairing "github.com/orthrus-luks/orthrus/luks/repair"
)

// planner plans a repair of an open device, twice: once to show it, and again under the exclusive lock.
type planner func(ctx context.Context, file *luks.File) (repairing.Plan, error)

func choosePlanner(c *verb.Command, o *repairOptions) planner {
	if o.fromFar {
		return planFromFar(c, o)
	}
	return func(ctx context.Context, file *luks.File) (repairing.Plan, error) { return planHeads(ctx, c, o, file) }
}

// planHeads mends heads from each other, and keyslot areas from the far header.
func planHeads(ctx context.Context, c *verb.Command, o *repairOptions, file *luks.File) (repairing.Plan, error) {
	plan, err := repairing.Make(file, keep(c, o), rand.Reader)
	if err != nil || plan.Version != 2 {
		return plan, err
	}
	v, err := luks.Load(ctx, bare{file})
	if err != nil {
		return plan, err
	}
	f, err := v.Far(ctx)
	if err != nil {
		c.UI.Debugf("far header: %v", err)
		return plan, nil
	}
	plan.MendKeyslots(f.Recorded, v.Choice.Copy, f.Damaged)
	return plan, nil
}

// bare is a device whose lock is held already.
type bare struct{ luks.Device }

// planFromFar searches once, and looks again at the place it found.
func planFromFar(c *verb.Command, o *repairOptions) planner {
	var place *far.Place
	return func(ctx context.Context, file *luks.File) (repairing.Plan, error) {
		if place == nil {
			f, err := findFar(ctx, c, o, file)
			if err != nil {
				return repairing.Plan{}, err
			}
			place = &f.Place
		}
		plan, brought, err := repairing.FromFar(file, far.Look(file, place.Locator), o.choose.V == "far", rand.Reader)
		if err != nil {
			return plan, err
		}
		tellBrought(c, brought)
		return plan, nil
	}
}

// findFar searches the device and shows what is found.
func findFar(ctx context.Context, c *verb.Command, o *repairOptions, file *luks.File) (far.Found, error) {
	f, err := repairing.FindFar(ctx, file, o.choose.V == "far", func(f far.Found) {
		c.UI.Verbosef("Far header at byte %d: UUID %s, seqid %d, %v, written for a device of %d bytes.",
			f.Place.Start(), f.Locator.UUID, f.Locator.SeqID, f.State, f.Locator.DeviceSize)
	})
	switch {
	case errors.Is(err, repairing.ErrHeadValid):
		return f, verb.Failure(ui.Failed, "The header of %s has a valid copy, which a far header never wins over; "+
			"use repair without --from-far.", file.Path())
	case errors.Is(err, header.ErrUnreadable):
		return f, &verb.Notice{Text: fmt.Sprintf("Device %s: %v. To give it up for the far header, add --choose far.",
			file.Path(), err), Code: ui.Failed}
	case errors.Is(err, repairing.ErrNoFar):
		return f, verb.Failure(ui.Failed, "No far header was found on %s. Search for other remains with rescue.",
			file.Path())
	case errors.Is(err, repairing.ErrSeveral):
		return f, verb.Failure(ui.Failed, "Far headers of several volumes were found on %s; nothing was chosen. "+
			"See them with --verbose.", file.Path())
	}
	return f, err
}

// tellBrought says what a repair brings back: keys that were revoked since may be among it.
func tellBrought(c *verb.Command, b repairing.Brought) {
	say := c.UI.Verbosef
	if c.Opt.DryRun {
		say = c.UI.Printf
	}
	h := b.Head.Header
	var ids []int
	for _, k := range b.Head.Metadata.Keyslots() {
		ids = append(ids, k.ID)
	}
	say("The far header brings back LUKS2 %s, seqid %d, %s, %d tokens.", h.UUID, h.SeqID, luks2.NameKeyslots(ids),
		len(b.Head.Metadata.Tokens()))
	for _, id := range b.Damaged {
		c.UI.Errorf("WARNING: keyslot %d is damaged in the far header too and stays as it is on the device.", id)
	}
}

// followed tells whether the far header is in step after a repair, and brings it there where it may.
func followed(ctx context.Context, c *verb.Command, path string) error {
	file, err := luks.OpenDevice(path, luks.DeviceOptions{Write: true, NoLocks: c.Opt.DisableLocks})
	if err != nil {
		return verb.DeviceError(path, err)
	}
	defer file.Close()
	v, err := luks.Load(ctx, file)
	if err != nil {
		return verb.DeviceError(path, err)
	}
	if _, err := v.Resume(ctx, nil); err != nil {
		c.UI.Errorf("WARNING: what was begun on the far header of %s stays unfinished: %v", path, err)
	}
	return follow(ctx, c, v, path)
}
