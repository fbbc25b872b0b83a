// SPDX-License-Identifier: Apache-2.0

package luks

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/orthrus-luks/orthrus/luks/far"
	"github.com/orthrus-luks/orthrus/luks/header"
)

// DisableFar wipes the far header and gives its room back: a data segment that ends where the far header
// made it end reaches to the device's end again. Where what lies at its place is not ours to wipe, the
// heads forget it all the same, and a FarError names what remains. Mappings stay as they are. It refuses
// with far.ErrRestored, far.ErrCovered, far.ErrUnderWay, far.ErrUnsure or a far.TokenError.
func (v *Volume) DisableFar(ctx context.Context) error {
	if v.Version != 2 {
		return far.ErrNone
	}
	return locked(ctx, v.dev, true, func() error {
		heads, choice, err := v.current()
		if err != nil {
			return err
		}
		return errors.Join(v.disableFar(heads, choice), v.load())
	})
}

func (v *Volume) disableFar(heads header.Heads, choice header.Choice) error {
	e := v.farEvidence(choice.Copy)
	var err error
	if e.Live, err = live(v.dev); err != nil {
		return err
	}
	j := far.Judge(e)
	gone := j.Standing == far.Displaced || j.Standing == far.CutOff
	if err := j.Writable(); err != nil && !gone {
		return err
	}
	t := far.Token{Phase: far.Disabling, To: e.Token.Far, DeviceSize: e.DeviceSize, DataSize: givenBack(e)}
	next := choice.Copy
	next.Metadata = next.Metadata.Clone()
	if err := far.Put(next.Metadata, t); err != nil {
		return err
	}
	if heads, choice, err = v.commitHeads(heads, choice, next); err != nil {
		return err
	}
	if err := v.concludeDisable(heads, choice, t); err != nil {
		return err
	}
	if gone {
		return &FarError{Place: e.Token.Far, Err: j.Why}
	}
	return nil
}

// concludeDisable wipes what is ours of it and forgets it.
func (v *Volume) concludeDisable(heads header.Heads, choice header.Choice, t far.Token) error {
	if err := v.wipeOurs(choice.Copy, t.To); err != nil {
		return err
	}
	return v.forgetFar(heads, choice, t.DataSize)
}

// EraseFar wipes every far header of the volume, forgotten ones near the device's end too, before its
// keyslots are destroyed. What cannot be wiped is named by a FarError, and the rest is wiped all the same.
func (v *Volume) EraseFar(ctx context.Context) error {
	if v.Version != 2 {
		return nil
	}
	return locked(ctx, v.dev, true, func() error {
		heads, choice, err := v.current()
		if err != nil {
			return err
		}
		return errors.Join(v.eraseFar(ctx, heads, choice), v.load())
	})
}

func (v *Volume) eraseFar(ctx context.Context, heads header.Heads, choice header.Choice) error {
	var all []error
	t, _, found, err := far.Find(choice.Copy.Metadata)
	if err != nil {
		all = append(all, err)
	}
	if found && err == nil {
		all = append(all, named(t.Far, v.disableFar(heads, choice)))
	}
	others, err := EveryFar(ctx, v.dev)
	if err != nil {
		return errors.Join(append(all, err)...)
	}
	reached, err := live(v.dev)
	if err != nil {
		return errors.Join(append(all, err)...)
	}
	for _, f := range others {
		// What the heads name was disabled above, or could not be.
		if f.Locator.Of(choice.Copy.Header.UUID) && !slices.Contains(t.Places(), f.Place) {
			all = append(all, named(f.Place, v.wipeOne(f, far.Place{}, reached)))
		}
	}
	return errors.Join(all...)
}

// named is a FarError for the place.
func named(place far.Place, err error) error {
	var left *FarError
	if err == nil || errors.As(err, &left) {
		return err
	}
	return &FarError{Place: place, Err: err}
}

// ResumeFar concludes or takes back an enabling or disabling that was cut off, from the heads alone and
// without a passphrase. Where there is none it does nothing; other phases are not its business.
func (v *Volume) ResumeFar(ctx context.Context) (resumed bool, err error) {
	if v.Version != 2 {
		return false, nil
	}
	if t, _, found, err := far.Find(v.Metadata()); err != nil || !found || t.Phase != far.Enabling && t.Phase != far.Disabling {
		return false, nil
	}
	return true, locked(ctx, v.dev, true, func() error {
		heads, choice, err := v.current()
		if err != nil {
			return err
		}
		return errors.Join(v.resumeFar(heads, choice), v.load())
	})
}

// resumeFar takes the token as hostile: the place must be possible, and under no mapping.
func (v *Volume) resumeFar(heads header.Heads, choice header.Choice) error {
	e := v.farEvidence(choice.Copy)
	if e.TokenErr != nil {
		return e.TokenErr
	}
	if err := e.Token.Check(choice.Copy.Metadata.KeyslotsExtent(choice.Copy.Header.Size).End(), e.DeviceSize); err != nil {
		return err
	}
	if j := far.Judge(e); j.Standing == far.Restored {
		return j.Why
	}
	reached, err := live(v.dev)
	if err != nil {
		return err
	}
	if far.Reaches(reached, e.Token.To) {
		return far.ErrCovered
	}
	f := far.Read(v.dev, e.Token.To)
	if f.State == far.Unreadable {
		return fmt.Errorf("%w: %w", far.ErrUnsure, f.Err)
	}
	switch {
	case e.Token.Phase == far.Disabling:
		return v.concludeDisable(heads, choice, e.Token)
	case e.Token.Phase != far.Enabling:
		return nil
	case f.State == far.Whole && f.Locator.Of(choice.Copy.Header.UUID) && fits(e):
		return v.concludeEnable(heads, choice, e.Token, &f)
	}
	return v.forgetFar(heads, choice, e.Token.DataSize)
}

// givenBack is the size of the data segment without the far header: up to the device's end, which is 0,
// where the far header made it end.
func givenBack(e far.Evidence) uint64 {
	segment, found := e.Head.Metadata.DefaultSegment()
	if !found || segment.Dynamic || segment.Size == e.Token.DataSize {
		return 0
	}
	return segment.Size
}

// fits: the heads are still those of the transaction.
func fits(e far.Evidence) bool {
	segment, found := e.Head.Metadata.DefaultSegment()
	return found && far.Length(e.Head) == e.Token.To.Body.Size && !segment.Dynamic &&
		segment.Size == e.Token.ToDataSize && segment.Offset+segment.Size <= e.Token.To.Start()
}
