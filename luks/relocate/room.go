// SPDX-License-Identifier: Apache-2.0

package relocate

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/orthrus-luks/orthrus/luks/commit"
	"github.com/orthrus-luks/orthrus/luks/far"
	"github.com/orthrus-luks/orthrus/luks/header"
	"github.com/orthrus-luks/orthrus/luks/luks2"
)

// Room says why the room behind the data is free.
type Room struct {
	// End is where the contents of the volume end, in bytes of the data: signature.Contents.End.
	End uint64
	// Shorten makes every mapping of the volume no longer than size bytes; nil where there is none.
	Shorten func(size uint64) error
}

func (r Room) shorten(size uint64) error {
	if r.Shorten == nil {
		return nil
	}
	return r.Shorten(size)
}

// Enable plans to give a volume a far header at the end of its device, as CheckEnable said, in the room that is
// free for it. Errors: those of CheckEnable, a RoomError, a SignatureError, far.ErrRestored.
func Enable(dev header.Device, now luks2.Copy, room Room) ([]Step, FarPlan, error) {
	e := far.Gather(dev, now)
	p, err := CheckEnable(now, e)
	if err != nil {
		return nil, p, err
	}
	if err := roomIsFree(dev, e, p, room); err != nil {
		return nil, p, err
	}
	steps, err := PlanEnable(now, p, e.DeviceSize, func() error { return shortenBelow(dev, p, room) })
	return steps, p, err
}

// shortenBelow makes the mappings shorter and sees that none reaches over the far header's place any more.
func shortenBelow(dev header.Device, p FarPlan, room Room) error {
	if err := room.shorten(p.DataSize); err != nil {
		return err
	}
	reached, err := commit.Live(dev)
	if err == nil && far.Reaches(reached, p.Place) {
		return far.ErrCovered
	}
	return err
}

// roomIsFree is the proof, but for mappings: what lies inside ends low enough, and nothing else has put
// its signature on the device.
func roomIsFree(dev header.Device, e far.Evidence, p FarPlan, room Room) error {
	if room.End > p.DataSize {
		return &RoomError{End: room.End, Size: p.DataSize}
	}
	if j := far.Judge(e); errors.Is(j.Why, far.ErrRestored) {
		return j.Why
	}
	foreign, err := commit.ForeignSignatures(dev)
	if err == nil && len(foreign) > 0 {
		err = &SignatureError{Kind: foreign[0].Kind, Offset: foreign[0].Offset}
	}
	if err != nil || e.HasToken {
		return err
	}
	return behindIsEmpty(dev, e.Head, p.Place)
}

// behindIsEmpty holds where the place lies behind data of a fixed size, which no far header of ours made so: what is
// not zero there may be anybody's.
func behindIsEmpty(dev header.Device, head luks2.Copy, place far.Place) error {
	data := luks2.Extent{Size: far.DataEnd(head.Metadata, uint64(max(dev.Size(), 0)))}
	for _, e := range place.Extents() {
		for _, behind := range e.Outside([]luks2.Extent{data}) {
			if err := commit.Zeros(dev, behind); err != nil {
				return err
			}
		}
	}
	return nil
}

// Disable plans what PlanDisable does by what lies on the device. left is a commit.FarError where the far header
// is not ours to wipe, and only forgotten.
func Disable(dev header.Device, now luks2.Copy) (steps []Step, left, err error) {
	e := far.Gather(dev, now)
	if e.Live, err = commit.Live(dev); err != nil {
		return nil, nil, err
	}
	steps, gone, err := PlanDisable(e)
	if gone != nil && (!e.Severed || far.Reaches(e.Live, e.Token.Far)) {
		left = &commit.FarError{Place: e.Token.Far, Err: gone}
	}
	return steps, left, err
}

// GiveUpNewer wipes the far headers of the volume that are newer than its heads, and tells where they lay: a person has
// said that the heads count. Errors are those of Session.Wipe.
func GiveUpNewer(s *commit.Session) (wiped []far.Place, err error) {
	now := s.Now()
	e := far.Gather(s.Device(), now)
	for _, f := range append([]far.Found{e.Recorded}, e.Others...) {
		if f.State < far.Foreign || !f.Of(now) || !header.Newer(f.Locator.SeqID, now.Header.SeqID) {
			continue
		}
		if err := commit.NamePlace(f.Place, s.Wipe(f, far.Place{})); err != nil {
			return wiped, err
		}
		wiped = append(wiped, f.Place)
	}
	return wiped, nil
}

// EraseFar wipes every far header of the volume, forgotten ones near the device's end too. What cannot be wiped
// is named by a commit.FarError, and the rest is wiped all the same.
func EraseFar(ctx context.Context, s *commit.Session) error {
	now := s.Now()
	var all []error
	t, _, found, err := far.Find(now.Metadata)
	if found && err == nil {
		all = append(all, eraseRecorded(s, now, t))
	} else {
		all = append(all, err)
	}
	others, err := far.Every(ctx, s.Device())
	all = append(all, err)
	for _, f := range others {
		// What the heads name was wiped above, or could not be.
		if f.Of(now) && !slices.Contains(t.Places(), f.Place) {
			all = append(all, commit.NamePlace(f.Place, s.Wipe(f, far.Place{})))
		}
	}
	return errors.Join(all...)
}

// eraseRecorded disables the far header that the token tells of. Where that cannot be, as in the middle of a
// transaction or with heads from a backup, each of its places is wiped that may be.
func eraseRecorded(s *commit.Session, now luks2.Copy, t far.Token) error {
	steps, left, err := Disable(s.Device(), now)
	if err == nil {
		return errors.Join(commit.NamePlace(t.Far, s.Run(now, steps)), left)
	}
	if !errors.Is(err, far.ErrUnderWay) && !errors.Is(err, far.ErrRestored) {
		return commit.NamePlace(t.Far, err)
	}
	var all []error
	for i, p := range t.Places() {
		if i == 0 || p.Locator != t.Far.Locator {
			all = append(all, commit.NamePlace(p, eraseAt(s, p)))
		}
	}
	if errors.Join(all...) == nil && errors.Is(err, far.ErrRestored) { // it has gone, and the heads forget it
		if steps, _, err = Disable(s.Device(), now); err == nil {
			return commit.NamePlace(t.Far, s.Run(now, steps))
		}
	}
	return errors.Join(all...)
}

// eraseAt wipes what is this volume's at a place.
func eraseAt(s *commit.Session, p far.Place) error {
	if p.End() > uint64(s.Device().Size()) {
		return far.ErrCutOff
	}
	f := far.Look(s.Device(), p.Locator)
	if f.State > far.Unreadable && !f.Of(s.Now()) {
		return fmt.Errorf("%w: its uuid is %s", far.ErrDisplaced, f.Locator.UUID)
	}
	return s.Wipe(f, far.Place{})
}
