// SPDX-License-Identifier: Apache-2.0

package relocate

import (
	"fmt"

	"github.com/orthrus-luks/orthrus/luks/commit"
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
	t, old, err := r.rebuilding(to)
	if err != nil {
		return nil, err
	}
	if r.head, err = r.next(t, r.segment.Size); err != nil {
		return nil, err
	}
	steps, err := PlanResize(r.head, to, limit)
	if err != nil {
		return nil, err
	}
	return r.around(steps, old, t)
}

// rebuilding is the token while the metadata area gets those sizes: the far header, which lies at old, is
// made anew for them, before the end of the data as it is.
func (r *relocation) rebuilding(to Sizes) (t far.Token, old far.Place, err error) {
	if err := r.startable(); err != nil {
		return t, old, err
	}
	if t = r.token; t.Phase != far.Stable {
		return t, old, &SizeError{ErrAwaitingCut, t.DeviceSize, t.ToDeviceSize}
	}
	old = t.Far
	if t.To, err = far.PlaceAt(t.DeviceSize, to.End()); err != nil {
		return t, old, err
	}
	if end := r.segment.Offset + r.segment.Size; t.To.Start() < end {
		return t, old,
			impossible("metadata size", "a far header of %d bytes would reach into the data, which end at byte %d",
				to.End(), end)
	}
	t.Phase, t.ToDeviceSize, t.DataSize, t.ToDataSize = far.Rebuilding, t.DeviceSize, r.segment.Size, r.segment.Size
	t.HeaderSize, t.KeyslotsSize = to.Header, to.Keyslots
	return t, old, nil
}

// around puts the far header's steps around those of the resize: it is wiped once that is noted, and
// made anew at the end.
func (r *relocation) around(steps []Step, old far.Place, t far.Token) ([]Step, error) {
	r.token = t
	r.steps = append(r.steps, steps[0])
	r.wipe("wipe the far header at "+at(old), old, far.Place{})
	r.steps = append(r.steps, steps[1:]...)
	r.head = headAfter(steps, r.head)
	r.token.Far, r.old = far.Place{}, old
	err := r.rebuild()
	return r.steps, err
}

// headAfter is what the last commit of the steps leaves.
func headAfter(steps []Step, head luks2.Copy) luks2.Copy {
	for _, s := range steps {
		if a, ok := s.Act.(commit.Heads); ok {
			head = a.Change.Next
		}
	}
	return head
}

// PlanRefit plans to make the far header anew where another tool gave the metadata another length than it was
// made for. It must fit behind the data as they are: ErrNoFarRoom.
func PlanRefit(head luks2.Copy) ([]Step, error) {
	r, err := begin(head)
	if err != nil {
		return nil, err
	}
	if err := r.startable(); err != nil {
		return nil, err
	}
	t := r.token
	if t.To, err = far.PlaceAt(t.DeviceSize, far.Length(head)); err != nil {
		return nil, err
	}
	if end := r.segment.Offset + r.segment.Size; t.To.Start() < end {
		return nil, fmt.Errorf("%w: one of %d bytes would reach into the data, which end at byte %d", ErrNoFarRoom,
			t.To.Body.Size, end)
	}
	t.Phase, t.ToDeviceSize, t.DataSize, t.ToDataSize = far.Rebuilding, t.DeviceSize, r.segment.Size, r.segment.Size
	what := fmt.Sprintf("note: the far header at %s is made anew at %s", at(t.Far), at(t.To))
	if err := r.commit(what, t, r.segment.Size); err != nil {
		return nil, err
	}
	err = r.rebuild()
	return r.steps, err
}
