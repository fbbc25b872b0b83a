// SPDX-License-Identifier: Apache-2.0

package relocate

import (
	"fmt"

	"github.com/orthrus-luks/orthrus/luks/commit"
	"github.com/orthrus-luks/orthrus/luks/far"
	"github.com/orthrus-luks/orthrus/luks/luks2"
)

// PlanGrow plans to bring the far header to the end of a device that is larger than the volume knows,
// deviceSize bytes, and to let the data reach up to it. small: do it where the far header's new place
// overlaps the old one too; then there is none for a moment. Errors: a SizeError of kind ErrNotGrown,
// ErrShrunk or ErrAwaitingCut, an OverlapError, far.ErrNone, far.ErrUnderWay, ErrSegment.
func PlanGrow(head luks2.Copy, deviceSize uint64, small bool) ([]Step, error) {
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
	case deviceSize == known:
		return nil, &SizeError{ErrNotGrown, deviceSize, known}
	}
	err = r.grow(known, deviceSize, small)
	return r.steps, err
}

// startable: no transaction is under way, and there is a far header.
func (r *relocation) startable() error {
	switch {
	case r.token.Phase != far.Stable && r.token.Phase != far.AwaitingCut:
		return fmt.Errorf("%w: %s", far.ErrUnderWay, r.token.Phase)
	case r.token.Far.None():
		return far.ErrNone
	}
	return nil
}

// grow plans from a stable state.
func (r *relocation) grow(from, to uint64, small bool) error {
	place, data, err := r.place(to)
	if err != nil {
		return err
	}
	t := r.token
	t.To, t.DeviceSize, t.ToDeviceSize, t.DataSize, t.ToDataSize = place, from, to, r.segment.Size, max(data,
		r.segment.Size)
	switch {
	case place == t.Far:
		return r.stay(t)
	case !place.Overlaps(t.Far):
		t.Phase = far.Moving
		return r.move(t, r.segment.Size)
	case !small:
		return &OverlapError{t.Far.Extent(), place.Extent()}
	}
	t.Phase = far.Rebuilding
	if err := r.commit(fmt.Sprintf("note: the far header at %s is made anew at %s", at(t.Far), at(place)), t,
		r.segment.Size); err != nil {
		return err
	}
	return r.rebuild()
}

// move notes that the far header goes from t.Far to t.To, the data having that length meanwhile.
func (r *relocation) move(t far.Token, data uint64) error {
	what := fmt.Sprintf("note: the far header moves from %s to %s", at(t.Far), at(t.To))
	if err := r.commit(what, t, data); err != nil {
		return err
	}
	return r.moving()
}

// moving goes on from phase Moving.
func (r *relocation) moving() error {
	t := r.token
	t.Phase, t.Far, t.To = far.Wiping, r.token.To, r.token.Far
	if err := r.write(fmt.Sprintf("write the far header to %s", at(t.Far)), t.Far, t, r.segment.Size); err != nil {
		return err
	}
	what := fmt.Sprintf("commit: the far header at %s is the one in force, the one at %s goes", at(t.Far), at(t.To))
	if err := r.commit(what, t, r.segment.Size); err != nil {
		return err
	}
	return r.wiping()
}

// wiping goes on from phase Wiping.
func (r *relocation) wiping() error {
	r.wipe(fmt.Sprintf("wipe the far header at %s", at(r.token.To)), r.token.To, r.token.Far)
	return r.conclude(r.token)
}

// stay notes another size of the device, for which the far header lies right where it is.
func (r *relocation) stay(t far.Token) error {
	next := concluded(t)
	if err := r.commit(concluding(t), next, t.ToDataSize); err != nil {
		return err
	}
	what := fmt.Sprintf("bring the far header at %s into step", at(t.Far))
	return r.writing(what, commit.FarWrite{Place: t.Far, Keep: true, After: true}, next, t.ToDataSize)
}

// rebuild goes on from phase Rebuilding: the old far header is wiped first, while its locator proves
// that it is ours.
func (r *relocation) rebuild() error {
	if !r.token.Far.None() {
		r.old = r.token.Far
		r.wipe(fmt.Sprintf("wipe the far header at %s", at(r.old)), r.old, far.Place{})
	}
	t := r.token
	t.Far = t.To
	next := concluded(t)
	w := commit.FarWrite{Place: t.Far, Other: r.old}
	if err := r.writing(fmt.Sprintf("write the far header to %s", at(t.Far)), w, next, next.DataSize); err != nil {
		return err
	}
	return r.commit(concluding(t), next, next.DataSize)
}

// conclude brings the far header at t.Far into step with the last commit, and makes that.
func (r *relocation) conclude(t far.Token) error {
	next := concluded(t)
	if err := r.follow(next, next.DataSize); err != nil {
		return err
	}
	return r.commit(concluding(t), next, next.DataSize)
}

// concluded is the last token of a transaction: stable, or awaiting a cut.
func concluded(t far.Token) far.Token {
	if t.ToDeviceSize < t.DeviceSize {
		t.Phase, t.To, t.DataSize = far.AwaitingCut, far.Place{}, t.ToDataSize
		return t
	}
	return far.Token{Phase: far.Stable, Far: t.Far, DeviceSize: t.ToDeviceSize, DataSize: t.ToDataSize}
}

func concluding(t far.Token) string {
	if t.ToDeviceSize < t.DeviceSize {
		return fmt.Sprintf("commit: data of %d bytes; the device may be cut to %d", t.ToDataSize, t.ToDeviceSize)
	}
	return fmt.Sprintf("commit: data of %d bytes on a device of %d", t.ToDataSize, t.ToDeviceSize)
}
