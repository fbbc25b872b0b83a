// SPDX-License-Identifier: Apache-2.0

// Package fault has the kinds of failure that the rooms below luks share. Package luks has them under
// names of its own.
package fault

import (
	"errors"
	"fmt"
)

// The kinds.
var (
	ErrNotLUKS         = errors.New("not a LUKS volume")
	ErrKeyslotInactive = errors.New("keyslot is not active")
	ErrUnsupported     = errors.New("not supported")
	ErrGeometry        = errors.New("impossible geometry")
)

// KeyslotError says which keyslot a failure belongs to.
type KeyslotError struct {
	Keyslot int
	Err     error
}

func (e *KeyslotError) Error() string { return fmt.Sprintf("keyslot %d: %v", e.Keyslot, e.Err) }

func (e *KeyslotError) Unwrap() error { return e.Err }

// Keyslot makes a KeyslotError.
func Keyslot(id int, err error) error { return &KeyslotError{id, err} }

// GeometryError says which size or offset cannot be. It wraps ErrGeometry.
type GeometryError struct {
	What string
	Why  string
}

func (e *GeometryError) Error() string { return e.What + ": " + e.Why }

func (e *GeometryError) Unwrap() error { return ErrGeometry }

// Geometry makes a GeometryError.
func Geometry(what, format string, args ...any) error {
	return &GeometryError{What: what, Why: fmt.Sprintf(format, args...)}
}

// SegmentError is a data segment of a kind that is not supported. It wraps ErrUnsupported.
type SegmentError struct {
	Type      string
	Integrity bool // encrypted and authenticated
}

func (e *SegmentError) Error() string {
	if e.Integrity {
		return "authenticated encryption: " + ErrUnsupported.Error()
	}
	return fmt.Sprintf("data segment of type %q: %v", e.Type, ErrUnsupported)
}

func (e *SegmentError) Unwrap() error { return ErrUnsupported }
