// SPDX-License-Identifier: Apache-2.0

package mend

import (
	"context"
	"errors"

	"github.com/orthrus-luks/orthrus/cmd/internal/verb"
	"github.com/orthrus-luks/orthrus/cmd/internal/verb/volume"
	"github.com/orthrus-luks/orthrus/luks"
	"github.com/orthrus-luks/orthrus/luks/far"
	repairing "github.com/orthrus-luks/orthrus/luks/repair"
)

// rehearse shows what a repair writes: the plan, then what was begun in several steps, then the far header, as all
// of that comes to be on a device that keeps writes to itself.
func rehearse(ctx context.Context, c *verb.Command, path string, plan repairing.Plan, free bool) (err error) {
	showWrites(c, plan)
	file, err := luks.OpenDevice(path, luks.DeviceOptions{NoLocks: c.Opt.DisableLocks})
	if err != nil {
		return verb.DeviceError(path, err)
	}
	defer func() { err = errors.Join(err, file.Close()) }()
	r := volume.NewRehearsal(file)
	if len(plan.Writes) > 0 {
		if err := repairing.Apply(r, plan); err != nil {
			return headerError(path, err)
		}
	}
	v, err := luks.Load(ctx, r)
	if err != nil {
		return verb.DeviceError(path, err)
	}
	if v.Version == 1 {
		return concluded1(ctx, c, v, path, nil)
	}
	steps, err := v.PlanResume(ctx)
	if err != nil {
		return volume.SizeError(path, err)
	}
	volume.ShowSteps(c, steps)
	if _, err := v.Resume(ctx, nil); err != nil {
		return volume.SizeError(path, err)
	}
	seen := r.Writes()
	if err := follow(ctx, c, v, path); err != nil {
		return err
	}
	if free {
		err = v.OverwriteFree(ctx)
	}
	r.TellSince(ctx, c.UI, seen)
	return err
}

// follow brings the far header into step where it may.
func follow(ctx context.Context, c *verb.Command, v *luks.Volume, path string) error {
	f, err := v.Far(ctx)
	if err != nil || f.Standing == far.None || f.Standing == far.InStep {
		return err
	}
	if _, err := v.SyncFar(ctx, nil, nil); err != nil {
		c.UI.Errorf("WARNING: the far header of %s was not changed along: %s.", path, verb.OneLine(err))
	}
	return nil
}
