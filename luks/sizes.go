// SPDX-License-Identifier: Apache-2.0

package luks

import (
	"context"
	"errors"
	"fmt"

	"github.com/orthrus-luks/orthrus/luks/commit"
	"github.com/orthrus-luks/orthrus/luks/far"
	"github.com/orthrus-luks/orthrus/luks/layout"
	"github.com/orthrus-luks/orthrus/luks/luks2"
	"github.com/orthrus-luks/orthrus/luks/relocate"
)

// GrowOptions say how a volume is to follow its device.
type GrowOptions struct {
	// Small lets the far header be made anew where its new place overlaps the old one: for a moment there
	// is none.
	Small bool
	// Free tells that the room behind the data is known to be free, whatever lies there: the contents end
	// at the data's end or before. Without that knowledge the far header's new place must read as zeros.
	Free bool
	// Enlarge makes the live mappings as long as the data are then, in bytes; nil where there are none.
	Enlarge func(size uint64) error
	// Tell is told each step before it begins; nil for silence.
	Tell func(Step)
}

// PlanGrow tells the steps in which a volume with a far header would follow its device, which has grown,
// and how long the data are then (bytes). It writes nothing. Errors: far.ErrNone without a far header,
// relocate.SizeError where there is nothing to follow, relocate.OverlapError, and those of package far
// where what lies at the far header's place is not ours.
func (v *Volume) PlanGrow(o GrowOptions) ([]Step, uint64, error) {
	steps, err := v.planGrow(v.Choice.Copy, o)
	if err != nil {
		return nil, 0, err
	}
	steps, size := withMapping(steps, o.Enlarge)
	return steps, size, nil
}

func (v *Volume) planGrow(now luks2.Copy, o GrowOptions) ([]Step, error) {
	if v.Version != 2 {
		return nil, far.ErrNone
	}
	steps, err := relocate.PlanGrow(now, uint64(v.dev.Size()), o.Small)
	if err != nil {
		return nil, err
	}
	return steps, movable(v.dev, now, steps, o.Free)
}

// movable refuses a relocation unless the far header is ours, and both it and the room that steps take
// are under no mapping; free: whatever lies in that room does not count.
func movable(dev Device, now luks2.Copy, steps []Step, free bool) error {
	e := far.Gather(dev, now)
	var err error
	if e.Live, err = commit.Live(dev); err != nil {
		return err
	}
	if err := relocate.Movable(e); err != nil {
		return err
	}
	return commit.Preflight(dev, now, steps, free)
}

// withMapping adds, last, that mappings are made as long as the data.
func withMapping(steps []Step, enlarge func(uint64) error) ([]Step, uint64) {
	size := relocate.DataAfter(steps)
	if enlarge == nil {
		return steps, size
	}
	what := fmt.Sprintf("make the mapping %d bytes long", size)
	return append(steps, relocate.Call(what, func() error { return enlarge(size) })), size
}

// Grow lets the volume follow its device, as PlanGrow says. What was begun earlier is concluded first, and a
// far header that was left behind is brought into step where there is nothing else to do. Wherever it
// stops, the volume opens, and Resume concludes or takes back.
func (v *Volume) Grow(ctx context.Context, o GrowOptions) error {
	resumed, err := v.Resume(ctx, o.Tell)
	if err != nil {
		return err
	}
	err = v.transact(ctx, commit.Options{Tell: o.Tell, Free: o.Free}, func(s *commit.Session) ([]Step, error) {
		steps, err := v.planGrow(s.Now(), o)
		if err != nil {
			return nil, err
		}
		steps, _ = withMapping(steps, o.Enlarge)
		return steps, nil
	})
	if !errors.Is(err, relocate.ErrNotGrown) {
		return err
	}
	// A growth that was cut off behind its last commit leaves it so.
	lag := v.enter(ctx, commit.Options{}, func(s *commit.Session) error { return s.CatchUp() })
	if v.FarLag = lag; !resumed {
		return err
	}
	if o.Enlarge == nil { // what was resumed was all there was to do
		return nil
	}
	return o.Enlarge(v.Data.Size)
}

// ShrinkOptions say how a volume is to make room at its device's end.
type ShrinkOptions struct {
	// Size is what the device is going to have, bytes.
	Size uint64
	// End is where the contents end, in bytes of the data: signature.Contents.End.
	End uint64
	// Shorten makes the live mappings as long as the data are to be, in bytes; nil where there are none.
	Shorten func(size uint64) error
	// Tell is told each step before it begins; nil for silence.
	Tell func(Step)
}

// PlanShrink tells the steps in which a volume with a far header would make room, before its device is
// cut, and how long the data are then (bytes). It writes nothing. Errors as those of PlanGrow, and a
// RoomError where the contents do not end low enough.
func (v *Volume) PlanShrink(o ShrinkOptions) ([]Step, uint64, error) {
	return v.planShrink(v.Choice.Copy, o)
}

