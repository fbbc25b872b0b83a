// SPDX-License-Identifier: Apache-2.0

package size

import (
	"context"
	"errors"

	"github.com/orthrus-luks/orthrus/cmd/internal/verb"
	"github.com/orthrus-luks/orthrus/cmd/internal/verb/mapped"
	"github.com/orthrus-luks/orthrus/cmd/internal/verb/volume"
	"github.com/orthrus-luks/orthrus/luks"
	"github.com/orthrus-luks/orthrus/luks/activate"
	"github.com/orthrus-luks/orthrus/luks/relocate"
)

// Grow lets a volume follow its device: the far header moves to the new end, the data reach up to it, and
// mappings become as long. Without a far header there are but mappings to be made longer.
func Grow(ctx context.Context, c *verb.Command) error {
	v, err := loadSized(ctx, c)
	if err != nil {
		return err
	}
	defer v.Close()
	if err := volume.Supported(v); err != nil {
		return err
	}
	if !hasFar(v) {
		return growMappings(ctx, c, v)
	}
	o := luks.GrowOptions{Small: c.Opt.ForceSmall, Tell: volume.TellStep(c)}
	_, size, err := v.PlanGrow(o)
	if errors.Is(err, relocate.ErrNotGrown) {
		if err := catchUp(ctx, c, v); err != nil {
			return volume.SizeError(v.Path, err)
		}
		return lengthen(ctx, c, v, v.Data.Size)
	}
	if errors.Is(err, relocate.ErrNotFree) {
		o.Free, err = true, endsBelow(ctx, c, v, err)
	}
	if err != nil {
		return volume.SizeError(v.Path, err)
	}
	mappings, err := mapped.FindLive(ctx, c, v, shorterThan(size))
	if err != nil {
		return err
	}
	defer mappings.Close()
	o.Enlarge = mapped.SetLength(ctx, c, v, mappings)
	if c.Opt.DryRun {
		steps, _, err := v.PlanGrow(o)
		volume.ShowSteps(c, steps)
		return volume.SizeError(v.Path, err)
	}
	if err := v.Grow(ctx, o); err != nil {
		return volume.SizeError(v.Path, err)
	}
	c.UI.Verbosef("The data of %s now have %d bytes.", v.Path, v.Data.Size)
	return nil
}

// catchUp brings a far header into step that a growth left behind which was cut off.
func catchUp(ctx context.Context, c *verb.Command, v *volume.Volume) error {
	if c.Opt.DryRun {
		return nil
	}
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
		c.UI.Verbosef("The header of %s gives the data %d bytes, and there is no far header to move: only mappings are fitted.", v.Path, v.Data.Size)
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
		c.UI.Verbosef("%s has nothing to follow: its data have %d bytes, and so do its mappings, if any.", v.Path, size)
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
	c.UI.Verbosef("Mapped data of %s now have %d bytes.", v.Path, size)
	return nil
}

// HeaderResize gives the metadata area of a LUKS2 volume another size.
func HeaderResize(ctx context.Context, c *verb.Command) error {
	c.Args = c.Args[1:]
	v, err := volume.Load(ctx, c, volume.Changed)
	if err != nil {
		return err
	}
	defer v.Close()
	size := luks.MetadataSize{Header: c.Opt.LUKS2MetadataSize.V, Keyslots: c.Opt.LUKS2KeyslotsSize.V}
	steps, err := v.PlanMetadataSize(size)
	switch {
	case err != nil:
		return volume.SizeError(v.Path, err)
	case len(steps) == 0:
		c.UI.Verbosef("The metadata of %s have this size already.", v.Path)
		return nil
	case c.Opt.DryRun:
		volume.ShowSteps(c, steps)
		return nil
	}
	if err := v.SetMetadataSize(ctx, size, volume.TellStep(c)); err != nil {
		return volume.SizeError(v.Path, err)
	}
	c.UI.Verbosef("The heads of %s now have %d bytes each, the keyslots %d.", v.Path, size.Header, v.Metadata().KeyslotsSize())
	return nil
}

// Shrink makes room at the device's end.
func Shrink(ctx context.Context, c *verb.Command) error {
	v, err := loadSized(ctx, c)
	if err != nil {
		return err
	}
	defer v.Close()
	if err := volume.Supported(v); err != nil {
		return err
	}
	if c.Opt.Cancel {
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
	o := luks.ShrinkOptions{Size: c.Opt.DeviceSize.V, End: proof.End, Tell: volume.TellStep(c)}
	_, size, err := v.PlanShrink(o)
	if err != nil {
		return volume.SizeError(v.Path, err)
	}
	mappings, err := mapped.FindLive(ctx, c, v, longerThan(size))
	if err != nil {
		return err
	}
	defer mappings.Close()
	o.Shorten = mapped.SetLength(ctx, c, v, mappings)
	if c.Opt.DryRun {
		steps, _, err := v.PlanShrink(o)
		volume.ShowSteps(c, steps)
		return volume.SizeError(v.Path, err)
	}
	if err := v.Shrink(ctx, o); err != nil {
		return volume.SizeError(v.Path, err)
	}
	c.UI.Verbosef("The data of %s now have %d bytes. Cut the device to %d bytes, not below, or go back with shrink --cancel.", v.Path, v.Data.Size, o.Size)
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
		steps, err := v.PlanCancelShrink(o)
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
	c.UI.Verbosef("The contents of %s end at byte %d of its data; the device may be cut to %d bytes.", v.Path, end, c.Opt.DeviceSize.V)
	return nil
}
