// SPDX-License-Identifier: Apache-2.0

package size

import (
	"context"
	"strings"

	"github.com/orthrus-luks/orthrus/cmd/internal/ui"
	"github.com/orthrus-luks/orthrus/cmd/internal/verb"
	"github.com/orthrus-luks/orthrus/cmd/internal/verb/mapped"
	"github.com/orthrus-luks/orthrus/cmd/internal/verb/volume"
	"github.com/orthrus-luks/orthrus/luks"
	"github.com/orthrus-luks/orthrus/luks/far"
)

// loadSized loads the volume that the first argument names: a device, or the name or path of a mapping.
// A loop device takes over the size of its file first.
func loadSized(ctx context.Context, c *verb.Command) (*volume.Volume, error) {
	if c.Opt.Header.Set {
		return nil, verb.Failure(ui.Failed, "A volume with a detached header follows its device by itself when it "+
			"is opened; use resize while it is mapped.")
	}
	c.Args = []string{below(ctx, c, c.Args[0])}
	path, err := volume.Named(c)
	if err != nil {
		return nil, err
	}
	if !c.Opt.DryRun {
		if err := mapped.FollowFile(path); err != nil {
			return nil, err
		}
	}
	return volume.Load(ctx, c, volume.Changed)
}

// below is the device of the mapping that arg names, or arg itself where that is no mapping, or a path
// to a volume of its own.
func below(ctx context.Context, c *verb.Command, arg string) string {
	m, mapErr := mapped.Find(c, arg)
	if mapErr == nil {
		defer m.Close()
	}
	// What is suspended cannot be read, and so is no volume of its own to look at.
	if strings.Contains(arg, "/") && (mapErr != nil || m.Running() == nil) {
		if file, err := luks.OpenDevice(arg, luks.DeviceOptions{NoLocks: true}); err == nil {
			_, err = luks.Load(ctx, file)
			file.Close()
			if err == nil || !file.IsBlock() {
				return arg
			}
		}
	}
	if mapErr != nil {
		return arg
	}
	return m.Device
}

// wasIn tells whether the far header was found in a phase that has been concluded since: an earlier run of the same
// verb was cut off, and all that was left to do is done.
func wasIn(v *volume.Volume, phase far.Phase) bool {
	if v.Found.Version != 2 {
		return false
	}
	t, _, found, err := far.Find(v.Found.Metadata())
	return err == nil && found && t.Phase == phase
}

// hasFar tells whether the volume has a far header, or a token that claims to be one's.
func hasFar(v *volume.Volume) bool {
	if v.Version != 2 {
		return false
	}
	_, _, found, err := far.Find(v.Metadata())
	return found || err != nil
}
