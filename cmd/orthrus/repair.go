// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"

	"github.com/orthrus-luks/orthrus/cmd/internal/ui"
	"github.com/orthrus-luks/orthrus/luks"
)

// repair makes both heads of a LUKS2 volume equal again, whatever else lies on the device.
func repair(ctx context.Context, c *command) error {
	path, err := c.metadataPath()
	if err != nil {
		return err
	}
	file, err := luks.OpenDevice(path, luks.DeviceOptions{Write: !c.o.DryRun, NoLocks: c.o.DisableLocks})
	if err != nil {
		return deviceError(path, err)
	}
	defer file.Close()
	v, err := luks.Load(ctx, file)
	if err != nil {
		return deviceError(path, err)
	}
	if v.Version == 1 || v.Choice.Healthy() {
		c.ui.Verbosef("Header of %s is in order.", path)
		return nil
	}
	if c.o.DryRun {
		c.ui.Printf("%s: %v; repair would write the other copy again.", path, v.Choice.Reason)
		return nil
	}
	question := "Really try to repair LUKS device header?"
	if err := c.ui.Confirm(ctx, ui.Confirmation{Text: question}); err != nil {
		return err
	}
	if _, err := v.Heal(ctx, true); err != nil {
		return err
	}
	c.ui.Verbosef("Header of %s repaired.", path)
	return nil
}
