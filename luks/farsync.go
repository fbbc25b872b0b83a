// SPDX-License-Identifier: Apache-2.0

package luks

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"math"

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

// FarSync is what SyncFar did.
type FarSync struct {
	Updated bool        // the far header was brought into step
	Refixed bool        // the data segment was made to end below it again
	Wiped   []far.Place // forgotten copies
	// Left are the forgotten copies that were not wiped, with the reasons.
	Left map[far.Place]error
}

// SyncFar brings the far header into step with the heads, after another tool changed them or an update
// was cut off, and wipes forgotten copies of it: those at the device's end and in others. Where the
// data segment reaches over the far header it needs room, and makes the segment end before it. It
// refuses with one of the errors of package far, and writes nothing, where the ownership rules say so.
func (v *Volume) SyncFar(ctx context.Context, room *Room, others []far.Found) (FarSync, error) {
	done := FarSync{Left: map[far.Place]error{}}
	if v.Version != 2 {
		return done, far.ErrNone
	}
	err := locked(ctx, v.dev, true, func() error {
		heads, choice, err := v.current()
		if err != nil {
			return err
		}
		f, err := v.farHeader(heads, choice)
		if err != nil {
			return err
		}
		if !f.HasToken && f.Why == nil && len(f.Forgotten)+len(others) > 0 {
			return v.wipeForgotten(f, others, &done)
		}
		if err := v.writableFar(f, room); err != nil {
			return err
		}
		if f.Exposed && room != nil {
			if err := v.refix(heads, choice, f, *room); err != nil {
				return err
			}
			done.Refixed = true
			if heads, choice, err = v.current(); err != nil {
				return err
			}
			if f, err = v.farHeader(heads, choice); err != nil {
				return err
			}
		}
		if err := f.Writable(); err != nil {
			return err
		}
		if f.Standing == far.InStep {
			err = commit.Settle(v.dev)
		} else {
			done.Updated, err = true, v.writeFar(f)
		}
		if err != nil {
			return err
		}
		if err := v.wipeForgotten(f, others, &done); err != nil {
			return err
		}
		return v.load()
	})
	return done, err
}

// writeFar brings a far header that was judged to be ours into step.
func (v *Volume) writeFar(f FarHeader) error {
	write, l := commit.FarConclude, f.Recorded.Locator
	if !l.Announces(f.Want.Contents, v.UUID) {
		write, l = commit.FarUpdate, l.Successor(f.Want.Contents, uint64(v.dev.Size())).Renamed(v.UUID)
	}
	if err := write(v.dev, l, f.Want.Body); err != nil {
		return &FarError{Place: f.Token.Far, Err: err}
	}
	return nil
}

// writableFar lets a mapping that reaches over the far header pass where it can be made shorter.
func (v *Volume) writableFar(f FarHeader, room *Room) error {
	err := f.Writable()
	if errors.Is(err, far.ErrCovered) && room != nil {
		return nil
	}
	return err
}

// refix makes the data segment, and each mapping, end before the far header again.
func (v *Volume) refix(heads header.Heads, choice header.Choice, f FarHeader, room Room) error {
	next, size, err := v.fixed(choice.Copy, f.Token.Far)
	if err != nil {
		return err
	}
	if room.End > size {
		return &RoomError{End: room.End, Size: size}
	}
	t := f.Token
	t.DataSize = size
	if err := far.Put(next.Metadata, t); err != nil {
		return err
	}
	if _, _, err := v.commitHeads(heads, choice, next); err != nil {
		return err
	}
	return room.shorten(size)
}

func (r Room) shorten(size uint64) error {
	if r.Shorten == nil {
		return nil
	}
	return r.Shorten(size)
}

// RoomError says that the contents reach to where the far header is to lie; bytes of the data.
type RoomError struct{ End, Size uint64 }

func (e *RoomError) Error() string {
	return fmt.Sprintf("%v: the contents end at byte %d of the data, the room before the far header at %d", ErrNoFarRoom, e.End, e.Size)
}

func (e *RoomError) Unwrap() error { return ErrNoFarRoom }

