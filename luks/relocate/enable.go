// SPDX-License-Identifier: Apache-2.0

package relocate

import (
	"errors"
	"fmt"
	"strings"

	"github.com/orthrus-luks/orthrus/dm/extent"
	"github.com/orthrus-luks/orthrus/luks/commit"
	"github.com/orthrus-luks/orthrus/luks/far"
	"github.com/orthrus-luks/orthrus/luks/header"
	"github.com/orthrus-luks/orthrus/luks/luks2"
)

// The refusals of a far header for volumes that cannot have one.
var (
	ErrNoFar      = errors.New("this volume cannot have a far header")
	ErrFarPresent = errors.New("the volume has a far header already")
	ErrNoFarRoom  = errors.New("no room for a far header")
)

func noFar(format string, args ...any) error {
	return fmt.Errorf("%w: %s", ErrNoFar, fmt.Sprintf(format, args...))
}

// RoomError says that the contents reach to where the far header is to lie; bytes of the data.
type RoomError struct{ End, Size uint64 }

func (e *RoomError) Error() string {
	return fmt.Sprintf("%v: the contents end at byte %d of the data, the room before the far header at %d",
		ErrNoFarRoom, e.End, e.Size)
}

func (e *RoomError) Unwrap() error { return ErrNoFarRoom }

// FarPlan is where a far header would go.
type FarPlan struct {
	Place    far.Place
	DataSize uint64 // of the data segment then, bytes
	Was      uint64 // of it now, 0 where it reaches to the device's end
}

