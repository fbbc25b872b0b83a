// SPDX-License-Identifier: Apache-2.0

package header

import (
	"errors"
	"fmt"
	"io"

	"github.com/orthrus-luks/orthrus/luks/luks2"
)

// The refusals of a plan.
var (
	ErrConflict = errors.New("the two header copies differ under the same sequence number")
	ErrForeign  = errors.New("another signature lies over the damaged copy")
	ErrChanged  = errors.New("the header was changed by somebody else meanwhile")
	// ErrReencrypting leaves unequal heads alone: where one announces the zone that is being rewritten and the
	// other does not yet, that other one is the only proof that the zone's data is still old.
	ErrReencrypting = errors.New("the header copies differ in the middle of a reencryption")
	// ErrUnreadable leaves the decision to a person: a read error may pass, and the copy behind it be
	// newer. See Doubt.
	ErrUnreadable = errors.New("a header copy cannot be read, and may be newer than the other")
)

// Write is one whole copy to be written.
type Write struct {
	Place  Place
	Offset uint64 // bytes
	Bytes  []byte // hdr_size bytes, checksum true
	Why    string
	// Blank: what lies there may be a part of a copy that was cut off, and the JSON of this one, written before the
	// binary header, could complete it. That binary header must go first.
	Blank bool
}

// Plan is a list of writes in the order in which they are safe; empty where nothing is to be done.
type Plan struct {
	Writes []Write
	// Now is the copy in use before, Next what the copies written hold. Offset and salt of both mean
	// nothing; Now has no Metadata where there was no header.
	Now, Next luks2.Copy
}

// Doubt returns ErrUnreadable, and the device's error, where the copy that was not chosen cannot be read
// and may be newer than the chosen one. It is not where its first sector can be read, is of the same
// volume and bears no newer number: a bad sector in the JSON hides nothing then.
func Doubt(h Heads, c Choice) error {
	f := h.At(c.Place.other())
	if c.Place == Secondary && h.Passed.State == Unreadable {
		f = h.Passed
	}
	if f.State != Unreadable {
		return nil
	}
	if f.Titled && f.Copy.Header.UUID == c.Copy.Header.UUID && !Newer(f.Copy.Header.SeqID, c.Copy.Header.SeqID) {
		return nil
	}
	return fmt.Errorf("%w: %v at byte %d: %w", ErrUnreadable, f.Place, f.Offset, f.Err)
}

// Damage tells that a copy is not valid, so something else may own its place. A stale copy is ours.
func Damage(h Heads) bool { return h.Primary.State != Valid || h.Secondary.State != Valid }

// LeftAlone tells that the copies differ and one that can be read is in the middle of a reencryption: see
// ErrReencrypting.
func LeftAlone(h Heads, c Choice) bool {
	if c.Healthy() {
		return false
	}
	for _, f := range []Found{h.Primary, h.Secondary} {
		if f.State == Valid && f.Copy.Metadata.Reencrypting() {
			return true
		}
	}
	return false
}

// Foreign is a signature of something else than LUKS found on the device; bytes.
type Foreign struct {
	Kind           string
	Offset, Length uint64
}

// ForeignError names the signature that forbids healing.
type ForeignError struct{ Foreign Foreign }

func (e *ForeignError) Error() string {
	return fmt.Sprintf("%v: %s at byte %d", ErrForeign, e.Foreign.Kind, e.Foreign.Offset)
}

func (e *ForeignError) Unwrap() error { return ErrForeign }

// PlanHeal says how to make both copies equal to the chosen one: same sequence number, and for a
// copy that is not valid a fresh salt from random. It refuses conflicting copies, and a device on
// which something else left its signature, since that may be the rightful owner of the bytes; an
// explicit repair passes no signatures.
func PlanHeal(h Heads, c Choice, foreign []Foreign, random io.Reader) (Plan, error) {
	switch {
	case c.Reason == BothAgree:
		return Plan{Now: c.Copy, Next: c.Copy}, nil
	case LeftAlone(h, c):
		return Plan{}, ErrReencrypting
	case c.Reason == Conflicting:
		return Plan{}, ErrConflict
	case len(foreign) > 0:
		return Plan{}, &ForeignError{Foreign: foreign[0]}
	}
	write, err := rewrite(h, c.Place.other(), c.Copy, c.Reason.String(), random)
	return Plan{Writes: []Write{write}, Now: c.Copy, Next: c.Copy}, err
}

