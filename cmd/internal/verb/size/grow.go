// SPDX-License-Identifier: Apache-2.0

package size

import (
	"context"
	"errors"

	"github.com/orthrus-luks/orthrus/cmd/internal/cli"
	"github.com/orthrus-luks/orthrus/cmd/internal/verb"
	"github.com/orthrus-luks/orthrus/cmd/internal/verb/mapped"
	"github.com/orthrus-luks/orthrus/cmd/internal/verb/volume"
	"github.com/orthrus-luks/orthrus/luks"
	"github.com/orthrus-luks/orthrus/luks/activate"
	"github.com/orthrus-luks/orthrus/luks/relocate"
)

// growOptions are those that only grow takes.
type growOptions struct {
	forceSmall bool
}

// Grow declares the verb.
func Grow() verb.Verb {
	var o growOptions
	return verb.Verb{
		Verb: cli.Verb{
			Name: "grow", Group: cli.GroupSize, Args: "<device|name>", MinArgs: 1, Own: true,
			Summary: "let a volume, and its mapping, follow a device that has grown",
			Takes:   cli.OfPassphrase + cli.OfTokens + cli.OfVolumeKey + "disable-locks dry-run",
			Answers: []string{"header"},
			Options: []cli.Option{
				{
					Long: "force-small", Into: &o.forceSmall,
					Help: "follow even a growth that is less than the far header's length: for a moment there is none",
				},
			},
			About: []string{
				"Lets a volume follow its device after that has grown, mapped or not: the far header moves to " +
					"the device's new end, the data segment reaches up to it, and mappings become as long. It goes " +
					"in steps that are noted in the header before they are carried out. Wherever it is cut off, the " +
					"volume opens, and the next open, repair or grow concludes it or takes it back, without a " +
					"passphrase. With -v each step is told.",
				"The room for the far header must be free: it reads as zeros, or what lies inside the volume is " +
					"proven to end before it, through the open mapping or by the passphrase. A growth by less than " +
					"the far header's length is left alone; --force-small follows it, and for a moment there is no " +
					"far header. A passphrase is asked for where a mapping is to be made longer whose key only the " +
					"kernel has.",
				"Without a far header only mappings are made longer: to the device's end, or to the size that " +
					"the header gives the data. Let the file system follow afterwards (resize2fs, xfs_growfs, btrfs " +
					"filesystem resize).",
			},
			Examples: []cli.Example{
				{What: "Show the steps, then take " +
					"them:", Line: "orthrus grow --dry-run /dev/sdb2\northrus grow -v /dev/sdb2"},
				{What: "A mapped volume, by its name:", Line: "orthrus grow vault && resize2fs /dev/mapper/vault"},
			},
			SeeAlso: []string{"shrink", "resize", "far"},
		},
		Run: func(ctx context.Context, c *verb.Command) error { return grow(ctx, c, &o) },
	}
}

// grow lets a volume follow its device: the far header moves to the new end, the data reach up to it, and
// mappings become as long. Without a far header there are but mappings to be made longer.
func grow(ctx context.Context, c *verb.Command, o *growOptions) error {
	v, err := loadSized(ctx, c)
	if err != nil {
		return err
	}
	defer v.Close()
	if err := volume.Sizable(v); err != nil {
		return err
	}
	if !hasFar(v) {
		return growMappings(ctx, c, v)
	}
	how := luks.GrowOptions{Small: o.forceSmall, Tell: volume.TellStep(c)}
	_, size, err := v.PlanGrow(ctx, how)
	if errors.Is(err, relocate.ErrNotGrown) {
		if err := catchUp(ctx, c, v); err != nil {
			return volume.SizeError(v.Path, err)
		}
		return lengthen(ctx, c, v, v.Data.Size)
	}
	if errors.Is(err, relocate.ErrNotFree) {
		how.Free, err = true, endsBelow(ctx, c, v, err)
	}
	if err != nil {
		return volume.SizeError(v.Path, err)
	}
	mappings, err := mapped.FindLive(ctx, c, v, shorterThan(size))
	if err != nil {
		return err
	}
	defer mappings.Close()
	how.Enlarge = mapped.SetLength(ctx, c, v, mappings)
	if c.Opt.DryRun {
		steps, _, err := v.PlanGrow(ctx, how)
		volume.ShowSteps(c, steps)
		return volume.SizeError(v.Path, err)
	}
	if err := v.Grow(ctx, how); err != nil {
		return volume.SizeError(v.Path, err)
	}
	c.UI.Sayf("The data of %s now have %d bytes.", v.Path, v.Data.Size)
	return nil
}

// catchUp brings a far header into step that a growth left behind which was cut off.
func catchUp(ctx context.Context, c *verb.Command, v *volume.Volume) error {
	if err := v.Grow(ctx, luks.GrowOptions{}); !errors.Is(err, relocate.ErrNotGrown) {
		return err
	}
	return nil
}

func shorterThan(size uint64) func(uint64) bool {
	return func(length uint64) bool { return length < size }
}

// endsBelow proves that the contents end before the room that is to be taken, in which something lies.
func endsBelow(ctx context.Context, c *verb.Command, v *volume.Volume, found error) error {
	c.UI.Verbosef("%s: %v; looking where the contents end.", v.Path, found)
	proof, err := proveRoom(ctx, c, v)
	if err != nil {
		return errors.Join(found, err)
	}
	defer proof.Close()
	if proof.End > v.Data.Size {
		return &luks.RoomError{End: proof.End, Size: v.Data.Size}
	}
	return nil
}

// growMappings fits mappings of a volume without a far header to its device or, where the header gives
// the data a size, to that.
func growMappings(ctx context.Context, c *verb.Command, v *volume.Volume) error {
	length, err := activate.Length(uint64(v.File.Size()), v.Data.Offset, v.Data.Size, v.Data.SectorSize)
	if err != nil {
		return verb.DeviceError(v.Path, err)
	}
	if !v.Data.Dynamic {
		c.UI.Sayf("The header of %s gives the data %d bytes, and there is no far header to move: only mappings "+
			"are fitted.", v.Path, v.Data.Size)
	}
	return lengthen(ctx, c, v, length*512)
}

// lengthen makes mappings that are shorter than size bytes as long.
func lengthen(ctx context.Context, c *verb.Command, v *volume.Volume, size uint64) error {
	mappings, err := mapped.FindLive(ctx, c, v, shorterThan(size))
	if err != nil {
		return err
	}
	defer mappings.Close()
	if len(mappings.Names) == 0 {
		c.UI.Sayf("%s has nothing to follow: its data have %d bytes, and so do its mappings, if any.", v.Path,
			size)
		return nil
	}
	if c.Opt.DryRun {
		for _, name := range mappings.Names {
			c.UI.Printf("%s: would be made %d bytes long", name, size)
		}
		return nil
	}
	if err := mapped.SetLength(ctx, c, v, mappings)(size); err != nil {
		return err
	}
	c.UI.Sayf("Mapped data of %s now have %d bytes.", v.Path, size)
	return nil
}
