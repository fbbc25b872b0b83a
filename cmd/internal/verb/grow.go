// SPDX-License-Identifier: Apache-2.0

package verb

import (
	"context"
	"errors"

	"github.com/orthrus-luks/orthrus/luks"
	"github.com/orthrus-luks/orthrus/luks/activate"
	"github.com/orthrus-luks/orthrus/luks/relocate"
)

// grow lets a volume follow its device: the far header moves to the new end, the data reach up to it, and
// mappings become as long. Without a far header there are but mappings to be made longer.
func grow(ctx context.Context, c *command) error {
	v, err := c.loadSized(ctx)
	if err != nil {
		return err
	}
	defer v.Close()
	if err := c.supported(v); err != nil {
		return err
	}
	if !hasFar(v) {
		return c.growMappings(ctx, v)
	}
	o := luks.GrowOptions{Small: c.o.ForceSmall, Tell: c.tellStep()}
	_, size, err := v.PlanGrow(o)
	if errors.Is(err, relocate.ErrNotGrown) {
		if err := c.catchUp(ctx, v); err != nil {
			return sizeError(v.path, err)
		}
		return c.lengthen(ctx, v, v.Data.Size)
	}
	if errors.Is(err, relocate.ErrNotFree) {
		o.Free, err = true, c.endsBelow(ctx, v, err)
	}
	if err != nil {
		return sizeError(v.path, err)
	}
	mappings, err := c.live(ctx, v, shorterThan(size))
	if err != nil {
		return err
	}
	defer mappings.Close()
	o.Enlarge = c.setLength(ctx, v, mappings)
	if c.o.DryRun {
		steps, _, err := v.PlanGrow(o)
		c.showSteps(steps)
		return sizeError(v.path, err)
	}
	if err := v.Grow(ctx, o); err != nil {
		return sizeError(v.path, err)
	}
	c.ui.Verbosef("The data of %s now have %d bytes.", v.path, v.Data.Size)
	return nil
}

