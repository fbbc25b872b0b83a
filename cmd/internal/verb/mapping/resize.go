// SPDX-License-Identifier: Apache-2.0

package mapping

import (
	"context"
	"errors"

	"github.com/orthrus-luks/orthrus/cmd/internal/cli"
	"github.com/orthrus-luks/orthrus/cmd/internal/ui"
	"github.com/orthrus-luks/orthrus/cmd/internal/verb"
	"github.com/orthrus-luks/orthrus/cmd/internal/verb/mapped"
	"github.com/orthrus-luks/orthrus/cmd/internal/verb/volume"
	"github.com/orthrus-luks/orthrus/dm/block"
	"github.com/orthrus-luks/orthrus/luks/activate"
	"github.com/orthrus-luks/orthrus/luks/far"
)

// Resize declares the verb.
func Resize() verb.Verb {
	return verb.Verb{
		Verb: cli.Verb{
			Name: "resize", Group: cli.GroupMapping, Args: "<name>", MinArgs: 1,
			Summary: "fit a mapping to its device, or to the size given",
			Takes: cli.OfHeader + cli.OfPassphrase + cli.OfTokens + cli.OfVolumeKey +
				"device-size external-tokens-path key-description size",
			Rules: []cli.Rule{cli.SizeOnce},
			About: []string{
				"Makes the mapping as long as its device allows, or as long as --size or --device-size says. The " +
					"length is not kept: the next open maps all of the device again. A volume whose key lives in the " +
					"keyring needs its passphrase.",
			},
			Examples: []cli.Example{
				{What: "As long as the device:", Line: "orthrus resize data"},
				{What: "10 GiB of it:", Line: "orthrus resize --device-size 10g data"},
			},
			SeeAlso: []string{"grow", "open"},
		},
		Run: resize,
	}
}

// resize fits a mapping to its device, or to --size or --device-size.
func resize(ctx context.Context, c *verb.Command) error {
	m, err := mapped.FindRunning(c, c.Args[0])
	if err != nil {
		return err
	}
	defer m.Close()
	if m.Crypt.IntegrityTag != 0 {
		return volume.NoResize()
	}
	length, err := newLength(c, m)
	if err != nil {
		return err
	}
	return mapped.Rebuild(ctx, c, m, func(mapping *activate.Mapping, v *volume.Volume) error {
		if v != nil && !v.Data.Dynamic {
			if _, _, found, _ := far.Find(v.Metadata()); found {
				c.UI.Errorf("It has a far header: use grow after its device has grown, and shrink before it is cut.")
			}
			return verb.Failure(ui.Failed, "Cannot resize LUKS2 device with static size.")
		}
		mapping.Length = length
		return nil
	})
}

// newLength is in 512-byte sectors. A loop device takes over the size of its file first.
func newLength(c *verb.Command, m *mapped.Mapped) (uint64, error) {
	size := int(max(m.Crypt.SectorSize, 512))
	wanted := c.Opt.Size.V * 512
	if c.Opt.DeviceSize.Set {
		wanted = c.Opt.DeviceSize.V
	}
	if wanted%uint64(size) != 0 {
		return 0, verb.Failure(ui.Failed, "Size must be multiple of the sector size of %d bytes.", size)
	}
	if err := mapped.FollowFile(m.Device); err != nil {
		return 0, err
	}
	dev, err := block.Open(m.Device, 0)
	if err != nil {
		return 0, verb.DeviceError(m.Device, err)
	}
	t, err := dev.Topology()
	if err == nil && wanted%uint64(t.LogicalSector) != 0 {
		err = verb.Failure(ui.Failed, "Size must be multiple of the device's blocks of %d bytes.", t.LogicalSector)
	}
	if err != nil {
		return 0, errors.Join(verb.DeviceError(m.Device, err), dev.Close())
	}
	length, err := activate.Length(uint64(dev.Size()), m.Crypt.Offset*512, wanted, size)
	return length, errors.Join(verb.DeviceError(m.Device, err), dev.Close())
}
