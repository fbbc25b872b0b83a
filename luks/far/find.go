// SPDX-License-Identifier: Apache-2.0

package far

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"

	"github.com/orthrus-luks/orthrus/luks/header"
	"github.com/orthrus-luks/orthrus/luks/luks2"
)

// State classifies what was found at a place.
type State int

// The states.
const (
	Absent     State = iota // no locator
	Damaged                 // a locator, but something in it is wrong
	Unreadable              // the device returned an error: not the same as absent
	Foreign                 // a locator in order, but bytes of the body are not those it tells of
	Whole                   // every byte is as the locator says, or as an update it announces may leave it
)

func (s State) String() string {
	return [...]string{"absent", "damaged", "unreadable", "overwritten", "whole"}[s]
}

// Found is what lies where a far header may lie.
type Found struct {
	Place   Place // as asked for, or as the locator says
	State   State
	Err     error // why it is not Whole
	Locator Locator
	Body    []byte // where Foreign or Whole
	Severed bool   // the locator is lost, and what it said is made of the body, for which nothing vouches
}

// ForeignError tells which bytes of a body are not what its locator says.
type ForeignError struct {
	Place      Place
	Mismatches []Mismatch
}

func (e *ForeignError) Error() string {
	return fmt.Sprintf("far header at byte %d: %v", e.Place.Start(), e.Mismatches[0])
}

// Read looks at the far header that is said to be at p. It writes nothing.
func Read(dev io.ReaderAt, p Place) Found {
	f := Look(dev, p.Locator)
	if f.State > Unreadable && f.Place != p {
		f = Found{State: Damaged, Err: &LocatorError{p.Locator, ErrField, "it describes another place"}}
	}
	f.Place = p
	return f
}

// Look reads the locator at byte offset at, and the body that it names.
func Look(dev io.ReaderAt, at uint64) Found {
	f := Found{Place: Place{Locator: at}}
	l, unread, err := ReadLocator(dev, at)
	if err != nil {
		return f.failed(err)
	}
	f.Locator = l
	f.Place = f.Locator.Place
	body := make([]byte, f.Place.Body.Size)
	if err := header.ReadFull(dev, body, f.Place.Body.Offset); err != nil {
		return f.failed(err)
	}
	f.Body, f.State = body, Whole
	switch wrong := f.Locator.Verify(body); {
	case len(wrong) == 0:
	case unread != nil: // the slot may be the newer one, and account for the body
		f.State, f.Err = Unreadable, unread
	default:
		f.State, f.Err = Foreign, &ForeignError{f.Place, wrong}
	}
	return f
}

// ReadLocator reads each slot for itself: one that cannot be read, of which unread tells, does not hide
// the other.
func ReadLocator(dev io.ReaderAt, at uint64) (l Locator, unread, err error) {
	p, q := make([]byte, SlotSize), make([]byte, SlotSize)
	unread = cmp.Or(header.ReadFull(dev, p, at), header.ReadFull(dev, q, at+SlotDistance))
	if l, err = Decode(p, q, at); err != nil {
		return l, unread, cmp.Or(unread, err)
	}
	return l, unread, nil
}

// failed classifies the error.
func (f Found) failed(err error) Found {
	f.Err = err
	var locator *LocatorError
	switch {
	case errors.Is(err, ErrNoLocator), errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF):
		f.State = Absent
	case errors.As(err, &locator):
		f.State = Damaged
	default:
		f.State = Unreadable
	}
	return f
}

// nearEnd is how far from the device's end far headers are looked for that no head names, bytes: it costs
// two small reads for each MiB, and a disk is to answer within seconds.
const nearEnd = 1 << 30

// NearEnd is where that range begins.
func NearEnd(dev header.Device) uint64 { return uint64(max(dev.Size()-nearEnd, 0)) }

// Search looks for locators at every MiB boundary, from the end downwards to byte `from`, and reports
// each far header that is found. It stops early where report returns false. Places that cannot be read
// are passed over.
func Search(ctx context.Context, dev header.Device, from uint64, report func(Found) bool) error {
	for at := alignDown(uint64(max(dev.Size(), 0))); at+Alignment > from && at > 0; at -= Alignment {
		if err := ctx.Err(); err != nil {
			return err
		}
		if !promising(dev, at) && !promising(dev, at+SlotDistance) {
			continue
		}
		if f := Look(dev, at); f.State > Unreadable && !report(f) {
			return nil
		}
	}
	return nil
}

// promising: the slot there bears the magic, or cannot be read.
func promising(dev io.ReaderAt, at uint64) bool {
	p := make([]byte, SlotSize)
	err := header.ReadFull(dev, p, at)
	return err == nil && bytes.HasPrefix(p, []byte(Magic)) ||
		err != nil && !errors.Is(err, io.EOF) && !errors.Is(err, io.ErrUnexpectedEOF)
}

// Unfinished tells that the making of it was cut off before every part was there.
func (f Found) Unfinished() bool {
	if f.State < Foreign || !f.Locator.Making() {
		return false
	}
	for _, p := range f.Locator.Parts {
		if !f.Locator.Holds(p.Extent, f.Body[p.Offset:p.End()]) {
			return true
		}
	}
	return false
}

// Head decodes the head in the body that speaks for it.
func (f Found) Head() (luks2.Copy, error) {
	choice, err := header.Choose(header.Read(bodyDevice{f.Body}))
	return choice.Copy, err
}

