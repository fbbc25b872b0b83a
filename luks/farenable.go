// SPDX-License-Identifier: Apache-2.0

package luks

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"

	"github.com/orthrus-luks/orthrus/luks/commit"
	"github.com/orthrus-luks/orthrus/luks/far"
	"github.com/orthrus-luks/orthrus/luks/header"
	"github.com/orthrus-luks/orthrus/luks/luks2"
)

// ErrNoFar is the kind of refusal of a far header for volumes that cannot have one.
var ErrNoFar = errors.New("this volume cannot have a far header")

// ErrFarPresent refuses a second one.
var ErrFarPresent = errors.New("the volume has a far header already")

func noFar(format string, args ...any) error {
	return fmt.Errorf("%w: %s", ErrNoFar, fmt.Sprintf(format, args...))
}

// FarPlan is where a far header would go.
type FarPlan struct {
	Place    far.Place
	DataSize uint64 // of the data segment then, bytes
	Was      uint64 // of it now, 0 where it reaches to the device's end
}

// PlanFar says where a far header of this volume would lie, on its device as large as that is now, and
// refuses volumes that cannot have one: ErrNoFar, ErrNoFarRoom, ErrFarPresent, luks2.ErrNoRoom.
func (v *Volume) PlanFar() (FarPlan, error) {
	if v.Version != 2 {
		return FarPlan{}, noFar("it is LUKS1; convert it to LUKS2 first")
	}
	head := v.Choice.Copy
	p, err := planFar(head, uint64(v.dev.Size()))
	if err != nil {
		return p, err
	}
	f := v.farEvidence(head)
	switch {
	case f.TokenErr != nil:
		return p, f.TokenErr
	case f.HasToken && f.Token.Phase != far.Stable:
		return p, fmt.Errorf("%w: %s", far.ErrUnderWay, f.Token.Phase)
	case f.HasToken && f.Recorded.State == far.Whole && f.Recorded.Locator.Of(head.Header.UUID):
		return p, ErrFarPresent
	}
	next, _, err := v.fixed(head, p.Place)
	if err != nil {
		return p, err
	}
	return p, roomForToken(next)
}

// roomForToken tries whether the JSON area can hold the token.
func roomForToken(head luks2.Copy) error {
	if err := far.Put(head.Metadata, far.Token{Phase: far.Stable}); err != nil {
		return err
	}
	_, err := luks2.Encode(head)
	return err
}

// planFar goes by the head and the device's size (bytes) alone.
func planFar(head luks2.Copy, deviceSize uint64) (FarPlan, error) {
	m := head.Metadata
	segments := m.Segments()
	switch {
	case len(m.Requirements()) > 0:
		return FarPlan{}, noFar("it has requirements, as during reencryption: %v", m.Requirements())
	case len(segments) != 1 || segments[0].Backup():
		return FarPlan{}, noFar("it has %d data segments", len(segments))
	case segments[0].Type != "crypt":
		return FarPlan{}, noFar("its data segment is of type %s", segments[0].Type)
	case segments[0].Integrity != nil:
		return FarPlan{}, noFar("it uses authenticated encryption")
	case segments[0].Offset < far.Length(head):
		return FarPlan{}, noFar("its header is detached")
	}
	p := FarPlan{Was: segments[0].Size}
	var err error
	if p.Place, err = far.PlaceAt(deviceSize, far.Length(head)); err != nil {
		return p, fmt.Errorf("%w: %w", ErrNoFarRoom, err)
	}
	_, p.DataSize, err = (&Volume{}).fixed(head, p.Place)
	return p, err
}

// EnableFar gives the volume a far header at the end of its device. The contents must be known to end
// below it. It goes in logged steps, which ResumeFar concludes or takes back after a crash: the data
// segment gets a fixed size, mappings are made as short, the far header is written, the heads name it.
func (v *Volume) EnableFar(ctx context.Context, room Room) (FarPlan, error) {
	var p FarPlan
	if v.Version != 2 {
		return v.PlanFar()
	}
	err := locked(ctx, v.dev, true, func() (err error) {
		heads, choice, err := v.current()
		if err != nil {
			return err
		}
		if err := v.load(); err != nil {
			return err
		}
		if p, err = v.PlanFar(); err != nil {
			return err
		}
		if err := v.roomIsFree(choice.Copy, p, room); err != nil {
			return err
		}
		if err := v.enableFar(heads, choice, p, room); err != nil {
			return err
		}
		return v.load()
	})
	return p, err
}

