// SPDX-License-Identifier: Apache-2.0

package far

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"slices"

	"github.com/orthrus-luks/orthrus/luks/luks2"
)

// Magic begins each locator.
const Magic = "ORTHRUS\xf1"

const locatorVersion = 1

// The states.
const (
	stateFinal    = 0
	stateUpdating = 1
)

// Where the fields lie; the diagram is in doc.go.
const (
	atVersion    = 8
	atState      = 12
	atUUID       = 16
	atOffset     = 56
	atBodyOffset = 64
	atBodyLength = 72
	atDeviceSize = 80
	atSeqID      = 88
	atOldSeqID   = 96
	atParts      = 104
	atOldParts   = 108
	atOldUUID    = 112
	atGeneration = 152
	atZeros      = 160
	atList       = 256
	atSum        = SlotSize - sha256.Size
	entrySize    = 16 + sha256.Size
	uuidSize     = atOffset - atUUID
)

// Encode returns the 4096 bytes of one slot, or a LocatorError where the value is not a locator.
func (l Locator) Encode() ([]byte, error) {
	if err := l.check(); err != nil {
		return nil, err
	}
	p := make([]byte, SlotSize)
	copy(p, Magic)
	be := binary.BigEndian
	be.PutUint32(p[atVersion:], locatorVersion)
	copy(p[atUUID:], l.UUID)
	be.PutUint64(p[atOffset:], l.Place.Locator)
	be.PutUint64(p[atBodyOffset:], l.Place.Body.Offset)
	be.PutUint64(p[atBodyLength:], l.Place.Body.Size)
	be.PutUint64(p[atDeviceSize:], l.DeviceSize)
	be.PutUint64(p[atSeqID:], l.SeqID)
	be.PutUint64(p[atGeneration:], l.Generation)
	be.PutUint32(p[atParts:], uint32(len(l.Parts)))
	parts := l.Parts
	if l.Old != nil {
		be.PutUint32(p[atState:], stateUpdating)
		be.PutUint64(p[atOldSeqID:], l.Old.SeqID)
		be.PutUint32(p[atOldParts:], uint32(len(l.Old.Parts)))
		copy(p[atOldUUID:], l.OldUUID)
		parts = slices.Concat(parts, l.Old.Parts)
	}
	encodeParts(p[atList:atSum], parts)
	sum := sha256.Sum256(p[:atSum])
	copy(p[atSum:], sum[:])
	return p, nil
}

func encodeParts(p []byte, parts []Part) {
	for i, part := range parts {
		entry := p[i*entrySize:]
		binary.BigEndian.PutUint64(entry, part.Offset)
		binary.BigEndian.PutUint64(entry[8:], part.Size)
		copy(entry[16:], part.Sum[:])
	}
}

// Decode reads the locator that was found at byte offset `at` of the device: the newer one of its two
// slots, whose bytes are p and q. One good slot is enough.
func Decode(p, q []byte, at uint64) (Locator, error) {
	first, firstErr := decodeSlot(p, at)
	second, secondErr := decodeSlot(q, at)
	switch {
	case firstErr == nil && (secondErr != nil || first.Generation > second.Generation):
		return first, nil
	case secondErr == nil:
		return second, nil
	case errors.Is(firstErr, ErrNoLocator):
		return Locator{}, secondErr
	}
	return Locator{}, firstErr
}

// decodeSlot checks, in order: magic, checksum, version, fields.
func decodeSlot(p []byte, at uint64) (Locator, error) {
	fail := func(kind error, format string, args ...any) (Locator, error) {
		return Locator{}, &LocatorError{at, kind, fmt.Sprintf(format, args...)}
	}
	if len(p) < SlotSize || string(p[:len(Magic)]) != Magic {
		return fail(ErrNoLocator, "")
	}
	if sum := sha256.Sum256(p[:atSum]); !bytes.Equal(sum[:], p[atSum:]) {
		return fail(ErrSum, "")
	}
	if version := binary.BigEndian.Uint32(p[atVersion:]); version != locatorVersion {
		return fail(ErrVersion, "%d", version)
	}
	l, why := decodeFields(p)
	if why != "" {
		return fail(ErrField, "%s", why)
	}
	if l.Place.Locator != at {
		return fail(ErrField, "written for byte %d", l.Place.Locator)
	}
	return l, l.check()
}

