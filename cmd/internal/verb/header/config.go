// SPDX-License-Identifier: Apache-2.0

package header

import (
	"context"

	"github.com/orthrus-luks/orthrus/cmd/internal/ui"
	"github.com/orthrus-luks/orthrus/cmd/internal/verb"
	"github.com/orthrus-luks/orthrus/cmd/internal/verb/volume"
	"github.com/orthrus-luks/orthrus/luks/luks2"
)

// Config changes a keyslot's priority, or label and subsystem.
func Config(ctx context.Context, c *verb.Command) error {
	v, err := volume.Load(ctx, c, volume.Changed)
	if err != nil {
		return err
	}
	defer v.Close()
	if v.Version != 2 {
		return verb.Failure(ui.Failed, "Device %s is LUKS%d: only LUKS2 has priorities, labels and subsystems.", v.Path, v.Version)
	}
	if err := v.CheckRequirements(); err != nil {
		return err
	}
	if c.Opt.Priority.Set {
		if err := setPriority(ctx, c, v); err != nil {
			return err
		}
	}
	if !c.Opt.Label.Set && !c.Opt.Subsystem.Set {
		return nil
	}
	// Setting one of the two clears the other, unless both are given.
	return v.SetLabels(ctx, c.Opt.Label.V, c.Opt.Subsystem.V)
}

func setPriority(ctx context.Context, c *verb.Command, v *volume.Volume) error {
	priorities := map[string]luks2.Priority{
		"ignore": luks2.PriorityIgnore, "normal": luks2.PriorityNormal, "prefer": luks2.PriorityPrefer,
	}
	p, known := priorities[c.Opt.Priority.V]
	if !known {
		return verb.Failure(ui.Failed, "Wrong priority %s: use ignore, normal or prefer.", c.Opt.Priority.V)
	}
	if !c.Opt.KeySlot.Set {
		return verb.Failure(ui.Failed, "Keyslot must be specified.")
	}
	if _, err := v.Keyslot(c.Opt.KeySlot.V); err != nil {
		return verb.Failure(ui.Failed, "Keyslot %d is not active.", c.Opt.KeySlot.V)
	}
	return v.SetPriority(ctx, c.Opt.KeySlot.V, p)
}
