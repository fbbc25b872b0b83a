// SPDX-License-Identifier: Apache-2.0

package verb

import (
	"context"

	"github.com/orthrus-luks/orthrus/cmd/internal/ui"
	"github.com/orthrus-luks/orthrus/luks/luks2"
)

// config changes a keyslot's priority, or label and subsystem.
func config(ctx context.Context, c *command) error {
	v, err := c.load(ctx, changed)
	if err != nil {
		return err
	}
	defer v.Close()
	if v.Version != 2 {
		return failure(ui.Failed, "Device %s is LUKS%d: only LUKS2 has priorities, labels and subsystems.", v.path, v.Version)
	}
	if err := v.CheckRequirements(); err != nil {
		return err
	}
	if c.o.Priority.Set {
		if err := c.setPriority(ctx, v); err != nil {
			return err
		}
	}
	if !c.o.Label.Set && !c.o.Subsystem.Set {
		return nil
	}
	// Setting one of the two clears the other, unless both are given.
	return v.SetLabels(ctx, c.o.Label.V, c.o.Subsystem.V)
}

func (c *command) setPriority(ctx context.Context, v *volume) error {
	priorities := map[string]luks2.Priority{
		"ignore": luks2.PriorityIgnore, "normal": luks2.PriorityNormal, "prefer": luks2.PriorityPrefer,
	}
	p, known := priorities[c.o.Priority.V]
	if !known {
		return failure(ui.Failed, "Wrong priority %s: use ignore, normal or prefer.", c.o.Priority.V)
	}
	if !c.o.KeySlot.Set {
		return failure(ui.Failed, "Keyslot must be specified.")
	}
	if _, err := v.Keyslot(c.o.KeySlot.V); err != nil {
		return failure(ui.Failed, "Keyslot %d is not active.", c.o.KeySlot.V)
	}
	return v.SetPriority(ctx, c.o.KeySlot.V, p)
}
