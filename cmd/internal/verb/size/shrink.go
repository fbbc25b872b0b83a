// SPDX-License-Identifier: Apache-2.0

package size

import (
	"context"

	"github.com/orthrus-luks/orthrus/cmd/internal/cli"
	"github.com/orthrus-luks/orthrus/cmd/internal/verb"
	"github.com/orthrus-luks/orthrus/cmd/internal/verb/mapped"
	"github.com/orthrus-luks/orthrus/cmd/internal/verb/volume"
	"github.com/orthrus-luks/orthrus/luks"
	"github.com/orthrus-luks/orthrus/luks/activate"
)

// shrinkOptions are those that only shrink takes.
type shrinkOptions struct {
	cancel bool
}

// Shrink declares the verb.
func Shrink() verb.Verb {
	var o shrinkOptions
	return verb.Verb{
		Verb: cli.Verb{
			Name: "shrink", Group: cli.GroupSize, Args: "<device|name>", MinArgs: 1, Own: true,
			Summary: "make room at a device's end, which may then be cut to --device-size",
			Takes:   cli.OfPassphrase + cli.OfTokens + cli.OfVolumeKey + "device-size disable-locks dry-run",
			Answers: []string{"header"},
			Options: []cli.Option{
				{Long: "cancel", Into: &o.cancel, Help: "take back a shrink whose device has not been cut"},
			},
			Rules: []cli.Rule{o.sizeRule},
			About: []string{
				"Makes room before a device is cut to --device-size bytes. What lies inside the volume must end " +
					"low enough, by its own superblock, which is read through the open mapping or decrypted with the " +
					"passphrase; doubt refuses. Mappings are made shorter first, then the far header moves to where " +
					"the device is going to end. Then the device may be cut to that size and not below; the next " +
					"open, repair or grow notes that it was.",
				"Until the device has that size nothing makes the volume grow back but --cancel.",
			},
			Examples: []cli.Example{
				{What: "Shrink a logical volume:", Line: "resize2fs /dev/mapper/vault 8G\northrus shrink " +
					"--device-size 10G vault\nlvreduce -L 10G /dev/vg/lv\northrus grow vault"},
				{What: "Take it back, where the device has not been cut:", Line: "orthrus shrink --cancel vault"},
			},
			SeeAlso: []string{"grow"},
		},
		Run: func(ctx context.Context, c *verb.Command) error { return shrink(ctx, c, &o) },
	}
}

func (o *shrinkOptions) sizeRule(inv *cli.Invocation) string {
	return cli.Refuse(inv.Options.DeviceSize.Set == o.cancel,
		"Shrink needs either --device-size, which the device is to have then, or --cancel.")
}

// shrink makes room at the device's end.
func shrink(ctx context.Context, c *verb.Command, o *shrinkOptions) error {
	v, err := loadSized(ctx, c)
	if err != nil {
		return err
	}
	defer v.Close()
	if err := volume.Sizable(v); err != nil {
		return err
	}
	if o.cancel {
		return cancelShrink(ctx, c, v)
	}
	proof, err := proveRoom(ctx, c, v)
	if err != nil {
		return volume.SizeError(v.Path, err)
	}
	defer proof.Close()
	if !hasFar(v) {
		return shrinkMappings(ctx, c, v, proof.End)
	}
	how := luks.ShrinkOptions{Size: c.Opt.DeviceSize.V, End: proof.End, Tell: volume.TellStep(c)}
	_, size, err := v.PlanShrink(ctx, how)
	if err != nil {
		return volume.SizeError(v.Path, err)
	}
	mappings, err := mapped.FindLive(ctx, c, v, longerThan(size))
	if err != nil {
		return err
	}
	defer mappings.Close()
	how.Shorten = mapped.SetLength(ctx, c, v, mappings)
	if c.Opt.DryRun {
		steps, _, err := v.PlanShrink(ctx, how)
		volume.ShowSteps(c, steps)
		return volume.SizeError(v.Path, err)
	}
	if err := v.Shrink(ctx, how); err != nil {
		return volume.SizeError(v.Path, err)
	}
	c.UI.Sayf("The data of %s now have %d bytes. Cut the device to %d bytes, not below, or go back with shrink "+
		"--cancel.", v.Path, v.Data.Size, how.Size)
	return nil
}

func longerThan(size uint64) func(uint64) bool {
	return func(length uint64) bool { return length > size }
}

// cancelShrink goes back to the device as it is.
func cancelShrink(ctx context.Context, c *verb.Command, v *volume.Volume) error {
	if !hasFar(v) {
		return growMappings(ctx, c, v)
	}
	mappings, err := mapped.FindLive(ctx, c, v, func(uint64) bool { return true })
	if err != nil {
		return err
	}
	defer mappings.Close()
	o := luks.GrowOptions{Tell: volume.TellStep(c), Enlarge: mapped.SetLength(ctx, c, v, mappings)}
	if c.Opt.DryRun {
		steps, err := v.PlanCancelShrink(ctx, o)
		volume.ShowSteps(c, steps)
		return volume.SizeError(v.Path, err)
	}
	return volume.SizeError(v.Path, v.CancelShrink(ctx, o))
}

// shrinkMappings makes the mappings of a volume without a far header short enough for a device of the
// size asked for.
func shrinkMappings(ctx context.Context, c *verb.Command, v *volume.Volume, end uint64) error {
	length, err := activate.Length(c.Opt.DeviceSize.V, v.Data.Offset, v.Data.Size, v.Data.SectorSize)
	if err != nil {
		return verb.DeviceError(v.Path, err)
	}
	size := length * 512
	if end > size {
		return volume.SizeError(v.Path, &luks.RoomError{End: end, Size: size})
	}
	mappings, err := mapped.FindLive(ctx, c, v, longerThan(size))
	if err != nil {
		return err
	}
	defer mappings.Close()
	if set := mapped.SetLength(ctx, c, v, mappings); set != nil && !c.Opt.DryRun {
		if err := set(size); err != nil {
			return volume.SizeError(v.Path, err)
		}
	}
	c.UI.Verbosef("The contents of %s end at byte %d of its data; the device may be cut to %d bytes.", v.Path, end,
		c.Opt.DeviceSize.V)
	return nil
}