func (v *Volume) planShrink(now luks2.Copy, o ShrinkOptions) ([]Step, uint64, error) {
	if v.Version != 2 {
		return nil, 0, far.ErrNone
	}
	steps, err := relocate.PlanShrink(now, uint64(v.dev.Size()), o.Size)
	if err != nil {
		return nil, 0, err
	}
	size, err := relocate.Shrunk(now, o.Size)
	if err != nil {
		return nil, 0, err
	}
	if o.End > size {
		return nil, 0, &RoomError{End: o.End, Size: size}
	}
	if o.Shorten != nil {
		what := fmt.Sprintf("make the mapping %d bytes long", size)
		steps = append([]Step{relocate.Call(what, func() error { return o.Shorten(size) })}, steps...)
	}
	return steps, size, movable(v.dev, now, nil, true)
}

// Shrink makes room at the device's end, as PlanShrink says. Then the device may be cut to the size
// asked for, and not below; until it is, nothing makes the volume grow again but CancelShrink.
func (v *Volume) Shrink(ctx context.Context, o ShrinkOptions) error {
	if _, err := v.Resume(ctx, o.Tell); err != nil {
		return err
	}
	return v.transact(ctx, commit.Options{Tell: o.Tell, Free: true}, func(s *commit.Session) ([]Step, error) {
		steps, _, err := v.planShrink(s.Now(), o)
		return steps, err
	})
}

// CancelShrink takes a shrink back that awaits the cut of its device. Of the options Small does not
// count.
func (v *Volume) CancelShrink(ctx context.Context, o GrowOptions) error {
	if _, err := v.Resume(ctx, o.Tell); err != nil {
		return err
	}
	return v.transact(ctx, commit.Options{Tell: o.Tell, Free: o.Free}, func(s *commit.Session) ([]Step, error) {
		return v.planCancel(s.Now(), o)
	})
}

// PlanCancelShrink tells the steps of CancelShrink and writes nothing.
func (v *Volume) PlanCancelShrink(o GrowOptions) ([]Step, error) {
	if v.Version != 2 {
		return nil, relocate.ErrNotAwaiting
	}
	return v.planCancel(v.Choice.Copy, o)
}

func (v *Volume) planCancel(now luks2.Copy, o GrowOptions) ([]Step, error) {
	steps, err := relocate.PlanCancel(now, uint64(v.dev.Size()))
	if err != nil {
		return nil, err
	}
	if err := movable(v.dev, now, steps, o.Free); err != nil {
		return nil, err
	}
	steps, _ = withMapping(steps, o.Enlarge)
	return steps, nil
}

// MetadataSize is what the metadata area is to become, bytes. Keyslots 0 leaves its end where it is
// if all keyslots fit, and otherwise takes all room before the data.
type MetadataSize struct{ Header, Keyslots uint64 }

// PlanMetadataSize tells the steps in which the metadata area of a LUKS2 volume would get other sizes,
// and writes nothing. No steps: it has them. Errors are ErrUnsupported, a RequirementsError, and those
// of relocate.PlanResize.
func (v *Volume) PlanMetadataSize(size MetadataSize) ([]Step, error) {
	if v.Version != 2 {
		return nil, fmt.Errorf("the metadata area of LUKS1 has a fixed size: %w", ErrUnsupported)
	}
	if err := v.CheckRequirements(); err != nil {
		return nil, err
	}
	return planMetadataSize(v.dev, v.Choice.Copy, size)
}

func planMetadataSize(dev Device, now luks2.Copy, size MetadataSize) ([]Step, error) {
	limit := layout.Limit(now, uint64(dev.Size()))
	if size.Keyslots == 0 {
		size.Keyslots = relocate.DefaultKeyslots(now, size.Header, limit)
	}
	if _, _, found, err := far.Find(now.Metadata); err != nil || !found {
		if err != nil {
			return nil, err
		}
		return relocate.PlanResize(now, relocate.Sizes(size), limit)
	}
	steps, err := relocate.PlanResizeWithFar(now, relocate.Sizes(size), limit)
	if err != nil || len(steps) == 0 {
		return nil, err
	}
	return steps, movable(dev, now, nil, true)
}

// SetMetadataSize gives the metadata area other sizes, as PlanMetadataSize says, telling each step
// before it begins. Damaged heads are healed first. Wherever it stops, the volume opens, and Resume
// concludes.
func (v *Volume) SetMetadataSize(ctx context.Context, size MetadataSize, tell func(Step)) error {
	if _, err := v.PlanMetadataSize(size); err != nil {
		return err
	}
	if _, err := v.Resume(ctx, tell); err != nil {
		return err
	}
	return v.transact(ctx, commit.Options{Tell: tell}, func(s *commit.Session) ([]Step, error) {
		return planMetadataSize(v.dev, s.Now(), size)
	})
}
