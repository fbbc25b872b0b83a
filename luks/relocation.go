// SPDX-License-Identifier: Apache-2.0

package luks

import (
	"context"
	"errors"
	"fmt"

	"github.com/orthrus-luks/orthrus/luks/far"
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
	Tell func(relocate.Step)
}

// PlanGrow tells the steps in which a volume with a far header would follow its device, which has grown,
// and how long the data are then (bytes). It writes nothing. Errors: far.ErrNone without a far header,
// relocate.SizeError where there is nothing to follow, relocate.OverlapError, and those of package far
// where what lies at the far header's place is not ours.
func (v *Volume) PlanGrow(o GrowOptions) ([]relocate.Step, uint64, error) {
	steps, err := v.planGrow(v.Choice.Copy, o)
	if err != nil {
		return nil, 0, err
	}
	return v.withMapping(steps, o.Enlarge)
}

func (v *Volume) planGrow(now luks2.Copy, o GrowOptions) ([]relocate.Step, error) {
	if v.Version != 2 {
		return nil, far.ErrNone
	}
	steps, err := relocate.PlanGrow(now, uint64(v.dev.Size()), o.Small)
	if err != nil {
		return nil, err
	}
	return steps, v.movable(now, steps, o.Free)
}

// withMapping adds, last, that mappings are made as long as the data.
func (v *Volume) withMapping(steps []relocate.Step, enlarge func(uint64) error) ([]relocate.Step, uint64, error) {
	size := relocate.DataAfter(steps)
	if enlarge == nil {
		return steps, size, nil
	}
	what := fmt.Sprintf("make the mapping %d bytes long", size)
	return append(steps, relocate.Call(what, func() error { return enlarge(size) })), size, nil
}

// Grow lets the volume follow its device, as PlanGrow says. What was begun earlier is concluded first, and a
// far header that was left behind is brought into step where there is nothing else to do. Wherever it
// stops, the volume opens, and Resume concludes or takes back.
func (v *Volume) Grow(ctx context.Context, o GrowOptions) error {
	resumed, err := v.Resume(ctx, o.Tell)
	if err != nil {
		return err
	}
	err = v.transact(ctx, relocate.Options{Tell: o.Tell, Free: o.Free}, func(now luks2.Copy) ([]relocate.Step, error) {
		steps, err := v.planGrow(now, o)
		if err != nil {
			return nil, err
		}
		steps, _, err = v.withMapping(steps, o.Enlarge)
		return steps, err
	})
	if !errors.Is(err, relocate.ErrNotGrown) {
		return err
	}
	// A growth that was cut off behind its last commit leaves it so.
	if v.FarLag = v.catchUp(ctx); !resumed {
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
	Tell func(relocate.Step)
}

// PlanShrink tells the steps in which a volume with a far header would make room, before its device is
// cut, and how long the data are then (bytes). It writes nothing. Errors as those of PlanGrow, and a
// RoomError where the contents do not end low enough.
func (v *Volume) PlanShrink(o ShrinkOptions) ([]relocate.Step, uint64, error) {
	return v.planShrink(v.Choice.Copy, o)
}

func (v *Volume) planShrink(now luks2.Copy, o ShrinkOptions) ([]relocate.Step, uint64, error) {
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
		steps = append([]relocate.Step{relocate.Call(what, func() error { return o.Shorten(size) })}, steps...)
	}
	return steps, size, v.movable(now, nil, true)
}

// Shrink makes room at the device's end, as PlanShrink says. Then the device may be cut to the size
// asked for, and not below; until it is, nothing makes the volume grow again but CancelShrink.
func (v *Volume) Shrink(ctx context.Context, o ShrinkOptions) error {
	if _, err := v.Resume(ctx, o.Tell); err != nil {
		return err
	}
	return v.transact(ctx, relocate.Options{Tell: o.Tell, Free: true}, func(now luks2.Copy) ([]relocate.Step, error) {
		steps, _, err := v.planShrink(now, o)
		return steps, err
	})
}

// CancelShrink takes a shrink back that awaits the cut of its device. Of the options Small does not
// count.
func (v *Volume) CancelShrink(ctx context.Context, o GrowOptions) error {
	if _, err := v.Resume(ctx, o.Tell); err != nil {
		return err
	}
	return v.transact(ctx, relocate.Options{Tell: o.Tell, Free: o.Free}, func(now luks2.Copy) ([]relocate.Step, error) {
		return v.planCancel(now, o)
	})
}

// PlanCancelShrink tells the steps of CancelShrink and writes nothing.
func (v *Volume) PlanCancelShrink(o GrowOptions) ([]relocate.Step, error) {
	if v.Version != 2 {
		return nil, relocate.ErrNotAwaiting
	}
	return v.planCancel(v.Choice.Copy, o)
}

func (v *Volume) planCancel(now luks2.Copy, o GrowOptions) ([]relocate.Step, error) {
	steps, err := relocate.PlanCancel(now, uint64(v.dev.Size()))
	if err != nil {
		return nil, err
	}
	if err := v.movable(now, steps, o.Free); err != nil {
		return nil, err
	}
	steps, _, err = v.withMapping(steps, o.Enlarge)
	return steps, err
}
