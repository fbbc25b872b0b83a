// SPDX-License-Identifier: Apache-2.0

package luks

import (
	"context"
	"errors"
	"slices"

	"github.com/orthrus-luks/orthrus/luks/commit"
	"github.com/orthrus-luks/orthrus/luks/far"
	"github.com/orthrus-luks/orthrus/luks/header"
	"github.com/orthrus-luks/orthrus/luks/luks2"
	"github.com/orthrus-luks/orthrus/luks/relocate"
)

// FarHeader is what there is of the third copy, and how it stands to the heads.
type FarHeader = far.Status

// FarPlan is where a far header would go.
type FarPlan = relocate.FarPlan

// FarError says that the heads were changed as asked for, and that the far header was left behind.
type FarError = commit.FarError

// RoomError says that the contents reach to where the far header is to lie.
type RoomError = relocate.RoomError

// The refusals of a far header.
var (
	ErrFarLeft    = commit.ErrFarLeft
	ErrFarUUID    = commit.ErrFarUUID
	ErrNoFar      = relocate.ErrNoFar
	ErrNoFarRoom  = relocate.ErrNoFarRoom
	ErrFarPresent = relocate.ErrFarPresent
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

// Far looks at the far header. It never writes.
func (v *Volume) Far(ctx context.Context) (f FarHeader, err error) {
	if v.Version != 2 {
		return f, nil
	}
	err = commit.Locked(ctx, v.dev, false, func() (err error) {
		if err := v.load(); err != nil {
			return err
		}
		f, err = LookFar(v.dev, v.Heads, v.Choice)
		return err
	})
	return f, err
}

// LookFar looks at the far header of a LUKS2 volume whose heads were read, by a caller that still holds the
// device's lock. It never writes.
func LookFar(dev Device, heads header.Heads, choice header.Choice) (FarHeader, error) {
	return far.Examine(dev, heads, choice.Copy, func() ([]luks2.Extent, error) { return commit.Live(dev) })
}

// PlanFar says where a far header of this volume would lie, on its device as large as that is now, and
// refuses volumes that cannot have one: ErrNoFar, ErrNoFarRoom, ErrFarPresent, luks2.ErrNoRoom.
func (v *Volume) PlanFar() (FarPlan, error) {
	if v.Version != 2 {
		return FarPlan{}, errors.Join(ErrNoFar, errors.New("it is LUKS1; convert it to LUKS2 first"))
	}
	return relocate.CheckEnable(v.Choice.Copy, far.Gather(v.dev, v.Choice.Copy))
}

// EnableFar gives the volume a far header at the end of its device. The contents must be known to end
// below it. It goes in logged steps, which Resume concludes or takes back after a crash: the data
// segment gets a fixed size, mappings are made as short, the far header is written, the heads name it.
func (v *Volume) EnableFar(ctx context.Context, room Room) (p FarPlan, err error) {
	if v.Version != 2 {
		return v.PlanFar()
	}
	err = v.transact(ctx, commit.Options{Free: true}, func(s *commit.Session) ([]commit.Step, error) {
		now := s.Now()
		e := far.Gather(v.dev, now)
		if p, err = relocate.CheckEnable(now, e); err != nil {
			return nil, err
		}
		if err := roomIsFree(v.dev, e, p, room); err != nil {
			return nil, err
		}
		return relocate.PlanEnable(now, p, e.DeviceSize, func() error { return v.shortenBelow(p, room) })
	})
	if t, pending, _ := v.Pending(); err != nil && pending && far.Phase(t.Phase) == far.Enabling {
		_, back := v.Resume(ctx, nil)
		err = errors.Join(err, back)
	}
	return p, err
}

// shortenBelow makes the mappings shorter and sees that none reaches over the far header's place any more.
func (v *Volume) shortenBelow(p FarPlan, room Room) error {
	if err := room.shorten(p.DataSize); err != nil {
		return err
	}
	reached, err := commit.Live(v.dev)
	if err == nil && far.Reaches(reached, p.Place) {
		return far.ErrCovered
	}
	return err
}

// roomIsFree is the proof, but for mappings: what lies inside ends low enough, and nothing else has put
// its signature on the device.
func roomIsFree(dev Device, e far.Evidence, p FarPlan, room Room) error {
	if room.End > p.DataSize {
		return &RoomError{End: room.End, Size: p.DataSize}
	}
	if j := far.Judge(e); errors.Is(j.Why, far.ErrRestored) {
		return j.Why
	}
	foreign, err := commit.ForeignSignatures(dev)
	if err != nil || len(foreign) == 0 {
		return err
	}
	return &relocate.SignatureError{Kind: foreign[0].Kind, Offset: foreign[0].Offset}
}

// DisableFar wipes the far header and gives its room back: a data segment that ends where the far header
// made it end reaches to the device's end again. Where what lies at its place is not ours to wipe, the
// heads forget it all the same, and a FarError names what remains. Mappings stay as they are. It refuses
// with far.ErrRestored, far.ErrCovered, far.ErrUnderWay, far.ErrUnsure or a far.TokenError.
func (v *Volume) DisableFar(ctx context.Context) error {
	if v.Version != 2 {
		return far.ErrNone
	}
	var left error
	err := v.transact(ctx, commit.Options{}, func(s *commit.Session) (steps []commit.Step, err error) {
		steps, left, err = planDisable(v.dev, s)
		return steps, err
	})
	return errors.Join(err, left)
}

func planDisable(dev Device, s *commit.Session) (steps []commit.Step, left, err error) {
	e := far.Gather(dev, s.Now())
	if e.Live, err = commit.Live(dev); err != nil {
		return nil, nil, err
	}
	steps, gone, err := relocate.PlanDisable(e)
	if gone != nil {
		left = &FarError{Place: e.Token.Far, Err: gone}
	}
	return steps, left, err
}

// EraseFar wipes every far header of the volume, forgotten ones near the device's end too, before its
// keyslots are destroyed. What cannot be wiped is named by a FarError, and the rest is wiped all the same.
func (v *Volume) EraseFar(ctx context.Context) error {
	if v.Version != 2 {
		return nil
	}
	if _, err := v.Heal(ctx, false); err != nil {
		return err
	}
	return v.enter(ctx, commit.Options{}, func(s *commit.Session) error {
		var all []error
		t, _, found, err := far.Find(s.Now().Metadata)
		if found && err == nil {
			steps, left, err := planDisable(v.dev, s)
			if err == nil {
				err = errors.Join(s.Run(s.Now(), steps), left)
			}
			all = append(all, named(t.Far, err))
		} else {
			all = append(all, err)
		}
		others, err := EveryFar(ctx, v.dev)
		all = append(all, err)
		for _, f := range others {
			// What the heads name was disabled above, or could not be.
			if f.Locator.Of(v.UUID) && !slices.Contains(t.Places(), f.Place) {
				all = append(all, named(f.Place, s.Wipe(f, far.Place{})))
			}
		}
		return errors.Join(all...)
	})
}

// named is a FarError for the place.
func named(place far.Place, err error) error {
	var left *FarError
	if err == nil || errors.As(err, &left) {
		return err
	}
	return &FarError{Place: place, Err: err}
}

// EveryFar finds the far headers of any volume near the device's end, and those whose places heads that
// can still be read name.
func EveryFar(ctx context.Context, dev Device) ([]far.Found, error) { return far.Every(ctx, dev) }