// PlanUpdate says how to bring next to both copies. next is what the chosen copy is to become; its
// sequence number is set here. It refuses conflicting copies, and unequal heads in the middle of a reencryption.
func PlanUpdate(h Heads, c Choice, next luks2.Copy, random io.Reader) (Plan, error) {
	if LeftAlone(h, c) {
		return Plan{}, ErrReencrypting
	}
	return PlanSettled(h, c, next, random)
}

// PlanSettled is PlanUpdate where somebody has judged unequal heads of a reencryption, and chose by what they prove.
func PlanSettled(h Heads, c Choice, next luks2.Copy, random io.Reader) (Plan, error) {
	if c.Reason == Conflicting {
		return Plan{}, ErrConflict
	}
	next.Header.SeqID = c.Copy.Header.SeqID + 1
	plan := Plan{Now: c.Copy, Next: next}
	for _, place := range writeOrder(c) {
		write, err := rewrite(h, place, next, "update", random)
		if err != nil {
			return Plan{}, err
		}
		plan.Writes = append(plan.Writes, write)
	}
	return plan, nil
}

// writeOrder: what is damaged or older first, so that the copy that holds the present state stays
// until the other one is durable; equal copies primary first.
func writeOrder(c Choice) []Place {
	if c.Reason == OnlyPrimary || c.Reason == PrimaryNewer {
		return []Place{Secondary, Primary}
	}
	return []Place{Primary, Secondary}
}

// PlanFormat says how to put a new header on a device: both copies with fresh salts.
func PlanFormat(next luks2.Copy, random io.Reader) (Plan, error) {
	h := Heads{Secondary: Found{Place: Secondary}}
	plan := Plan{Next: next}
	for _, place := range []Place{Primary, Secondary} {
		write, err := rewrite(h, place, next, "format", random)
		if err != nil {
			return Plan{}, err
		}
		plan.Writes = append(plan.Writes, write)
	}
	return plan, nil
}

// rewrite makes the bytes of one copy. Valid copies keep their salt.
func rewrite(h Heads, place Place, next luks2.Copy, why string, random io.Reader) (Write, error) {
	next.Header.Offset = 0
	if place == Secondary {
		next.Header.Offset = next.Header.Size
	}
	old := h.At(place)
	if old.State == Valid && old.Offset == next.Header.Offset {
		next.Header.Salt = old.Copy.Header.Salt
	} else if _, err := io.ReadFull(random, next.Header.Salt[:]); err != nil {
		return Write{}, fmt.Errorf("salt of the %v: %w", place, err)
	}
	p, err := luks2.Encode(next)
	if err != nil {
		return Write{}, err
	}
	other := h.At(place.other())
	blank := other.State == Valid && halfWritten(old, next.Header.Offset) && !old.agrees(other.Copy)
	return Write{Place: place, Offset: next.Header.Offset, Bytes: p, Why: why, Blank: blank}, nil
}

// agrees tells whether the binary header is one of c's generation whose JSON has been lost: its checksum is that of c's
// JSON. No cut-off made it, and completed it says what c does, so that it may stay where a bad sector lets no JSON in.
func (f Found) agrees(c luks2.Copy) bool {
	h := f.Copy.Header
	h.Salt, h.Offset = c.Header.Salt, c.Header.Offset
	return f.Titled && h == c.Header && luks2.Vouches(f.title, c.Metadata)
}

// halfWritten tells whether a copy that was cut off may lie at offset (bytes), where old is what Read found. It did
// not look where heads of another size go.
func halfWritten(old Found, offset uint64) bool {
	return old.Offset != offset || old.Titled && old.State != Valid
}

// SameGeneration tells whether b still shows the header that a showed: uuid and sequence number
// of the chosen copy.
func SameGeneration(a, b Choice) bool {
	return a.Copy.Header.UUID == b.Copy.Header.UUID && a.Copy.Header.SeqID == b.Copy.Header.SeqID
}