// decodeFields reads the fields of a locator whose checksum holds and returns what keeps them from
// being one.
func decodeFields(p []byte) (Locator, string) {
	be := binary.BigEndian
	l := Locator{
		Place: Place{
			Locator: be.Uint64(p[atOffset:]),
			Body:    luks2.Extent{Offset: be.Uint64(p[atBodyOffset:]), Size: be.Uint64(p[atBodyLength:])},
		},
		DeviceSize: be.Uint64(p[atDeviceSize:]),
		Generation: be.Uint64(p[atGeneration:]),
		Contents:   Contents{SeqID: be.Uint64(p[atSeqID:])},
	}
	var ok, oldOK bool
	l.UUID, ok = text(p[atUUID:atOffset])
	l.OldUUID, oldOK = text(p[atOldUUID:atGeneration])
	if !ok || !oldOK {
		return l, "uuid"
	}
	state, parts, old := be.Uint32(p[atState:]), be.Uint32(p[atParts:]), be.Uint32(p[atOldParts:])
	switch {
	case parts > MaxParts || old > maxOldParts:
		return l, fmt.Sprintf("%d and %d parts", parts, old)
	case state > stateUpdating, state == stateFinal && (old != 0 || be.Uint64(p[atOldSeqID:]) != 0 || l.OldUUID != ""):
		return l, fmt.Sprintf("state %d with %d old parts", state, old)
	}
	list := p[atList:atSum]
	l.Parts, list = decodeParts(list, parts)
	if state == stateUpdating {
		l.Old = &Contents{SeqID: be.Uint64(p[atOldSeqID:])}
		l.Old.Parts, list = decodeParts(list, old)
	}
	if !zero(p[atZeros:atList]) || !zero(list) {
		return l, "bytes that must be zero"
	}
	return l, ""
}

// text reads a C string that is padded with zeros.
func text(field []byte) (string, bool) {
	end := bytes.IndexByte(field, 0)
	if end < 0 || !zero(field[end:]) {
		return "", false
	}
	return string(field[:end]), true
}

func decodeParts(list []byte, count uint32) (parts []Part, rest []byte) {
	for range count {
		p := Part{Extent: luks2.Extent{
			Offset: binary.BigEndian.Uint64(list), Size: binary.BigEndian.Uint64(list[8:]),
		}}
		copy(p.Sum[:], list[16:])
		parts = append(parts, p)
		list = list[entrySize:]
	}
	return parts, list
}

// check refuses values that are no locator.
func (l Locator) check() error {
	fail := func(why string) error { return &LocatorError{l.Place.Locator, ErrField, why} }
	if err := l.Place.Check(l.Place.Body.Size, l.DeviceSize); err != nil {
		return fail(err.Error())
	}
	if len(l.UUID) == 0 || len(l.UUID) >= uuidSize || len(l.OldUUID) >= uuidSize {
		return fail("uuid")
	}
	if why := l.Contents.check(l.Place.Body.Size, MaxParts); why != "" {
		return fail(why)
	}
	wiping := l.Old != nil && len(l.Parts) == 0
	if len(l.Parts) < 2 && !wiping || slices.ContainsFunc(l.Parts, func(p Part) bool { return !p.known() }) {
		return fail("no heads, or a part without its sum")
	}
	if l.Old == nil {
		return nil
	}
	if why := l.Old.check(l.Place.Body.Size, maxOldParts); why != "" {
		return fail(why)
	}
	return nil
}

// zero tells whether p has zeros only.
// nothing is what long ranges are compared with: most of a body is zeros.
var nothing [64 << 10]byte

func zero(p []byte) bool {
	for len(p) > len(nothing) {
		if !bytes.Equal(p[:len(nothing)], nothing[:]) {
			return false
		}
		p = p[len(nothing):]
	}
	return bytes.Equal(p, nothing[:len(p)])
}
