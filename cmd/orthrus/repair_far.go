// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"

	"github.com/orthrus-luks/orthrus/cmd/internal/ui"
	"github.com/orthrus-luks/orthrus/luks"
	"github.com/orthrus-luks/orthrus/luks/far"
	"github.com/orthrus-luks/orthrus/luks/header"
	repairing "github.com/orthrus-luks/orthrus/luks/repair"
)

// planner plans a repair of an open device, twice: once to show it, and again under the exclusive lock.
type planner func(ctx context.Context, file *luks.File) (repairing.Plan, error)

func (c *command) planner() planner {
	if c.o.FromFar {
		return c.planFromFar()
	}
	return c.planHeads
}

// planHeads mends heads from each other, and keyslot areas from the far header.
func (c *command) planHeads(ctx context.Context, file *luks.File) (repairing.Plan, error) {
	plan, err := repairing.Make(file, c.keep(), rand.Reader)
	if err != nil || plan.Version != 2 {
		return plan, err
	}
	v, err := luks.Load(ctx, bare{file})
	if err != nil {
		return plan, err
	}
	f, err := v.Far(ctx)
	if err != nil {
		c.ui.Debugf("far header: %v", err)
		return plan, nil
	}
	plan.MendKeyslots(f.Recorded, v.Choice.Copy, f.Damaged)
	return plan, nil
}

// bare is a device whose lock is held already.
type bare struct{ luks.Device }

// planFromFar searches once, and looks again at the place it found.
func (c *command) planFromFar() planner {
	var place *far.Place
	return func(ctx context.Context, file *luks.File) (repairing.Plan, error) {
		if place == nil {
			f, err := c.findFar(ctx, file)
			if err != nil {
				return repairing.Plan{}, err
			}
			place = &f.Place
		}
		plan, brought, err := repairing.FromFar(file, far.Look(file, place.Locator), c.o.Choose.V == "far", rand.Reader)
		if err != nil {
			return plan, err
		}
		c.tellBrought(brought)
		return plan, nil
	}
}

// findFar searches the device and shows what is found.
func (c *command) findFar(ctx context.Context, file *luks.File) (far.Found, error) {
	f, err := repairing.FindFar(ctx, file, c.o.Choose.V == "far", func(f far.Found) {
		c.ui.Verbosef("Far header at byte %d: UUID %s, seqid %d, %v, written for a device of %d bytes.",
			f.Place.Start(), f.Locator.UUID, f.Locator.SeqID, f.State, f.Locator.DeviceSize)
	})
	switch {
	case errors.Is(err, repairing.ErrHeadValid):
		return f, failure(ui.Failed, "The header of %s has a valid copy, which a far header never wins over; use repair without --from-far.", file.Path())
	case errors.Is(err, header.ErrUnreadable):
		return f, &notice{text: fmt.Sprintf("Device %s: %v. To give it up for the far header, add --choose far.", file.Path(), err), code: ui.Failed}
	case errors.Is(err, repairing.ErrNoFar):
		return f, failure(ui.Failed, "No far header was found on %s. Search for other remains with rescue.", file.Path())
	case errors.Is(err, repairing.ErrSeveral):
		return f, failure(ui.Failed, "Far headers of several volumes were found on %s; nothing was chosen. See them with --verbose.", file.Path())
	}
	return f, err
}

// tellBrought says what a repair brings back: keys that were revoked since may be among it.
func (c *command) tellBrought(b repairing.Brought) {
	say := c.ui.Verbosef
	if c.o.DryRun {
		say = c.ui.Printf
	}
	h := b.Head.Header
	var ids []int
	for _, k := range b.Head.Metadata.Keyslots() {
		ids = append(ids, k.ID)
	}
	say("The far header brings back LUKS2 %s, seqid %d, %s, %d tokens.", h.UUID, h.SeqID, idList("keyslot", ids), len(b.Head.Metadata.Tokens()))
	for _, id := range b.Damaged {
		c.ui.Errorf("WARNING: keyslot %d is damaged in the far header too and stays as it is on the device.", id)
	}
}

// followed tells whether the far header is in step after a repair, and brings it there where it may.
func (c *command) followed(ctx context.Context, path string) error {
	file, err := luks.OpenDevice(path, luks.DeviceOptions{Write: true, NoLocks: c.o.DisableLocks})
	if err != nil {
		return deviceError(path, err)
	}
	defer file.Close()
	v, err := luks.Load(ctx, file)
	if err != nil {
		return deviceError(path, err)
	}
	if _, err := v.ResumeFar(ctx); err != nil {
		c.ui.Errorf("WARNING: what was begun on the far header of %s stays unfinished: %v", path, err)
	}
	f, err := v.Far(ctx)
	if err != nil || f.Standing == far.None || f.Standing == far.InStep {
		return err
	}
	if _, err := v.SyncFar(ctx, nil, nil); err != nil {
		c.ui.Errorf("WARNING: the far header of %s was not changed along: %s.", path, oneLine(err))
	}
	return nil
}

// openFromFar loads the far header of a device without a valid head as a detached header, for reading.
func (c *command) openFromFar(ctx context.Context, file *luks.File) (*luks.Volume, error) {
	f, err := repairing.FindFar(ctx, file, true, func(far.Found) {})
	if errors.Is(err, repairing.ErrHeadValid) {
		return nil, failure(ui.Failed, "The header of %s has a valid copy; open it without --header-from-far.", file.Path())
	}
	if err != nil {
		return nil, fmt.Errorf("far header: %w", err)
	}
	c.ui.Verbosef("Using the far header at byte %d of %s, seqid %d.", f.Place.Start(), file.Path(), f.Locator.SeqID)
	return luks.Load(ctx, f.Device())
}
