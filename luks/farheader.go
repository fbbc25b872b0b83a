// SPDX-License-Identifier: Apache-2.0

package luks

import (
	"context"
	"errors"

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

// Room says why the room behind the data is free.
type Room = relocate.Room

// FarSync is what SyncFar did.
type FarSync = relocate.FarSync

// The refusals of a far header.
var (
	ErrFarLeft    = commit.ErrFarLeft
	ErrFarUUID    = commit.ErrFarUUID
	ErrNoFar      = relocate.ErrNoFar
	ErrNoFarRoom  = relocate.ErrNoFarRoom
	ErrFarPresent = relocate.ErrFarPresent
)

// Far looks at the far header. It never writes.
func (v *Volume) Far(ctx context.Context) (f FarHeader, err error) {
	if !v.is(2) {
		return f, nil
	}
	err = v.locked(ctx, false, func() (err error) {
		if err := v.load(); err != nil {
			return err
		}
		f, err = LookFar(v.dev, v.Heads, v.Choice)
		return err
	})
	return f, err
}

// OwnsFar tells whether a far header is this volume's, as package far documents it; in LUKS1 by the uuid.
func (v *Volume) OwnsFar(f far.Found) bool {
	now := v.now()
	return f.Locator.Of(now.UUID) || now.Version == 2 && f.Of(now.Choice.Copy)
}

// LookFar looks at the far header of a LUKS2 volume whose heads were read, by a caller that still holds the
// device's lock. It never writes.
func LookFar(dev Device, heads header.Heads, choice header.Choice) (FarHeader, error) {
	if !present(dev) || choice.Copy.Metadata == nil {
		return FarHeader{}, ErrNoDevice
	}
	return far.Examine(dev, heads, choice.Copy, func() ([]luks2.Extent, error) { return commit.Live(dev) })
}

// PlanFar says where a far header of this volume would lie, on its device as large as that is now, and
// refuses volumes that cannot have one: ErrNoFar, ErrNoFarRoom, ErrFarPresent, luks2.ErrNoRoom.
func (v *Volume) PlanFar(ctx context.Context) (p FarPlan, err error) {
	older := errors.Join(ErrNoFar, errors.New("it is LUKS1; convert it to LUKS2 first"))
	err = v.look(ctx, older, func(now luks2.Copy) (err error) {
		p, err = relocate.CheckEnable(now, far.Gather(v.dev, now))
		return err
	})
	return p, err
}

// EnableFar gives the volume a far header at the end of its device. The contents must be known to end
// below it. It goes in logged steps, which Resume concludes or takes back after a crash: the data
// segment gets a fixed size, mappings are made as short, the far header is written, the heads name it.
func (v *Volume) EnableFar(ctx context.Context, room Room) (p FarPlan, err error) {
	if !v.is(2) {
		return v.PlanFar(ctx)
	}
	err = v.transact(ctx, commit.Options{Free: true}, func(s *commit.Session) (steps []commit.Step, err error) {
		steps, p, err = relocate.Enable(v.dev, s.Now(), room)
		return steps, err
	})
	if t, pending, _ := v.Pending(); err != nil && pending && far.Phase(t.Phase) == far.Enabling {
		_, back := v.Resume(ctx, nil)
		err = errors.Join(err, back)
	}
	return p, err
}

// DisableFar wipes the far header and gives its room back: a data segment that ends where the far header
// made it end reaches to the device's end again. Where what lies at its place is not ours to wipe, the
// heads forget it all the same, and a FarError names what remains. Mappings stay as they are. It refuses
// with far.ErrRestored, far.ErrCovered, far.ErrUnderWay, far.ErrUnsure, a far.LastCopyError or a far.TokenError.
func (v *Volume) DisableFar(ctx context.Context) error {
	if !v.is(2) {
		return far.ErrNone
	}
	var left error
	err := v.transact(ctx, commit.Options{}, func(s *commit.Session) (steps []commit.Step, err error) {
		if err := s.LastCopy(); err != nil {
			return nil, err
		}
		steps, left, err = relocate.Disable(v.dev, s.Now())
		return steps, err
	})
	return errors.Join(err, left)
}

// GiveUpNewerFar wipes far headers that are newer than the heads, as after a restored backup, and tells where they lay:
// a person has said that the heads count. The heads go on naming the place until DisableFar or EnableFar.
func (v *Volume) GiveUpNewerFar(ctx context.Context) (wiped []far.Place, err error) {
	if !v.is(2) {
		return nil, far.ErrNone
	}
	if _, err := v.Heal(ctx, false); err != nil {
		return nil, err
	}
	err = v.enter(ctx, commit.Options{}, func(s *commit.Session) error {
		wiped, err = relocate.GiveUpNewer(s)
		return err
	})
	return wiped, err
}

// EraseFar wipes every far header of the volume, forgotten ones near the device's end too, before its
// keyslots are destroyed. What cannot be wiped is named by a FarError, and the rest is wiped all the same.
func (v *Volume) EraseFar(ctx context.Context) error {
	if !v.is(2) {
		return nil
	}
	if _, err := v.Heal(ctx, false); err != nil {
		return err
	}
	return v.enter(ctx, commit.Options{}, func(s *commit.Session) error { return relocate.EraseFar(ctx, s) })
}

// SyncFar brings the far header into step with the heads, after another tool changed them or an update
// was cut off, and wipes forgotten copies of it: those at the device's end and in others. Where another tool
// gave the metadata another length, it is made anew. Where the data segment reaches over the far header it
// needs room, and makes the segment end before it. It refuses with one of the errors of package far, and
// writes nothing, where the ownership rules say so.
func (v *Volume) SyncFar(ctx context.Context, room *Room, others []far.Found) (FarSync, error) {
	done := FarSync{Left: map[far.Place]error{}}
	if !v.is(2) {
		return done, far.ErrNone
	}
	if _, err := v.Heal(ctx, false); err != nil {
		return done, err
	}
	err := v.enter(ctx, commit.Options{Free: true}, func(s *commit.Session) error {
		return relocate.Sync(s, room, others, &done)
	})
	return done, err
}