// ErrNoFarRoom is the kind of RoomError.
var ErrNoFarRoom = errors.New("no room for a far header")

// fixed is head with a data segment that ends before the place, and its size in bytes.
func (v *Volume) fixed(head luks2.Copy, place far.Place) (luks2.Copy, uint64, error) {
	head.Metadata = head.Metadata.Clone()
	segment, found := head.Metadata.DefaultSegment()
	if !found || place.Start() <= segment.Offset {
		return head, 0, geometry("data segment", "it would begin behind the far header")
	}
	size := (place.Start() - segment.Offset) / uint64(segment.SectorSize) * uint64(segment.SectorSize)
	if !segment.Dynamic {
		size = min(size, segment.Size)
	}
	if size < far.LeastData(far.Length(head)) {
		return head, 0, fmt.Errorf("%w: the data would have %d bytes, and must have %d", ErrNoFarRoom, size, far.LeastData(far.Length(head)))
	}
	return head, size, head.Metadata.SetSegmentSize(segment.ID, size)
}

// commitHeads writes next to both heads; the caller holds the lock.
func (v *Volume) commitHeads(heads header.Heads, choice header.Choice, next luks2.Copy) (header.Heads, header.Choice, error) {
	heads, choice, err := v.wrapped(heads, choice)
	if err != nil {
		return heads, choice, err
	}
	return v.commitPlain(heads, choice, next)
}

func (v *Volume) commitPlain(heads header.Heads, choice header.Choice, next luks2.Copy) (header.Heads, header.Choice, error) {
	plan, err := header.PlanUpdate(heads, choice, next, rand.Reader)
	if err != nil {
		return heads, choice, err
	}
	if err := commit.Apply(v.dev, plan); err != nil {
		return heads, choice, v.salvage(err, plan.Now)
	}
	heads = header.Read(v.dev)
	choice, err = header.Choose(heads)
	return heads, choice, err
}

// wrapped makes room in the sequence numbers, where they end, by an update that carries no change.
func (v *Volume) wrapped(heads header.Heads, choice header.Choice) (header.Heads, header.Choice, error) {
	if choice.Copy.Header.SeqID != math.MaxUint64 {
		return heads, choice, nil
	}
	return v.commitPlain(heads, choice, choice.Copy)
}

// wipeForgotten wipes other copies of this volume's far header where they are whole and nothing reaches
// over them.
func (v *Volume) wipeForgotten(f FarHeader, others []far.Found, done *FarSync) error {
	reached, err := live(v.dev)
	if err != nil {
		return err
	}
	for _, forgotten := range append(f.Forgotten, others...) {
		place := forgotten.Place
		if _, tried := done.Left[place]; tried || place == f.Token.Far || !forgotten.Locator.Of(v.UUID) {
			continue
		}
		if err := v.wipeOne(forgotten, f.Token.Far, reached); err != nil {
			done.Left[place] = err
			continue
		}
		done.Wiped = append(done.Wiped, place)
	}
	for place, err := range done.Left {
		return &FarError{Place: place, Err: err}
	}
	return nil
}

// wipeOne wipes a far header that is ours, whole, apart from the one in force, and under no mapping.
func (v *Volume) wipeOne(seen far.Found, inForce far.Place, reached []luks2.Extent) error {
	f := far.Look(v.dev, seen.Place.Locator) // it may have been wiped meanwhile, or changed
	switch {
	case f.State == far.Absent:
		return nil
	case f.State == far.Unreadable:
		return fmt.Errorf("%w: %w", far.ErrUnsure, f.Err)
	case f.State != far.Whole:
		return fmt.Errorf("%w: %w", far.ErrDisplaced, f.Err)
	case !inForce.None() && f.Place.Overlaps(inForce):
		return fmt.Errorf("%w: it overlaps the one in force", far.ErrDisplaced)
	case f.Place.Start() < v.backupSize():
		return fmt.Errorf("%w: it lies over the heads", far.ErrDisplaced)
	case far.Reaches(reached, f.Place):
		return far.ErrCovered
	}
	return commit.FarWipe(v.dev, f)
}