// PlaceFar says where a far header goes, by the head and the device's size (bytes) alone. Errors: ErrNoFar,
// ErrNoFarRoom.
func PlaceFar(head luks2.Copy, deviceSize uint64) (FarPlan, error) {
	m := head.Metadata
	segments := m.Segments()
	switch {
	case len(m.Requirements()) > 0:
		return FarPlan{}, noFar("it has requirements, as during reencryption: %s", strings.Join(m.Requirements(), ", "))
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
	_, p.DataSize, err = fixed(head, p.Place)
	return p, err
}

// CheckEnable is PlaceFar for a volume that exists: it refuses as well with ErrFarPresent, far.ErrUnderWay,
// luks2.ErrNoRoom, a far.TokenError.
func CheckEnable(head luks2.Copy, e far.Evidence) (FarPlan, error) {
	p, err := PlaceFar(head, e.DeviceSize)
	if err != nil {
		return p, err
	}
	switch {
	case e.TokenErr != nil:
		return p, e.TokenErr
	case e.HasToken && e.Token.Phase != far.Stable:
		return p, fmt.Errorf("%w: %s", far.ErrUnderWay, e.Token.Phase)
	case e.HasToken && far.Ours(e.Recorded, head):
		return p, ErrFarPresent
	}
	next, _, err := fixed(head, p.Place)
	if err != nil {
		return p, err
	}
	if err := far.Put(next.Metadata, far.Token{Phase: far.Stable}); err != nil {
		return p, err
	}
	_, err = luks2.Encode(next)
	return p, err
}

// fixed is head with a data segment that ends before the place, and its size in bytes.
func fixed(head luks2.Copy, place far.Place) (luks2.Copy, uint64, error) {
	head.Metadata = head.Metadata.Clone()
	segment, found := head.Metadata.DefaultSegment()
	if !found || place.Start() <= segment.Offset {
		return head, 0, fmt.Errorf("%w: the data would begin behind it", ErrNoFarRoom)
	}
	size := extent.Down(place.Start()-segment.Offset, uint64(segment.SectorSize))
	if !segment.Dynamic {
		size = min(size, segment.Size)
	}
	least := far.LeastData(far.Length(head))
	if size < least {
		return head, 0, fmt.Errorf("%w: the data would have %d bytes, and must have %d", ErrNoFarRoom, size, least)
	}
	return head, size, head.Metadata.SetSegmentSize(segment.ID, size)
}

// PlanEnable plans to give a volume on a device of deviceSize bytes its far header, as CheckEnable said: the
// data segment gets a fixed size, shorten makes the mappings as short, the far header is written, and the
// heads name it. The contents must be known to end low enough.
func PlanEnable(head luks2.Copy, p FarPlan, deviceSize uint64, shorten func() error) ([]Step, error) {
	next, size, err := fixed(head, p.Place)
	if err != nil {
		return nil, err
	}
	t := far.Token{
		Phase: far.Enabling, To: p.Place, DeviceSize: deviceSize, ToDeviceSize: deviceSize, DataSize: p.Was,
		ToDataSize: size,
	}
	if err := far.Put(next.Metadata, t); err != nil {
		return nil, err
	}
	steps := []Step{
		heads(fmt.Sprintf("note: a far header is made at %s", at(p.Place)), next),
		Call(fmt.Sprintf("make the mappings %d bytes long", size), shorten),
	}
	rest, err := enabling(next, t)
	return append(steps, rest...), err
}

// enabling goes on from phase Enabling.
func enabling(head luks2.Copy, t far.Token) ([]Step, error) {
	next := head
	next.Metadata = next.Metadata.Clone()
	stable := far.Token{Phase: far.Stable, Far: t.To, DeviceSize: t.ToDeviceSize, DataSize: t.ToDataSize}
	if err := far.Put(next.Metadata, stable); err != nil {
		return nil, err
	}
	return []Step{
		{
			What: fmt.Sprintf("write the far header to %s", at(t.To)), Writes: t.To.Extents(),
			Act: commit.FarWrite{Place: t.To, Next: next},
		},
		heads(fmt.Sprintf("commit: the far header at %s is in force", at(t.To)), next),
	}, nil
}

// PlanDisable plans to wipe the far header where it is ours, and to give its room back: a data segment that
// ends where the far header made it end reaches to the device's end again. Where what lies at its place is
// not ours, the heads forget it all the same; gone then says why it is not wiped. One that was to be made anew, and
// cannot be, is given up.
func PlanDisable(e far.Evidence) (steps []Step, gone error, err error) {
	j := far.Judge(e)
	place, givenUp := leaving(e, j)
	if j.Standing == far.Displaced || j.Standing == far.CutOff {
		gone = j.Why
	}
	if err := j.Writable(); err != nil && gone == nil && !givenUp {
		return nil, nil, err
	}
	next := e.Head
	next.Metadata = next.Metadata.Clone()
	t := far.Token{Phase: far.Disabling, To: place, DeviceSize: e.DeviceSize, DataSize: givenBack(e)}
	if err := far.Put(next.Metadata, t); err != nil {
		return nil, gone, err
	}
	steps = []Step{heads(fmt.Sprintf("note: the far header at %s goes", at(t.To)), next)}
	rest, err := disabling(next, t)
	return append(steps, rest...), gone, err
}

// leaving is the place of the far header that goes. Of one that was to be made anew, with the metadata area as it is to
// be, that is the old one's while it is there.
func leaving(e far.Evidence, j far.Judgement) (p far.Place, rebuilding bool) {
	_, _, resizing, err := FindLog(e.Head.Metadata)
	if j.Standing != far.Transit || e.Token.Phase != far.Rebuilding || resizing || err != nil {
		return e.Token.Far, false
	}
	if e.Token.To.None() || far.Ours(e.Recorded, e.Head) {
		return e.Token.Far, true
	}
	return e.Token.To, true
}

// disabling goes on from phase Disabling, and takes back what Enabling began: what is ours at the place is
// wiped, and the heads forget it.
func disabling(head luks2.Copy, t far.Token) ([]Step, error) {
	next := head
	next.Metadata = next.Metadata.Clone()
	if err := far.Remove(next.Metadata); err != nil {
		return nil, err
	}
	if segment, found := next.Metadata.DefaultSegment(); found {
		if err := next.Metadata.SetSegmentSize(segment.ID, t.DataSize); err != nil {
			return nil, err
		}
	}
	return []Step{
		{
			What: fmt.Sprintf("wipe the far header at %s", at(t.To)), Writes: t.To.Extents(),
			Act: commit.FarWipe{Place: t.To},
		},
		heads("commit: there is no far header", next),
	}, nil
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

// concludeEnabling concludes, or takes back, an enabling or disabling that was cut off. The token is hostile
// input: its place must be possible, and apart from heads and keyslots.
func concludeEnabling(dev header.Device, head luks2.Copy, t far.Token) ([]Step, error) {
	size := uint64(max(dev.Size(), 0))
	if t.Phase == far.Disabling && t.To.End() > size {
		return disabling(head, t)
	}
	if err := t.Check(head.Metadata.KeyslotsExtent(head.Header.Size).End(), size); err != nil {
		return nil, err
	}
	f := far.Read(dev, t.To)
	if f.State == far.Unreadable {
		return nil, fmt.Errorf("%w: %w", far.ErrUnsure, f.Err)
	}
	if t.Phase == far.Enabling && far.Ours(f, head) && fits(head, t) {
		return enabling(head, t)
	}
	return disabling(head, t)
}

// fits: the heads are still those of the transaction.
func fits(head luks2.Copy, t far.Token) bool {
	segment, found := head.Metadata.DefaultSegment()
	return found && far.Length(head) == t.To.Body.Size && !segment.Dynamic &&
		segment.Size == t.ToDataSize && segment.Offset+segment.Size <= t.To.Start()
}

// PlanRefix plans to make the data segment, and each mapping, end before the far header again. end is where
// the contents end, bytes of the data. It returns the data's length then.
func PlanRefix(head luks2.Copy, t far.Token, end uint64, shorten func(size uint64) error) ([]Step, error) {
	next, size, err := fixed(head, t.Far)
	if err != nil {
		return nil, err
	}
	if end > size {
		return nil, &RoomError{End: end, Size: size}
	}
	t.DataSize = size
	if err := far.Put(next.Metadata, t); err != nil {
		return nil, err
	}
	return []Step{
		heads(fmt.Sprintf("commit: data of %d bytes, before the far header", size), next),
		Call(fmt.Sprintf("make the mappings %d bytes long", size), func() error { return shorten(size) }),
	}, nil
}

// SignatureError names what else lies on the device.
type SignatureError struct {
	Kind   string
	Offset uint64 // bytes
}

func (e *SignatureError) Error() string {
	return fmt.Sprintf("%v: %s was found at byte %d", ErrNoFarRoom, e.Kind, e.Offset)
}

func (e *SignatureError) Unwrap() error { return ErrNoFarRoom }
