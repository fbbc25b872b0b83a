// SPDX-License-Identifier: Apache-2.0

package relocate

import (
	"fmt"

	"github.com/orthrus-luks/orthrus/luks/commit"
	"github.com/orthrus-luks/orthrus/luks/far"
	"github.com/orthrus-luks/orthrus/luks/header"
	"github.com/orthrus-luks/orthrus/luks/luks2"
)

// PlanConclude plans what concludes a relocation that the heads tell of, from the heads and what lies at
// the places they name, or, where that cannot be, what takes it back. Nothing to do is an empty plan.
// The token is hostile input: see check.
func PlanConclude(dev header.Device, head luks2.Copy) ([]Step, error) {
	if t, _, found, err := far.Find(head.Metadata); err == nil && found &&
		(t.Phase == far.Enabling || t.Phase == far.Disabling) {
		return concludeEnabling(dev, head, t)
	}
	r, err := begin(head)
	if err != nil {
		return nil, err
	}
	deviceSize := uint64(dev.Size())
	switch r.token.Phase {
	case far.Moving, far.Wiping, far.Rebuilding, far.AwaitingCut:
	default:
		return nil, nil
	}
	if err := r.resized(); err != nil {
		return nil, err
	}
	if err := r.check(); err != nil {
		return nil, err
	}
	switch r.token.Phase {
	case far.AwaitingCut:
		err = r.cut(deviceSize)
	case far.Moving:
		err = r.concludeMoving(dev, deviceSize)
	case far.Wiping:
		err = r.concludeWiping(dev, deviceSize)
	case far.Rebuilding:
		err = r.concludeRebuilding(dev, deviceSize)
	}
	return r.steps, err
}

// resized settles where the far header goes that a resize of the metadata area has wiped: where one of
// the length that came of it belongs, whether the resize was concluded or taken back.
func (r *relocation) resized() (err error) {
	if r.token.Phase != far.Rebuilding || r.token.HeaderSize == 0 {
		return nil
	}
	r.token.HeaderSize, r.token.KeyslotsSize = 0, 0
	r.token.To, _, err = r.place(r.token.ToDeviceSize)
	return err
}

// check refuses a token that no honest writer of these phases could have left: places aligned, of the
// length of this header, apart from the heads, the data and (but for Rebuilding) each other, the one
// being made where the size worked for puts it, and data lengths that end below.
func (r *relocation) check() error {
	t := r.token
	refuse := func(why string) error { return &far.TokenError{ID: -1, Kind: far.ErrToken, Why: why} }
	from := max(r.head.Metadata.KeyslotsExtent(r.head.Header.Size).End(), r.segment.Offset)
	if err := t.Check(from, max(t.DeviceSize, t.ToDeviceSize)); err != nil {
		return err
	}
	made, left := t.To, t.Far
	if t.Phase == far.Wiping || t.Phase == far.AwaitingCut {
		made, left = t.Far, t.To
	}
	if want, _, err := r.place(t.ToDeviceSize); err != nil || made != want {
		return refuse("its place is not where the device's size puts it")
	}
	if t.Phase != far.AwaitingCut && t.Phase != far.Rebuilding &&
		(left.None() || left.Body.Size != far.Length(r.head)) {
		return refuse("the old place is not one of this header")
	}
	unit := uint64(r.segment.SectorSize)
	for _, size := range []uint64{t.DataSize, t.ToDataSize} {
		if size == 0 || size%unit != 0 || size > 1<<62 {
			return refuse(fmt.Sprintf("data of %d bytes", size))
		}
	}
	if r.segment.Size != t.DataSize && r.segment.Size != t.ToDataSize {
		return refuse("the data segment was changed since")
	}
	if r.segment.Offset+t.ToDataSize > made.Start() || !left.None() && r.segment.Offset+t.DataSize > left.Start() {
		return refuse("the data reach over the far header")
	}
	return nil
}

