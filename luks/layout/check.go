// SPDX-License-Identifier: Apache-2.0

package layout

import (
	"bytes"
	"errors"
	"fmt"

	"github.com/orthrus-luks/orthrus/luks/far"
	"github.com/orthrus-luks/orthrus/luks/luks1"
	"github.com/orthrus-luks/orthrus/luks/luks2"
)

// The kinds of refusal.
var (
	ErrDevice = errors.New("the metadata would not fit the device")
	ErrFar    = errors.New("the far header would be of another length than the metadata")
	ErrOwner  = errors.New("the bytes belong to something else")
)

// Error says what cannot be, and why.
type Error struct {
	Kind error
	Why  string
}

func (e *Error) Error() string { return e.Kind.Error() + ": " + e.Why }

func (e *Error) Unwrap() error { return e.Kind }

func refuse(kind error, format string, args ...any) error {
	return &Error{kind, fmt.Sprintf(format, args...)}
}

// Fits1 refuses a LUKS1 header that any reader would refuse on a device of deviceSize bytes, with a luks1.FieldError.
func Fits1(next luks1.Header, deviceSize uint64) error { return next.Validate(int64(deviceSize)) }

// Fits refuses metadata that any reader would refuse on a device of deviceSize bytes: heads and keyslots
// area end on the device (cryptsetup's rule) and, where the data lie on it, before them. A far header that the
// token calls in force has the length of its body. All other rules are the format's: luks2.Encode holds them.
func Fits(next luks2.Copy, deviceSize uint64) error {
	end := Metadata(next)
	if end > deviceSize {
		return refuse(ErrDevice, "it takes %d bytes, the device has %d", end, deviceSize)
	}
	if data := next.Metadata.DataOffset(); data > 0 && end > data {
		return refuse(ErrDevice, "it would end at byte %d, and the data begin at %d", end, data)
	}
	t, _, found, err := far.Find(next.Metadata)
	if err != nil || !found || t.Far.None() {
		return nil // a token that cannot be read is left alone
	}
	settled := t.Phase == far.Stable || t.Phase == far.AwaitingCut
	if settled && t.Far.Body.Size != end {
		return refuse(ErrFar, "%d bytes, and the metadata take %d", t.Far.Body.Size, end)
	}
	return nil
}

// Before refuses material that is written while the heads still say `now` and are about to say `next`: it may
// lie in free keyslots area, in the spare room, or over a keyslot that `next` does not keep.
func Before(now, next luks2.Copy, deviceSize uint64, writes ...luks2.Extent) error {
	l := Of(now, deviceSize, tokenOf(now))
	for _, w := range writes {
		if err := within(w, deviceSize); err != nil {
			return err
		}
		for _, r := range l.In(w) {
			switch {
			case r.Owner == Free, r.Owner == Spare:
			case r.Owner == Area && (!Keeps(now, next, r.Keyslot) || records(now, r.Keyslot)):
			default:
				return owned(w, r)
			}
		}
	}
	return nil
}

// records tells whether the area is that of a reencryption, and between two of its steps: what it holds is of no use
// any more, and the record of the next step goes there before the heads announce that.
func records(now luks2.Copy, id int) bool {
	k, err := now.Metadata.Keyslot(id)
	if err != nil || k.Type != luks2.TypeReencrypt {
		return false
	}
	for _, s := range now.Metadata.Segments() {
		if s.HasFlag("in-reencryption") {
			return false
		}
	}
	return true
}

// After refuses material that is overwritten once the heads say `next`: no byte that they name.
func After(now, next luks2.Copy, deviceSize uint64, writes ...luks2.Extent) error {
	l := Of(next, deviceSize, tokenOf(next))
	for _, w := range writes {
		if err := within(w, deviceSize); err != nil {
			return err
		}
		for _, r := range l.In(w) {
			if r.Owner != Free && r.Owner != Spare {
				return owned(w, r)
			}
		}
	}
	return nil
}

// Before1 is Before for LUKS1.
func Before1(now, next luks1.Header, deviceSize uint64, writes ...luks2.Extent) error {
	l := Of1(now, deviceSize)
	for _, w := range writes {
		if err := within(w, deviceSize); err != nil {
			return err
		}
		for _, r := range l.In(w) {
			kept := r.Owner == Area && now.Keyslots[r.Keyslot] == next.Keyslots[r.Keyslot]
			if kept || r.Owner == Primary || r.Owner == Data {
				return owned(w, r)
			}
		}
	}
	return nil
}

// After1 is After for LUKS1.
func After1(next luks1.Header, deviceSize uint64, writes ...luks2.Extent) error {
	l := Of1(next, deviceSize)
	for _, w := range writes {
		if err := within(w, deviceSize); err != nil {
			return err
		}
		for _, r := range l.In(w) {
			if r.Owner != Free && r.Owner != Spare {
				return owned(w, r)
			}
		}
	}
	return nil
}

// Keeps tells whether the keyslot is the same in both: described alike, with the same salt at the same place.
func Keeps(now, next luks2.Copy, id int) bool {
	a, err := now.Metadata.Keyslot(id)
	b, err2 := next.Metadata.Keyslot(id)
	return err == nil && err2 == nil && a.Type == b.Type && a.Area == b.Area && bytes.Equal(a.KDF.Salt, b.KDF.Salt)
}

func within(w luks2.Extent, deviceSize uint64) error {
	if !w.Fits(deviceSize) {
		return refuse(ErrOwner, "bytes %d to %d lie behind the end of a device of %d", w.Offset, w.End()-1, deviceSize)
	}
	return nil
}

func owned(w luks2.Extent, r Range) error {
	return refuse(ErrOwner, "bytes %d to %d are written, and %d to %d are of the %v", w.Offset, w.End()-1, r.Offset,
		r.End()-1, r)
}

func tokenOf(c luks2.Copy) far.Token {
	t, _, _, err := far.Find(c.Metadata)
	if err != nil {
		return far.Token{}
	}
	return t
}

// Heads refuses heads of another size whose second copy would lie over material that the first ones still
// name: a keyslot's area, the data, a far header.
func Heads(now, next luks2.Copy, deviceSize uint64) error {
	if now.Header.Size == next.Header.Size {
		return nil
	}
	at := luks2.Extent{Offset: next.Header.Size, Size: next.Header.Size}
	for _, r := range Of(now, deviceSize, tokenOf(now)).In(at) {
		inFirst := r.Owner == Primary && next.Header.Size < now.Header.Size
		if !inFirst && r.Owner != Free && r.Owner != Spare {
			return owned(at, r)
		}
	}
	return nil
}
