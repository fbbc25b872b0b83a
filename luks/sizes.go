// SPDX-License-Identifier: Apache-2.0

package luks

import (
	"context"
	"errors"
	"fmt"

	"github.com/orthrus-luks/orthrus/luks/commit"
	"github.com/orthrus-luks/orthrus/luks/far"
	"github.com/orthrus-luks/orthrus/luks/luks2"
	"github.com/orthrus-luks/orthrus/luks/relocate"
)

// GrowOptions say how a volume is to follow its device.
type GrowOptions = relocate.GrowOptions

// ShrinkOptions say how a volume is to make room at its device's end.
type ShrinkOptions = relocate.ShrinkOptions

// MetadataSize is what the metadata area is to become, bytes. Keyslots 0 leaves its end where it is
// if all keyslots fit, and otherwise takes all room before the data.
type MetadataSize = relocate.Sizes

// PlanGrow tells the steps in which a volume with a far header would follow its device, which has grown,
// and how long the data are then (bytes). It writes nothing. Errors: far.ErrNone without a far header,
// relocate.SizeError where there is nothing to follow, relocate.OverlapError, and those of package far
// where what lies at the far header's place is not ours.
func (v *Volume) PlanGrow(ctx context.Context, o GrowOptions) (steps []Step, size uint64, err error) {
	err = v.look(ctx, far.ErrNone, func(now luks2.Copy) (err error) {
		steps, size, err = o.Plan(v.dev, now)
		return err
	})
	return steps, size, err
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
		steps, _, err := o.Plan(v.dev, s.Now())
		return steps, err
	})
	if !errors.Is(err, relocate.ErrNotGrown) {
		return err
	}
	// A growth that was cut off behind its last commit leaves it so.
	lag := v.enter(ctx, commit.Options{}, func(s *commit.Session) error { return s.CatchUp() })
	if v.lags(lag); !resumed {
		return err
	}
	if o.Enlarge == nil { // what was resumed was all there was to do
		return nil
	}
	return o.Enlarge(v.now().Data.Size)
}

// PlanShrink tells the steps in which a volume with a far header would make room, before its device is
// cut, and how long the data are then (bytes). It writes nothing. Errors as those of PlanGrow, and a
// RoomError where the contents do not end low enough.
func (v *Volume) PlanShrink(ctx context.Context, o ShrinkOptions) (steps []Step, size uint64, err error) {
	err = v.look(ctx, far.ErrNone, func(now luks2.Copy) (err error) {
		steps, size, err = o.Plan(v.dev, now)
		return err
	})
	return steps, size, err
}

// Shrink makes room at the device's end, as PlanShrink says. Then the device may be cut to the size
// asked for, and not below; until it is, nothing makes the volume grow again but CancelShrink.
func (v *Volume) Shrink(ctx context.Context, o ShrinkOptions) error {
	if _, err := v.Resume(ctx, o.Tell); err != nil {
		return err
	}
	return v.transact(ctx, commit.Options{Tell: o.Tell, Free: true}, func(s *commit.Session) ([]Step, error) {
		steps, _, err := o.Plan(v.dev, s.Now())
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
		steps, _, err := o.PlanCancel(v.dev, s.Now())
		return steps, err
	})
}

// PlanCancelShrink tells the steps of CancelShrink and writes nothing.
func (v *Volume) PlanCancelShrink(ctx context.Context, o GrowOptions) (steps []Step, err error) {
	err = v.look(ctx, relocate.ErrNotAwaiting, func(now luks2.Copy) (err error) {
		steps, _, err = o.PlanCancel(v.dev, now)
		return err
	})
	return steps, err
}

// PlanMetadataSize tells the steps in which the metadata area of a LUKS2 volume would get other sizes,
// and writes nothing. No steps: it has them. Errors are ErrUnsupported, a RequirementsError, and those
// of relocate.PlanResize.
func (v *Volume) PlanMetadataSize(ctx context.Context, size MetadataSize) (steps []Step, err error) {
	if now := v.now(); now.Version == 2 {
		if err := now.CheckRequirements(); err != nil {
			return nil, err
		}
	}
	fixed := fmt.Errorf("the metadata area of LUKS1 has a fixed size: %w", ErrUnsupported)
	err = v.look(ctx, fixed, func(now luks2.Copy) (err error) {
		steps, err = size.Plan(v.dev, now)
		return err
	})
	return steps, err
}

// SetMetadataSize gives the metadata area other sizes, as PlanMetadataSize says, telling each step
// before it begins. Damaged heads are healed first. Wherever it stops, the volume opens, and Resume
// concludes.
func (v *Volume) SetMetadataSize(ctx context.Context, size MetadataSize, tell func(Step)) error {
	if _, err := v.PlanMetadataSize(ctx, size); err != nil {
		return err
	}
	if _, err := v.Resume(ctx, tell); err != nil {
		return err
	}
	return v.transact(ctx, commit.Options{Tell: tell}, func(s *commit.Session) ([]Step, error) {
		return size.Plan(v.dev, s.Now())
	})
}