// cut concludes a shrink once the device has the size that was announced.
func (r *relocation) cut(deviceSize uint64) error {
	if deviceSize != r.token.ToDeviceSize {
		return nil
	}
	t := far.Token{Phase: far.Stable, Far: r.token.Far, DeviceSize: deviceSize, DataSize: r.segment.Size}
	if err := r.follow(t, t.DataSize); err != nil {
		return err
	}
	return r.commit(fmt.Sprintf("commit: the device was cut to %d bytes", deviceSize), t, t.DataSize)
}

// concludeMoving goes on where the new place is on the device and ours or free; otherwise it goes back.
func (r *relocation) concludeMoving(dev header.Device, deviceSize uint64) error {
	t := r.token
	if t.To.End() > deviceSize {
		return r.goBack(deviceSize)
	}
	found := far.Read(dev, t.To)
	if found.State == far.Unreadable {
		return fmt.Errorf("%w: %w", far.ErrUnsure, found.Err)
	}
	if commit.FreePlace(dev, r.head, found) != nil {
		return r.goBack(deviceSize)
	}
	return r.moving()
}

// goBack wipes what is ours at the new place and leaves the old one in force. A device that ends
// before the old place is never written to.
func (r *relocation) goBack(deviceSize uint64) error {
	t := r.token
	if t.Far.End() > deviceSize {
		return &SizeError{ErrShrunk, deviceSize, t.DeviceSize}
	}
	r.wipe(fmt.Sprintf("wipe the far header at %s", at(t.To)), t.To, far.Place{})
	return r.keepAt(t.Far)
}

// keepAt leaves the far header at a place in force, on a device of the size that the volume knew before.
func (r *relocation) keepAt(p far.Place) error {
	back := far.Token{Phase: far.Stable, Far: p, DeviceSize: r.token.DeviceSize, DataSize: r.token.DataSize}
	if err := r.follow(back, back.DataSize); err != nil {
		return err
	}
	return r.commit(fmt.Sprintf("commit: the far header stays at %s", at(p)), back, back.DataSize)
}

// concludeWiping goes on; what lies beyond the device's end is gone. Where the new far header is not
// ours any more, or not wholly made, and the old one is still whole, that one comes back into force.
func (r *relocation) concludeWiping(dev header.Device, deviceSize uint64) error {
	t := r.token
	made := far.Found{}
	if t.Far.End() <= deviceSize {
		made = far.Read(dev, t.Far)
	}
	switch {
	case made.State == far.Unreadable:
		return fmt.Errorf("%w: %w", far.ErrUnsure, made.Err)
	case far.Ours(made, r.head) && !(made.Unfinished() && r.stands(dev, deviceSize)):
		r.finish(made)
		return r.wiping()
	case r.stands(dev, deviceSize):
		return r.keepAt(t.To)
	case t.Far.End() > deviceSize:
		return &SizeError{ErrShrunk, deviceSize, t.ToDeviceSize}
	}
	return r.conclude(t)
}

// stands tells whether the old far header is still whole.
func (r *relocation) stands(dev header.Device, deviceSize uint64) bool {
	old := r.token.To
	return old.End() <= deviceSize && far.Ours(far.Read(dev, old), r.head)
}

// finish fulfils an announcement: heads that came back from a far header which was being made name it before it is
// known to be whole, and until then nothing else goes.
func (r *relocation) finish(made far.Found) {
	if made.Locator.Updating() {
		r.steps = append(r.steps, Step{
			What: fmt.Sprintf("bring the far header at %s into step", at(made.Place)), Writes: made.Place.Extents(),
			Act: commit.FarWrite{Place: made.Place, Next: r.head, Other: r.token.To, Keep: true, After: true},
		})
	}
}

// concludeRebuilding goes on, or back to the old place where the device was cut before that was wiped,
// or leaves the volume without a far header.
func (r *relocation) concludeRebuilding(dev header.Device, deviceSize uint64) error {
	t := r.token
	if t.To.End() <= deviceSize {
		return r.rebuild()
	}
	if t.Far.End() <= deviceSize && far.Ours(far.Read(dev, t.Far), r.head) {
		return r.keepAt(t.Far)
	}
	next := r.head
	next.Metadata = next.Metadata.Clone()
	if err := far.Remove(next.Metadata); err != nil {
		return err
	}
	r.steps = append(r.steps, heads("commit: there is no far header any more", next))
	return nil
}
