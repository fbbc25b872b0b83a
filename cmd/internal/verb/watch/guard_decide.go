// SPDX-License-Identifier: Apache-2.0

package watch

import (
	"context"
	"errors"
	"slices"

	"github.com/orthrus-luks/orthrus/cmd/internal/guard"
	"github.com/orthrus-luks/orthrus/cmd/internal/ui"
	"github.com/orthrus-luks/orthrus/cmd/internal/verb"
	"github.com/orthrus-luks/orthrus/cmd/internal/verb/guarded"
	"github.com/orthrus-luks/orthrus/dm/block"
)

// guardAccept says that what lies on a device is the volume from now on.
func guardAccept(ctx context.Context, c *verb.Command, o *guardOptions, device string) error {
	config, err := guarded.ReadConfig(ctx, o.configFile)
	if err != nil {
		return err
	}
	path, err := block.Resolve(device)
	if err != nil {
		return verb.DeviceError(device, err)
	}
	id, err := guarded.ID(path)
	if err != nil {
		return verb.DeviceError(path, err)
	}
	g := guard.New(guard.Options{Log: guard.NewLog(config, c.UI.Err), Store: guarded.Store(c), Config: config})
	uuid, err := g.Accept(ctx, id)
	g.Flush()
	if errors.Is(err, guard.ErrNothingToAccept) {
		return verb.Failure(ui.Failed, "No header on %s is in order, so there is nothing to accept.", path)
	}
	if err != nil {
		return err
	}
	if c.Opt.DryRun {
		c.UI.Printf("What lies on %s would count as volume %s. Nothing was changed.", path, uuid)
		return nil
	}
	c.UI.Printf("What lies on %s counts as volume %s from now on. What was kept of it before was destroyed.", path,
		uuid)
	return nil
}

// guardForget destroys all that is kept of a volume.
func guardForget(c *verb.Command, uuid string) error {
	s := guarded.Store(c)
	if !slices.Contains(s.Volumes(), uuid) {
		return verb.Failure(ui.NoDevice, "The guard has never seen a volume with UUID %s.", uuid)
	}
	if c.Opt.DryRun {
		c.UI.Printf("All that is kept of volume %s would be destroyed. Nothing was changed.", uuid)
	}
	return s.Drop(uuid)
}
