// SPDX-License-Identifier: Apache-2.0

package relocate

import (
	"fmt"

	"github.com/orthrus-luks/orthrus/luks/far"
	"github.com/orthrus-luks/orthrus/luks/luks2"
)

// Shrunk is the length, in bytes, that the data are to have before a device is cut to `to` bytes: what
// mappings must be made to fit, and the contents end below.
func Shrunk(head luks2.Copy, to uint64) (uint64, error) {
	r, err := begin(head)
	if err != nil {
		return 0, err
	}
	_, data, err := r.smaller(to)
	return min(data, r.segment.Size), err
}

// PlanShrink plans to bring the far header and the end of the data to where they belong on a device of
// `to` bytes, while the device still has deviceSize. The contents must have been proven to end low
// enough, and mappings made as short as Shrunk says. Errors as with PlanGrow, and ErrTarget.
func PlanShrink(head luks2.Copy, deviceSize, to uint64) ([]Step, error) {
	r, err := begin(head)
	if err != nil {
		return nil, err
	}
	if err := r.startable(); err != nil {
		return nil, err
	}
	known := r.token.DeviceSize
	switch {
	case r.token.Phase == far.AwaitingCut:
		return nil, &SizeError{ErrAwaitingCut, deviceSize, r.token.ToDeviceSize}
	case deviceSize < known:
		return nil, &SizeError{ErrShrunk, deviceSize, known}
	case to >= known:
		return nil, fmt.Errorf("%w: %d bytes are not less than the %d that the volume knows", ErrTarget, to, known)
	}
	place, data, err := r.smaller(to)
	if err != nil {
		return nil, err
	}
	t := r.token
	t.To, t.DeviceSize, t.ToDeviceSize, t.DataSize, t.ToDataSize = place, known, to, r.segment.Size, min(data,
		r.segment.Size)
	switch {
	case place == t.Far:
		err = r.stay(t)
		return r.steps, err
	case place.Overlaps(t.Far):
		return nil, &OverlapError{t.Far.Extent(), place.Extent()}
	}
	t.Phase = far.Moving
	err = r.move(t, t.ToDataSize)
	return r.steps, err
}

// PlanCancel plans to take a shrink back that awaits its cut, on a device of deviceSize bytes.
func PlanCancel(head luks2.Copy, deviceSize uint64) ([]Step, error) {
	r, err := begin(head)
	if err != nil {
		return nil, err
	}
	to := r.token.ToDeviceSize
	switch {
	case r.token.Phase != far.AwaitingCut:
		return nil, ErrNotAwaiting
	case deviceSize < to:
		return nil, &SizeError{ErrShrunk, deviceSize, to}
	}
	r.token.Phase = far.Stable
	err = r.grow(to, deviceSize, true)
	return r.steps, err
}
