// SPDX-License-Identifier: Apache-2.0

package luks

import (
	"context"
	"errors"
	"fmt"
	"sync"

	"github.com/orthrus-luks/orthrus/dm/given"
	"github.com/orthrus-luks/orthrus/luks/commit"
	"github.com/orthrus-luks/orthrus/luks/luks1"
	"github.com/orthrus-luks/orthrus/luks/view"
)

// Volume is a volume's metadata as it stood when it was loaded or last changed through it.
//
// Several goroutines may call its methods at once: what changes the volume goes one after the other, each change
// against what the one before has left, and Unlock and the derivations run side by side. A function that is given to a
// method, as GrowOptions.Tell, must not change the volume. The fields, and the methods of View, are for a goroutine
// that knows that none changes the volume meanwhile; Now gives the others a copy. Several may also each open a File of
// their own on one device, load a Volume from it and change that at once: all that is written is written under the
// device's lock.
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

	turn sync.Mutex // of what reads or writes the metadata on the device
	seen sync.Mutex // of what is above
}

// Now is what the volume's metadata say now.
func (v *Volume) Now() view.View { return *v.now() }

func (v *Volume) now() *view.View {
	if v == nil {
		return &view.View{}
	}
	v.seen.Lock()
	now := v.View
	v.seen.Unlock()
	return &now
}

// is tells whether the volume is of that version.
func (v *Volume) is(version int) bool { return v.now().Version == version }

// locked runs do under the device's lock, and alone among all that goes through this Volume.
func (v *Volume) locked(ctx context.Context, exclusive bool, do func() error) error {
	if v.device() == nil {
		return ErrNoDevice
	}
	v.turn.Lock()
	defer v.turn.Unlock()
	return commit.Locked(ctx, v.dev, exclusive, do)
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
	if !present(dev) {
		return v, ErrNoDevice
	}
	if err := given.Context(ctx); err != nil {
		return v, err
	}
	began, unread := view.Read(dev)
	err := v.Reload(ctx)
	if unread == nil {
		v.began = &began
	}
	return v, err
}

// FromView is the volume whose metadata were read from dev already.
func FromView(dev Device, now view.View) *Volume { return &Volume{View: now, dev: dev} }

// Reload reads the metadata again, as Load does.
func (v *Volume) Reload(ctx context.Context) error {
	return v.locked(ctx, false, v.load)
}

// load reads again; the caller holds the lock.
func (v *Volume) load() error {
	fresh, err := view.Read(v.dev)
	if err != nil {
		return err
	}
	var dead []int
	if v.examined {
		dead = damaged(v.dev, &fresh)
	}
	v.seen.Lock()
	defer v.seen.Unlock()
	v.View, v.FarLag, v.dead, v.began = fresh, nil, dead, nil
	return nil
}

// Device is what the volume was loaded from.
func (v *Volume) Device() Device {
	if v == nil {
		return nil
	}
	return v.dev
}

// enter runs do under the exclusive lock, on this volume as it is then, and loads it again.
func (v *Volume) enter(ctx context.Context, o commit.Options, do func(*commit.Session) error) error {
	return v.locked(ctx, true, func() error {
		o.UUID = v.UUID
		s, err := commit.Begin(v.dev, o)
		if err != nil {
			return v.converted(err)
		}
		err = errors.Join(do(s), s.Since(v.load()))
		v.lags(s.Lag())
		return err
	})
}

// lags notes why the far header was left as it was.
func (v *Volume) lags(err error) {
	v.seen.Lock()
	v.FarLag = err
	v.seen.Unlock()
}

// mended notes that something was.
func (v *Volume) mended(it bool) {
	v.seen.Lock()
	v.Mended = v.Mended || it
	v.seen.Unlock()
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
	return v.locked(ctx, true, func() error {
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