// roomIsFree is the proof, but for mappings: what lies inside ends low enough, and nothing else has put
// its signature on the device.
func (v *Volume) roomIsFree(head luks2.Copy, p FarPlan, room Room) error {
	if room.End > p.DataSize {
		return &RoomError{End: room.End, Size: p.DataSize}
	}
	if j := far.Judge(v.farEvidence(head)); errors.Is(j.Why, far.ErrRestored) {
		return j.Why
	}
	foreign, err := foreignSignatures(v.dev)
	if err != nil {
		return err
	}
	if len(foreign) > 0 {
		return fmt.Errorf("%w: %s was found at byte %d", ErrNoFarRoom, foreign[0].Kind, foreign[0].Offset)
	}
	return nil
}

func (v *Volume) enableFar(heads header.Heads, choice header.Choice, p FarPlan, room Room) error {
	next, size, err := v.fixed(choice.Copy, p.Place)
	if err != nil {
		return err
	}
	deviceSize := uint64(v.dev.Size())
	t := far.Token{
		Phase: far.Enabling, To: p.Place, DeviceSize: deviceSize, ToDeviceSize: deviceSize, DataSize: p.Was, ToDataSize: size,
	}
	if err := far.Put(next.Metadata, t); err != nil {
		return err
	}
	if heads, choice, err = v.commitHeads(heads, choice, next); err != nil {
		return err
	}
	if err := v.shortenAndCheck(p.Place, size, room); err != nil {
		return errors.Join(err, v.takeBackFar(heads, choice, t))
	}
	return v.concludeEnable(heads, choice, t, nil)
}

// shortenAndCheck makes the mappings shorter and sees that none reaches over the place any more.
func (v *Volume) shortenAndCheck(place far.Place, size uint64, room Room) error {
	if err := room.shorten(size); err != nil {
		return err
	}
	reached, err := live(v.dev)
	if err != nil {
		return err
	}
	if far.Reaches(reached, place) {
		return far.ErrCovered
	}
	return nil
}

// concludeEnable writes the far header as the last commit will have it, then commits.
func (v *Volume) concludeEnable(heads header.Heads, choice header.Choice, t far.Token, begun *far.Found) error {
	heads, choice, err := v.wrapped(heads, choice)
	if err != nil {
		return err
	}
	next := choice.Copy
	next.Metadata = next.Metadata.Clone()
	stable := far.Token{Phase: far.Stable, Far: t.To, DeviceSize: t.ToDeviceSize, DataSize: t.ToDataSize}
	if err := far.Put(next.Metadata, stable); err != nil {
		return err
	}
	plan, err := header.PlanUpdate(heads, choice, next, rand.Reader)
	if err != nil {
		return err
	}
	next.Header.SeqID++
	s := farStep{v: v, next: next}
	if begun != nil {
		s.old = *begun
	} else {
		s.old.Body = make([]byte, t.To.Body.Size)
	}
	if err := s.prepare(plan); err != nil {
		return err
	}
	if begun != nil {
		err = commit.FarUpdate(v.dev, s.locator(), s.desired.Body)
	} else {
		err = commit.FarCreate(v.dev, far.New(next.Header.UUID, t.To, s.desired.Contents, t.ToDeviceSize), s.desired.Body)
	}
	if err != nil {
		return err
	}
	if err := commit.Apply(v.dev, plan); err != nil {
		return v.salvage(err, plan.Now)
	}
	return nil
}

// takeBackFar ends an enabling that came to nothing: what was written is wiped, and the segment has the
// size it had.
func (v *Volume) takeBackFar(heads header.Heads, choice header.Choice, t far.Token) error {
	if err := v.wipeOurs(choice.Copy, t.To); err != nil {
		return err
	}
	return v.forgetFar(heads, choice, t.DataSize)
}

// wipeOurs wipes what lies at the place where that is this volume's, and leaves anything else alone.
func (v *Volume) wipeOurs(head luks2.Copy, place far.Place) error {
	f := far.Read(v.dev, place)
	if f.State == far.Unreadable {
		return &FarError{Place: place, Err: fmt.Errorf("%w: %w", far.ErrUnsure, f.Err)}
	}
	if f.State != far.Whole || !f.Locator.Of(head.Header.UUID) {
		return nil
	}
	reached, err := live(v.dev)
	if err != nil {
		return err
	}
	if err := v.wipeOne(f, far.Place{}, reached); err != nil {
		return &FarError{Place: place, Err: err}
	}
	return nil
}

// forgetFar takes the token out of the heads and gives the data segment that size, 0 for up to the end.
func (v *Volume) forgetFar(heads header.Heads, choice header.Choice, size uint64) error {
	next := choice.Copy
	next.Metadata = next.Metadata.Clone()
	if err := far.Remove(next.Metadata); err != nil {
		return err
	}
	if segment, found := next.Metadata.DefaultSegment(); found {
		if err := next.Metadata.SetSegmentSize(segment.ID, size); err != nil {
			return err
		}
	}
	_, _, err := v.commitHeads(heads, choice, next)
	return err
}
