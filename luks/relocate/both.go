// SPDX-License-Identifier: Apache-2.0

package relocate

import (
	"github.com/orthrus-luks/orthrus/luks/far"
	"github.com/orthrus-luks/orthrus/luks/luks2"
)

// PlanResizeWithFar is PlanResize for a volume with a far header, whose length follows the metadata
// area's: one plan wipes it, resizes, and makes it anew, before the end of the data as it is.
func PlanResizeWithFar(now luks2.Copy, to Sizes, limit uint64) ([]Step, error) {
	if err := checkSizes(now, to, limit); err != nil || SizesOf(now) == to {
		return nil, err
	}
	r, err := begin(now)
	if err != nil {
		return nil, err
	}
	if err := r.startable(); err != nil {
		return nil, err
	}
	t := r.token
	if t.Phase != far.Stable {
		return nil, &SizeError{ErrAwaitingCut, t.DeviceSize, t.ToDeviceSize}
	}
	old := t.Far
	if t.To, err = far.PlaceAt(t.DeviceSize, to.End()); err != nil {
		return nil, err
	}
	if t.To.Start() < r.segment.Offset+r.segment.Size {
		return nil, impossible("metadata size", "a far header of %d bytes would reach into the data, which end at byte %d", to.End(), r.segment.Offset+r.segment.Size)
	}
	t.Phase, t.ToDeviceSize, t.DataSize, t.ToDataSize = far.Rebuilding, t.DeviceSize, r.segment.Size, r.segment.Size
	t.HeaderSize, t.KeyslotsSize = to.Header, to.Keyslots
	if r.head, err = r.next(t, r.segment.Size); err != nil {
		return nil, err
	}
	steps, err := PlanResize(r.head, to, limit)
	if err != nil {
		return nil, err
	}
	return r.around(steps, old, t)
}

// around puts the far header's steps around those of the resize: it is wiped once that is noted, and
// made anew at the end.
func (r *relocation) around(steps []Step, old far.Place, t far.Token) ([]Step, error) {
	r.token = t
	r.steps = append(r.steps, steps[0])
	r.wipe("wipe the far header at "+at(old), old, far.Place{})
	r.steps = append(r.steps, steps[1:]...)
	r.head = headAfter(steps, r.head)
	r.token.Far = far.Place{}
	err := r.rebuild()
	return r.steps, err
}

// headAfter is what the last commit of the steps leaves.
func headAfter(steps []Step, head luks2.Copy) luks2.Copy {
	for _, s := range steps {
		switch a := s.act.(type) {
		case commitHeads:
			head = a.next
		case exchangeHeads:
			head = a.next
		}
	}
	return head
}