// Severed is the far header of a volume at a place whose locator the device has lost with its end, while the whole body
// is still there: its heads are the volume's, every byte in no area is zero, and the data end before it.
func Severed(dev header.Device, head luks2.Copy, p Place) (f Found, found bool) {
	size := uint64(max(dev.Size(), 0))
	if p.None() || p.End() <= size || p.Body.End() > size || p.Body.Size > MaxLength || p.Start() < Length(head) ||
		DataEnd(head.Metadata, size) > p.Start() {
		return f, false
	}
	f = Found{Place: p, State: Whole, Severed: true, Body: make([]byte, p.Body.Size)}
	if header.ReadFull(dev, f.Body, p.Body.Offset) != nil {
		return f, false
	}
	own, err := f.Head()
	if err != nil || !f.Of(head) || Length(own) != p.Body.Size {
		return f, false
	}
	layout, err := Layout(own)
	f.Locator = Locator{UUID: own.Header.UUID, Place: p, Contents: Sums(f.Body, layout, own.Header.SeqID)}
	return f, err == nil && bytes.Equal(f.Body, Image(f.Body, layout)) && f.headsAgree(own)
}

// Unclear lists the keyslots of a severed body, for which no sum vouches, whose areas are not as on the device: nothing
// tells which is whole, nor whether something else was written there. What is zero was being wiped.
func (f Found) Unclear(dev io.ReaderAt, head luks2.Copy) (ids []int) {
	own, _ := f.Head() // there is one, see Severed
	for _, k := range own.Metadata.Keyslots() {
		e := luks2.Extent{Offset: k.Area.Offset, Size: k.Area.Size}
		here := make([]byte, e.Size)
		now, err := head.Metadata.Keyslot(k.ID)
		if err != nil || !SameMaterial(now, k) || header.ReadFull(dev, here, e.Offset) != nil {
			here = nil
		}
		if !Blank(f.Body[e.Offset:e.End()], here) {
			ids = append(ids, k.ID)
		}
	}
	return ids
}

// headsAgree tells of a body without sums whether what the head that speaks for it does not prove is the other head, or
// was being wiped: something else may have been written there.
func (f Found) headsAgree(own luks2.Copy) bool {
	size := own.Header.Size
	one, other := f.Body[:size], f.Body[size:2*size]
	for _, p := range [][]byte{one, other} {
		title := p[:luks2.BinarySize]
		if !Blank(title, nil) && !bytes.HasPrefix(title, []byte(luks2.PrimaryMagic)) &&
			!bytes.HasPrefix(title, []byte(luks2.SecondaryMagic)) {
			return false
		}
	}
	one, other = one[luks2.BinarySize:], other[luks2.BinarySize:]
	return Blank(one, other) || Blank(other, one)
}

// Blank tells whether each sector is zero or as in like, which is as long, or nil.
func Blank(p, like []byte) bool {
	const sector = 512
	for at := 0; at < len(p); at += sector {
		one := p[at:min(at+sector, len(p))]
		if len(bytes.Trim(one, "\x00")) > 0 && (like == nil || !bytes.Equal(one, like[at:at+len(one)])) {
			return false
		}
	}
	return true
}

// bodyDevice is a body as a device that cannot be written.
type bodyDevice struct{ body []byte }

func (b bodyDevice) Size() int64 { return int64(len(b.body)) }
func (b bodyDevice) Sync() error { return nil }

func (b bodyDevice) WriteAt([]byte, int64) (int, error) { return 0, errors.ErrUnsupported }

func (b bodyDevice) ReadAt(p []byte, off int64) (int, error) {
	if off < 0 || off >= b.Size() {
		return 0, io.EOF
	}
	n := copy(p, b.body[off:])
	if n < len(p) {
		return n, io.EOF
	}
	return n, nil
}

// Usable tells whether a volume's header can be brought back from it: a head in the body is valid, and of the body's
// length. Parts of the rest may be damaged.
func (f Found) Usable() bool {
	head, err := f.Head()
	return f.State > Unreadable && err == nil && Length(head) == uint64(len(f.Body))
}

// Device shows the body as what it is, a detached header, for reading only.
func (f Found) Device() header.Device { return bodyDevice{f.Body} }

// AtEnd looks where a far header lies unless the device has changed its size by more than a MiB since. Where there is
// none its State is Absent.
func AtEnd(dev header.Device) (f Found) {
	for _, at := range locatorsAtEnd(uint64(max(dev.Size(), 0))) {
		if f = Look(dev, at); f.State > Unreadable {
			break
		}
	}
	return f
}

// Every finds the far headers of any volume near the device's end, and those whose places heads that
// can still be read name.
func Every(ctx context.Context, dev header.Device) ([]Found, error) {
	var all []Found
	seen := map[uint64]bool{}
	add := func(f Found) bool {
		if f.State >= Foreign && !seen[f.Place.Locator] {
			seen[f.Place.Locator] = true
			all = append(all, f)
		}
		return true
	}
	if choice, err := header.Choose(header.Read(dev)); err == nil {
		if t, _, found, err := Find(choice.Copy.Metadata); err == nil && found {
			for _, p := range t.Places() {
				add(Read(dev, p))
			}
		}
	}
	return all, Search(ctx, dev, NearEnd(dev), add)
}
