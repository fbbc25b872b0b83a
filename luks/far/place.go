// SPDX-License-Identifier: Apache-2.0

package far

import (
	"errors"
	"fmt"

	"github.com/orthrus-luks/orthrus/dm/extent"
	"github.com/orthrus-luks/orthrus/luks/luks2"
)

// Alignment is that of body and locator, bytes.
const Alignment = 1 << 20

// MaxLength bounds a body: two of the largest heads and the largest keyslots area, bytes.
const MaxLength = 2*luks2.MaxSize + luks2.MaxKeyslotsSize

// ErrPlace is the kind of PlaceError.
var ErrPlace = errors.New("impossible place for a far header")

// PlaceError says why a far header cannot be at a place.
type PlaceError struct {
	Place Place
	Why   string
}

func (e *PlaceError) Error() string {
	return fmt.Sprintf("%v: body of %d bytes at %d, locator at %d: %s",
		ErrPlace, e.Place.Body.Size, e.Place.Body.Offset, e.Place.Locator, e.Why)
}

func (e *PlaceError) Unwrap() error { return ErrPlace }

// Place is where a far header lies, in bytes. The zero Place is none.
type Place struct {
	Locator uint64 // offset of the first slot
	Body    luks2.Extent
}

// PlaceAt is where the far header of a body of length bytes belongs on a device of deviceSize bytes.
// It fails with a PlaceError where the device is too small to hold one at all.
func PlaceAt(deviceSize, length uint64) (Place, error) {
	p := Place{Body: luks2.Extent{Size: length}}
	at, ok := LocatorAt(deviceSize)
	p.Locator = at
	if !ok || length == 0 || length > at || length > MaxLength {
		return p, &PlaceError{p, fmt.Sprintf("on a device of %d bytes", deviceSize)}
	}
	p.Body.Offset = alignDown(p.Locator - length)
	return p, nil
}

// LocatorAt is where a locator belongs on a device of deviceSize bytes, whatever its body; false where
// there is no such place.
func LocatorAt(deviceSize uint64) (uint64, bool) {
	if deviceSize < 2*Alignment {
		return 0, false
	}
	return alignDown(deviceSize) - Alignment, true
}

// locatorsAtEnd are the places where a locator may lie at the end of a device of deviceSize bytes. Between it and the
// end there are up to 2 MiB that belong to nobody: a device that lost some of them still has all of its far header.
func locatorsAtEnd(deviceSize uint64) []uint64 {
	at, ok := LocatorAt(deviceSize)
	switch last := alignDown(deviceSize); {
	case !ok:
		return nil
	case last+SlotSize > deviceSize:
		return []uint64{at}
	default:
		return []uint64{last, at}
	}
}

// LeastData is how long the data must be for a far header with a body of length bytes: it is to take no
// more than a small part of the device.
func LeastData(length uint64) uint64 { return 16 * length }

func alignDown(n uint64) uint64 { return extent.Down(n, Alignment) }

// None tells that this is no place.
func (p Place) None() bool { return p == Place{} }

// Start is the first byte.
func (p Place) Start() uint64 { return p.Body.Offset }

// End is the first byte behind the far header.
func (p Place) End() uint64 { return p.Locator + SlotDistance + SlotSize }

// Extent is the range from Start to End; its gaps belong to nobody.
func (p Place) Extent() luks2.Extent {
	return luks2.Extent{Offset: p.Start(), Size: p.End() - p.Start()}
}

// Extents are the ranges that the far header occupies.
func (p Place) Extents() []luks2.Extent {
	return []luks2.Extent{p.Body, p.Slot(0), p.Slot(1)}
}

// Slot is where generations of that parity of the locator lie.
func (p Place) Slot(generation uint64) luks2.Extent {
	return luks2.Extent{Offset: p.Locator + generation%2*SlotDistance, Size: SlotSize}
}

// Overlaps tells whether a byte of either belongs to both.
func (p Place) Overlaps(q Place) bool {
	for _, a := range p.Extents() {
		for _, b := range q.Extents() {
			if overlap(a, b) {
				return true
			}
		}
	}
	return false
}

// Reaches tells whether one of the ranges covers a byte of the far header.
func Reaches(ranges []luks2.Extent, p Place) bool {
	for _, r := range ranges {
		for _, e := range p.Extents() {
			if overlap(r, e) {
				return true
			}
		}
	}
	return false
}

func overlap(a, b luks2.Extent) bool { return a.Offset < b.End() && b.Offset < a.End() }

// Check refuses, with a PlaceError, a place that no honest writer could have named: misaligned, out
// of order, larger than any header, in front of byte `from` (where the data begins), or beyond the
// device's deviceSize bytes.
func (p Place) Check(from, deviceSize uint64) error {
	switch {
	case p.Locator%Alignment != 0 || p.Body.Offset%Alignment != 0:
		return &PlaceError{p, "not aligned to 1 MiB"}
	case p.Body.Size < 2*luks2.MinSize || p.Body.Size > MaxLength || p.Body.Size%luks2.AreaAlignment != 0:
		return &PlaceError{p, "impossible length"}
	case p.Locator > deviceSize || deviceSize-p.Locator < SlotDistance+SlotSize:
		return &PlaceError{p, fmt.Sprintf("the device has %d bytes", deviceSize)}
	case p.Body.Offset > p.Locator || p.Locator-p.Body.Offset < p.Body.Size:
		return &PlaceError{p, "the locator lies inside the body or before it"}
	case p.Locator-p.Body.Offset-p.Body.Size >= Alignment:
		return &PlaceError{p, "body and locator lie apart"}
	case p.Body.Offset < from:
		return &PlaceError{p, fmt.Sprintf("inside the first %d bytes", from)}
	}
	return nil
}
