// SPDX-License-Identifier: Apache-2.0

package luks

import (
	"context"
	"errors"
	"fmt"

	"github.com/orthrus-luks/orthrus/luks/commit"
	"github.com/orthrus-luks/orthrus/luks/header"
	"github.com/orthrus-luks/orthrus/luks/luks1"
	"github.com/orthrus-luks/orthrus/luks/view"
)

// Volume is a volume's metadata as it stood when it was loaded or last changed through it. One goroutine at a time may
// use it. Several may each load a Volume of their own from one device, and change it at once: all that is written is
// written under the lock.
type Volume struct {
	view.View
	dev Device

	// FarLag is why the last change through this Volume left the far header as it was; nil where it did
	// not, or where there is none.
	FarLag error
	// Mended: heads were healed, or what was begun was concluded or taken back, through this Volume.
	Mended bool

	examined bool  // whether each load reads the material of the keyslots
	dead     []int // what it finds damaged then

	began *view.View // what stood before LoadExamined asked for the lock; nil otherwise
}

// Data describes the encrypted data.
type Data = view.Data

// Keyslot is one keyslot of either version.
type Keyslot = view.Keyslot

// Load reads the metadata under the device's shared lock. It never writes. The error is
// ErrNotLUKS where nothing looks like LUKS, a *header.NoHeaderError where both heads are bad, or a
// *luks1.FieldError.
func Load(ctx context.Context, dev Device) (*Volume, error) {
	v := &Volume{dev: dev}
	return v, v.Reload(ctx)
}

// LoadExamined is Load that reads the material of each keyslot too, under the same lock, so that Last knows dead ones,
// and the header before it waits for the lock, so that Last knows what another program took away meanwhile.
func LoadExamined(ctx context.Context, dev Device) (*Volume, error) {
	v := &Volume{dev: dev, examined: true}
	if dev == nil {
		return v, ErrNoDevice
	}
	began, unread := view.Read(dev)
	err := v.Reload(ctx)
	if unread == nil {
		v.began = &began
	}
	return v, err
}

// FromHeads is the volume of LUKS2 heads that were read from dev already.
func FromHeads(dev Device, heads header.Heads, choice header.Choice) *Volume {
	return &Volume{View: view.Of2(heads, choice), dev: dev}
}

// Reload reads the metadata again, as Load does.
func (v *Volume) Reload(ctx context.Context) error {
	if v.dev == nil {
		return ErrNoDevice
	}
	return commit.Locked(ctx, v.dev, false, v.load)
}

// load reads again; the caller holds the lock.
func (v *Volume) load() error {
	fresh, err := view.Read(v.dev)
	if err != nil {
		return err
	}
	v.View, v.FarLag, v.dead, v.began = fresh, nil, nil, nil
	if v.examined {
		v.dead = v.DamagedKeyslots()
	}
	return nil
}

// Device is what the volume was loaded from.
func (v *Volume) Device() Device { return v.dev }

// enter runs do under the exclusive lock, on this volume as it is then, and loads it again.
func (v *Volume) enter(ctx context.Context, o commit.Options, do func(*commit.Session) error) error {
	o.UUID = v.UUID
	return commit.Locked(ctx, v.dev, true, func() error {
		s, err := commit.Begin(v.dev, o)
		if err != nil {
			return v.converted(err)
		}
		err = errors.Join(do(s), s.Since(v.load()))
		v.FarLag = s.Lag()
		return err
	})
}

// converted puts the loser of a race with a conversion into words of its own.
func (v *Volume) converted(failed error) error {
	fresh, err := view.Read(v.dev)
	if err != nil || fresh.Version == v.Version || fresh.UUID != v.UUID {
		return failed
	}
	return &commit.MeanwhileError{Keyslot: -1, Token: -1, Err: fmt.Errorf("it is LUKS%d by now", fresh.Version)}
}

// enter1 is enter for LUKS1.
func (v *Volume) enter1(ctx context.Context, do func(*commit.Session1) error) error {
	return commit.Locked(ctx, v.dev, true, func() error {
		s, err := commit.Begin1(v.dev, v.UUID)
		if err != nil {
			return v.converted(err)
		}
		if err := do(s); err != nil {
			return err
		}
		return s.Since(v.load())
	})
}

// update1 changes a LUKS1 header under the exclusive lock: derive gets the header as it is then.
func (v *Volume) update1(ctx context.Context, derive func(h luks1.Header) (commit.Change1, error)) error {
	return v.enter1(ctx, func(s *commit.Session1) error {
		c, err := derive(s.Now())
		if err != nil {
			return err
		}
		return s.Do(c)
	})
}

// update2 changes a LUKS2 header under the exclusive lock, against the metadata as they are then: what
// somebody else committed since this volume was loaded stays.
func (v *Volume) update2(ctx context.Context, derive func(s *commit.Session) (commit.Change, error)) error {
	return v.change2(ctx, commit.Options{}, derive)
}

func (v *Volume) change2(ctx context.Context, o commit.Options,
	derive func(s *commit.Session) (commit.Change, error),
) error {
	return v.enter(ctx, o, func(s *commit.Session) error {
		c, err := derive(s)
		if err != nil {
			return err
		}
		return s.Do(c)
	})
}
