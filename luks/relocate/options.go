// SPDX-License-Identifier: Apache-2.0

package relocate

import (
	"errors"
	"fmt"

	"github.com/orthrus-luks/orthrus/luks/commit"
	"github.com/orthrus-luks/orthrus/luks/far"
	"github.com/orthrus-luks/orthrus/luks/header"
	"github.com/orthrus-luks/orthrus/luks/layout"
	"github.com/orthrus-luks/orthrus/luks/luks2"
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

// Plan plans how a volume with a far header follows its device, mappings last, and how long the data are then
// (bytes). Errors: those of PlanGrow and of CheckMovable.
func (o GrowOptions) Plan(dev header.Device, now luks2.Copy) ([]Step, uint64, error) {
	steps, err := PlanGrow(now, uint64(dev.Size()), o.Small)
	if err != nil {
		return nil, 0, err
	}
	return o.finish(dev, now, steps)
}

// PlanCancel plans to take a shrink back that awaits the cut of its device. Small does not count.
func (o GrowOptions) PlanCancel(dev header.Device, now luks2.Copy) ([]Step, uint64, error) {
	steps, err := PlanCancel(now, uint64(dev.Size()))
	if err != nil {
		return nil, 0, err
	}
	return o.finish(dev, now, steps)
}

func (o GrowOptions) finish(dev header.Device, now luks2.Copy, steps []Step) ([]Step, uint64, error) {
	if err := CheckMovable(dev, now, steps, o.Free); err != nil {
		return nil, 0, err
	}
	size := DataAfter(steps)
	if o.Enlarge != nil {
		steps = append(steps, remap(size, o.Enlarge))
	}
	return steps, size, nil
}

// remap makes the mappings size bytes long.
func remap(size uint64, set func(uint64) error) Step {
	return Call(fmt.Sprintf("make the mapping %d bytes long", size), func() error { return set(size) })
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

// Plan plans how a volume with a far header makes room before its device is cut, mappings first, and how long
// the data are then (bytes). Errors: those of PlanShrink and of CheckMovable, a RoomError.
func (o ShrinkOptions) Plan(dev header.Device, now luks2.Copy) ([]Step, uint64, error) {
	steps, err := PlanShrink(now, uint64(dev.Size()), o.Size)
	if err != nil {
		return nil, 0, err
	}
	size, err := Shrunk(now, o.Size)
	if err != nil {
		return nil, 0, err
	}
	if o.End > size {
		return nil, 0, &RoomError{End: o.End, Size: size}
	}
	if o.Shorten != nil {
		steps = append([]Step{remap(size, o.Shorten)}, steps...)
	}
	return steps, size, CheckMovable(dev, now, nil, true)
}

// Plan plans to give the metadata area these sizes, the far header with it. Keyslots 0 leaves its end where it
// is if all keyslots fit, and otherwise takes all room before the data. No steps: it has them. Errors: those of
// PlanResize and of CheckMovable.
func (s Sizes) Plan(dev header.Device, now luks2.Copy) ([]Step, error) {
	limit := layout.Limit(now, uint64(dev.Size()))
	if s.Keyslots == 0 {
		s.Keyslots = DefaultKeyslots(now, s.Header, limit)
	}
	if _, _, found, err := far.Find(now.Metadata); err != nil || !found {
		if err != nil {
			return nil, err
		}
		return PlanResize(now, s, limit)
	}
	steps, err := PlanResizeWithFar(now, s, limit)
	if err != nil || len(steps) == 0 {
		return nil, err
	}
	return steps, CheckRebuilt(dev, now)
}

// CheckRebuilt refuses a relocation that wipes the far header, and makes it anew from keyslots that it moves as they
// lie on the device, where CheckMovable does, and with a far.LastCopyError while the far header has the last whole copy
// of one of them. Keyslots that are going do not count.
func CheckRebuilt(dev header.Device, now luks2.Copy, going ...int) error {
	e := far.Gather(dev, now)
	return errors.Join(movable(dev, e, nil, true), e.Recorded.LastCopyOn(dev, header.Read(dev), now, going...))
}

// CheckMovable refuses a relocation unless the far header is ours, and both it and the room that steps take
// are under no mapping; free: whatever lies in that room does not count.
func CheckMovable(dev header.Device, now luks2.Copy, steps []Step, free bool) error {
	return movable(dev, far.Gather(dev, now), steps, free)
}

func movable(dev header.Device, e far.Evidence, steps []Step, free bool) (err error) {
	if e.Live, err = commit.Live(dev); err != nil {
		return err
	}
	if err := Movable(e); err != nil {
		return err
	}
	return commit.Preflight(dev, e.Head, steps, free)
}
