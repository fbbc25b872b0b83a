// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"errors"
	"fmt"

	"github.com/orthrus-luks/orthrus/cmd/internal/ui"
	"github.com/orthrus-luks/orthrus/luks"
	"github.com/orthrus-luks/orthrus/luks/far"
)

// farHeader works on the third copy of a LUKS2 header, near the device's end.
func farHeader(ctx context.Context, c *command) error {
	does := map[string]func(context.Context, *command) error{
		"enable": farEnable, "disable": farDisable, "sync": farSync, "status": farStatus,
	}[c.Args[0]]
	if does == nil {
		return failure(ui.Failed, "Invalid far action: enable, disable, sync or status.")
	}
	if c.o.Header.Set {
		return failure(ui.Failed, "A detached header has no far header.")
	}
	c.Args = c.Args[1:]
	return does(ctx, c)
}

// farEnable makes a far header in room that is proven free.
func farEnable(ctx context.Context, c *command) error {
	v, err := c.load(ctx, changed)
	if err != nil {
		return err
	}
	defer v.Close()
	plan, err := v.PlanFar()
	if err != nil {
		return farError(v.path, err)
	}
	if err := c.notZoned(v); err != nil {
		return err
	}
	room, err := c.provenRoom(ctx, v)
	if err != nil {
		return farError(v.path, err)
	}
	defer room.Close()
	if room.End <= plan.DataSize && room.visible > plan.DataSize && !c.o.ShrinkData {
		return failure(ui.Failed, "The data of %s would become %d bytes shorter, at %d; its contents (%s) end at byte %d, so nothing is lost. Add --shrink-data to do that.",
			v.path, room.visible-plan.DataSize, plan.DataSize, room.kind, room.End)
	}
	if plan, err = v.EnableFar(ctx, room.Room); err != nil {
		return farError(v.path, err)
	}
	c.ui.Verbosef("Far header of %s: %d bytes at byte %d, locator at byte %d; the data has %d bytes.",
		v.path, plan.Place.Body.Size, plan.Place.Start(), plan.Place.Locator, plan.DataSize)
	return nil
}

// notZoned refuses devices on which what lies at the end cannot be written in place.
func (c *command) notZoned(v *volume) error {
	t, err := v.file.Topology()
	if err != nil {
		return deviceError(v.path, err)
	}
	if t.Zoned {
		return failure(ui.Failed, "Device %s is zoned, which far headers cannot live on.", v.path)
	}
	return nil
}

// farDisable wipes the far header and gives its room back.
func farDisable(ctx context.Context, c *command) error {
	v, err := c.load(ctx, changed)
	if err != nil {
		return err
	}
	defer v.Close()
	if err := v.DisableFar(ctx); err != nil {
		return farError(v.path, err)
	}
	c.ui.Verbosef("%s has no far header any more; a mapping of it keeps its length until it is resized.", v.path)
	return nil
}

// farSync brings the far header into step and wipes forgotten copies. Contents are looked at only where
// the data reaches over the far header.
func farSync(ctx context.Context, c *command) error {
	v, err := c.load(ctx, changed)
	if err != nil {
		return err
	}
	defer v.Close()
	f, err := v.Far(ctx)
	if err != nil {
		return farError(v.path, err)
	}
	var room *luks.Room
	if f.Exposed || f.Covered {
		proof, err := c.provenRoom(ctx, v)
		if err != nil {
			return farError(v.path, err)
		}
		defer proof.Close()
		room = &proof.Room
	}
	var others []far.Found
	if c.o.Search {
		if others, err = c.searchFar(ctx, v); err != nil {
			return err
		}
	}
	done, err := v.SyncFar(ctx, room, others)
	c.tellSynced(v.path, done)
	return farError(v.path, err)
}

// searchFar looks for forgotten copies at every MiB of the device.
func (c *command) searchFar(ctx context.Context, v *volume) ([]far.Found, error) {
	var others []far.Found
	err := far.Search(ctx, v.Device(), 0, func(f far.Found) bool {
		if f.Locator.Of(v.UUID) {
			others = append(others, f)
		}
		return true
	})
	return others, err
}

func (c *command) tellSynced(path string, done luks.FarSync) {
	if done.Refixed {
		c.ui.Verbosef("The data segment of %s ends before the far header again.", path)
	}
	if done.Updated {
		c.ui.Verbosef("Far header of %s brought into step.", path)
	}
	for _, p := range done.Wiped {
		c.ui.Verbosef("Forgotten far header at byte %d of %s wiped.", p.Start(), path)
	}
	for p, err := range done.Left {
		c.ui.Errorf("Forgotten far header at byte %d of %s, which holds key material, is left: %v", p.Start(), path, err)
	}
	if !done.Refixed && !done.Updated && len(done.Wiped)+len(done.Left) == 0 {
		c.ui.Verbosef("Nothing to do.")
	}
}

// farError puts a refusal into one line that names the device.
func farError(path string, err error) error {
	var left *luks.FarError
	switch {
	case err == nil:
		return nil
	case errors.As(err, &left):
		return &notice{text: fmt.Sprintf("Device %s: %v.", path, oneLine(err)), code: ui.Failed, err: err}
	}
	return &notice{text: fmt.Sprintf("Device %s: %s. Nothing was changed.", path, oneLine(err)), code: ui.Failed, err: err}
}
