// SPDX-License-Identifier: Apache-2.0

package header

import (
	"errors"
	"fmt"

	"github.com/orthrus-luks/orthrus/luks/luks2"
)

// Reason says why a copy was chosen.
type Reason int

// The reasons.
const (
	BothAgree      Reason = iota // equal and valid: the primary
	OnlyPrimary                  // the secondary is not valid
	OnlySecondary                // the primary is not valid
	PrimaryNewer                 // both valid, the secondary is stale
	SecondaryNewer               // both valid, the primary is stale
	Conflicting                  // equal sequence numbers, different content: the primary, for reading only
)

func (r Reason) String() string {
	return [...]string{
		"both copies agree", "only the primary is valid", "only the secondary is valid",
		"the primary is newer", "the secondary is newer",
		"the copies differ under the same sequence number",
	}[r]
}

// Choice is the copy that speaks for the volume.
type Choice struct {
	Place  Place
	Reason Reason
	Copy   luks2.Copy
}

// Healthy tells that there is nothing to mend.
func (c Choice) Healthy() bool { return c.Reason == BothAgree }

// ErrNoHeader is the kind of NoHeaderError.
var ErrNoHeader = errors.New("no valid LUKS2 header")

// NoHeaderError says what each copy suffers from.
type NoHeaderError struct {
	Heads Heads
}

func (e *NoHeaderError) Error() string {
	p, s := e.Heads.Primary, e.Heads.Secondary
	if p.State == Absent && s.State == Absent {
		return ErrNoHeader.Error()
	}
	return fmt.Sprintf("%v: primary %v (%v), secondary %v (%v)", ErrNoHeader, p.State, p.Err, s.State, s.Err)
}

// Unwrap gives the kind and the device's errors, so that EIO can be told from damage.
func (e *NoHeaderError) Unwrap() []error {
	return []error{ErrNoHeader, e.Heads.Primary.Err, e.Heads.Secondary.Err}
}

// Absent tells that nothing on the device looks like LUKS2.
func (e *NoHeaderError) Absent() bool {
	return e.Heads.Primary.State == Absent && e.Heads.Secondary.State == Absent
}

// SizeError is a header whose areas do not fit the device (bytes).
type SizeError struct{ Needed, Device uint64 }

func (e *SizeError) Error() string {
	return fmt.Sprintf("device of %d bytes is too small for its LUKS2 header of %d", e.Device, e.Needed)
}

// Choose decides by a table: a valid copy before one that is not; of two valid ones the newer; of
// two with the same number the primary, with a warning where they differ.
func Choose(h Heads) (Choice, error) {
	c, err := pick(h)
	if err != nil {
		return c, err
	}
	if needed := c.Copy.Metadata.KeyslotsExtent(c.Copy.Header.Size).End(); needed > h.DeviceSize {
		return c, &SizeError{Needed: needed, Device: h.DeviceSize}
	}
	return c, nil
}

func pick(h Heads) (Choice, error) {
	primary, secondary := h.Primary.State == Valid, h.Secondary.State == Valid
	a, b := h.Primary.Copy, h.Secondary.Copy
	switch {
	case !primary && !secondary:
		return Choice{}, &NoHeaderError{Heads: h}
	case !secondary:
		return Choice{Primary, OnlyPrimary, a}, nil
	case !primary:
		return Choice{Secondary, OnlySecondary, b}, nil
	case Newer(a.Header.SeqID, b.Header.SeqID):
		return Choice{Primary, PrimaryNewer, a}, nil
	case Newer(b.Header.SeqID, a.Header.SeqID):
		return Choice{Secondary, SecondaryNewer, b}, nil
	case !sameContent(a, b):
		return Choice{Primary, Conflicting, a}, nil
	}
	return Choice{Primary, BothAgree, a}, nil
}

// sameContent ignores what differs between healthy copies: salt, magic, offset, checksum.
func sameContent(a, b luks2.Copy) bool {
	a.Header.Salt, b.Header.Salt = [luks2.SaltSize]byte{}, [luks2.SaltSize]byte{}
	a.Header.Offset, b.Header.Offset = 0, 0
	return a.Header == b.Header && a.Metadata.Equal(b.Metadata)
}