// catchUp brings a far header into step that a growth left behind which was cut off.
func (c *command) catchUp(ctx context.Context, v *volume) error {
	if c.o.DryRun {
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
func (c *command) endsBelow(ctx context.Context, v *volume, found error) error {
	c.ui.Verbosef("%s: %v; looking where the contents end.", v.path, found)
	proof, err := c.provenRoom(ctx, v)
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
func (c *command) growMappings(ctx context.Context, v *volume) error {
	length, err := activate.Length(uint64(v.file.Size()), v.Data.Offset, v.Data.Size, v.Data.SectorSize)
	if err != nil {
		return deviceError(v.path, err)
	}
	if !v.Data.Dynamic {
		c.ui.Verbosef("The header of %s gives the data %d bytes, and there is no far header to move: only mappings are fitted.", v.path, v.Data.Size)
	}
	return c.lengthen(ctx, v, length*512)
}

// lengthen makes mappings that are shorter than size bytes as long.
func (c *command) lengthen(ctx context.Context, v *volume, size uint64) error {
	mappings, err := c.live(ctx, v, shorterThan(size))
	if err != nil {
		return err
	}
	defer mappings.Close()
	if len(mappings.names) == 0 {
		c.ui.Verbosef("%s has nothing to follow: its data have %d bytes, and so do its mappings, if any.", v.path, size)
		return nil
	}
	if c.o.DryRun {
		for _, name := range mappings.names {
			c.ui.Printf("%s: would be made %d bytes long", name, size)
		}
		return nil
	}
	if err := c.setLength(ctx, v, mappings)(size); err != nil {
		return err
	}
	c.ui.Verbosef("Mapped data of %s now have %d bytes.", v.path, size)
	return nil
}

// headerResize gives the metadata area of a LUKS2 volume another size.
func headerResize(ctx context.Context, c *command) error {
	c.Args = c.Args[1:]
	v, err := c.load(ctx, changed)
	if err != nil {
		return err
	}
	defer v.Close()
	size := luks.MetadataSize{Header: c.o.LUKS2MetadataSize.V, Keyslots: c.o.LUKS2KeyslotsSize.V}
	steps, err := v.PlanMetadataSize(size)
	switch {
	case err != nil:
		return sizeError(v.path, err)
	case len(steps) == 0:
		c.ui.Verbosef("The metadata of %s have this size already.", v.path)
		return nil
	case c.o.DryRun:
		c.showSteps(steps)
		return nil
	}
	if err := v.SetMetadataSize(ctx, size, c.tellStep()); err != nil {
		return sizeError(v.path, err)
	}
	c.ui.Verbosef("The heads of %s now have %d bytes each, the keyslots %d.", v.path, size.Header, v.Metadata().KeyslotsSize())
	return nil
}

// shrink makes room at the device's end.
func shrink(ctx context.Context, c *command) error {
	v, err := c.loadSized(ctx)
	if err != nil {
		return err
	}
	defer v.Close()
	if err := c.supported(v); err != nil {
		return err
	}
	if c.o.Cancel {
		return c.cancelShrink(ctx, v)
	}
	proof, err := c.provenRoom(ctx, v)
	if err != nil {
		return sizeError(v.path, err)
	}
	defer proof.Close()
	if !hasFar(v) {
		return c.shrinkMappings(ctx, v, proof.End)
	}
	o := luks.ShrinkOptions{Size: c.o.DeviceSize.V, End: proof.End, Tell: c.tellStep()}
	_, size, err := v.PlanShrink(o)
	if err != nil {
		return sizeError(v.path, err)
	}
	mappings, err := c.live(ctx, v, longerThan(size))
	if err != nil {
		return err
	}
	defer mappings.Close()
	o.Shorten = c.setLength(ctx, v, mappings)
	if c.o.DryRun {
		steps, _, err := v.PlanShrink(o)
		c.showSteps(steps)
		return sizeError(v.path, err)
	}
	if err := v.Shrink(ctx, o); err != nil {
		return sizeError(v.path, err)
	}
	c.ui.Verbosef("The data of %s now have %d bytes. Cut the device to %d bytes, not below, or go back with shrink --cancel.", v.path, v.Data.Size, o.Size)
	return nil
}

func longerThan(size uint64) func(uint64) bool {
	return func(length uint64) bool { return length > size }
}

// cancelShrink goes back to the device as it is.
func (c *command) cancelShrink(ctx context.Context, v *volume) error {
	if !hasFar(v) {
		return c.growMappings(ctx, v)
	}
	mappings, err := c.live(ctx, v, func(uint64) bool { return true })
	if err != nil {
		return err
	}
	defer mappings.Close()
	o := luks.GrowOptions{Tell: c.tellStep(), Enlarge: c.setLength(ctx, v, mappings)}
	if c.o.DryRun {
		steps, err := v.PlanCancelShrink(o)
		c.showSteps(steps)
		return sizeError(v.path, err)
	}
	return sizeError(v.path, v.CancelShrink(ctx, o))
}

// shrinkMappings makes the mappings of a volume without a far header short enough for a device of the
// size asked for.
func (c *command) shrinkMappings(ctx context.Context, v *volume, end uint64) error {
	length, err := activate.Length(c.o.DeviceSize.V, v.Data.Offset, v.Data.Size, v.Data.SectorSize)
	if err != nil {
		return deviceError(v.path, err)
	}
	size := length * 512
	if end > size {
		return sizeError(v.path, &luks.RoomError{End: end, Size: size})
	}
	mappings, err := c.live(ctx, v, longerThan(size))
	if err != nil {
		return err
	}
	defer mappings.Close()
	if set := c.setLength(ctx, v, mappings); set != nil && !c.o.DryRun {
		if err := set(size); err != nil {
			return sizeError(v.path, err)
		}
	}
	c.ui.Verbosef("The contents of %s end at byte %d of its data; the device may be cut to %d bytes.", v.path, end, c.o.DeviceSize.V)
	return nil
}
