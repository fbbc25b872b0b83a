// SPDX-License-Identifier: Apache-2.0

package reencrypt

import (
	"errors"
	"fmt"
)

// The kinds of failure.
var (
	ErrForeign = errors.New("no reencryption that is understood here")
	// ErrDigest: the metadata are not those that the holder of the keys wrote.
	ErrDigest = errors.New("the digest over the reencryption's metadata does not agree with them")
	ErrKey    = errors.New("not the volume key of that end of the reencryption")
	// ErrNoEvidence: the resilience area says nothing of the zone, or there is no zone.
	ErrNoEvidence = errors.New("the resilience area says nothing of this zone")
	// ErrUnknowable: which of the zone's data are old and which are new cannot be told.
	ErrUnknowable = errors.New("nothing tells old data from new data in the zone that was being rewritten")
)

// ForeignError names what of the metadata is not understood.
type ForeignError struct {
	Field string // "segments.0"
	Why   string
}

func (e *ForeignError) Error() string { return e.Field + ": " + e.Why }

func (e *ForeignError) Unwrap() error { return ErrForeign }

func foreign(field, why string) error { return &ForeignError{Field: field, Why: why} }

// OddError says that the metadata call all data new, and that more of them makes sense under the old key.
type OddError struct{ Senses Senses }

func (e *OddError) Error() string {
	return fmt.Sprintf("the data contradict the header, which calls them new: of the samples %d pieces of 512 bytes "+
		"make sense under the new key only, and %d under the old one only", e.Senses.New, e.Senses.Old)
}

func (e *OddError) Unwrap() error { return ErrUnknowable }
