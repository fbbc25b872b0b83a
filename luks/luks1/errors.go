// SPDX-License-Identifier: Apache-2.0

package luks1

import (
	"errors"
	"fmt"
)

// The kinds of error. A FieldError wraps one of them.
var (
	ErrMagic    = errors.New("no LUKS magic")
	ErrVersion  = errors.New("not version 1")
	ErrShort    = errors.New("shorter than a header")
	ErrInvalid  = errors.New("invalid value")
	ErrHash     = errors.New("unusable hash")
	ErrOverlap  = errors.New("key material overlaps")
	ErrTooSmall = errors.New("device too small")
	// ErrStraddles refuses to rewrite an enabled keyslot 6, which lies in two sectors, in place.
	ErrStraddles = errors.New("enabled keyslot lies in two sectors")
)

// NoKeyslot is FieldError.Keyslot where the field belongs to the header itself.
const NoKeyslot = -1

// FieldError says which field of the header breaks which rule.
type FieldError struct {
	Kind    error  // one of the kinds above
	Field   string // by its name in the specification
	Keyslot int    // 0 to 7, or NoKeyslot
	Why     string // the facts; may be empty
}

func (e *FieldError) Error() string {
	text := e.Field
	if e.Keyslot != NoKeyslot {
		text = fmt.Sprintf("keyslot %d: %s", e.Keyslot, text)
	}
	text = fmt.Sprintf("LUKS1 header: %s: %v", text, e.Kind)
	if e.Why != "" {
		text += ": " + e.Why
	}
	return text
}

func (e *FieldError) Unwrap() error { return e.Kind }

func fieldError(kind error, field string, format string, args ...any) *FieldError {
	return &FieldError{Kind: kind, Field: field, Keyslot: NoKeyslot, Why: fmt.Sprintf(format, args...)}
}

func slotError(kind error, slot int, field string, format string, args ...any) *FieldError {
	return &FieldError{Kind: kind, Field: field, Keyslot: slot, Why: fmt.Sprintf(format, args...)}
}
