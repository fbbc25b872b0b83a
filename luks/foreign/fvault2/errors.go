// SPDX-License-Identifier: Apache-2.0

package fvault2

import (
	"errors"
	"fmt"
)

var (
	// ErrNotFileVault says that the device bears no header of Core Storage.
	ErrNotFileVault = errors.New("not a FileVault 2 volume")
	// ErrField is the kind of FieldError for what cannot be.
	ErrField = errors.New("impossible FileVault 2 metadata")
	// ErrUnsupported is the kind of FieldError for metadata that are sound and not read.
	ErrUnsupported = errors.New("unsupported FileVault 2 metadata")
	// ErrNoMetadata says that no copy of the metadata is valid; each copy's error is with it.
	ErrNoMetadata = errors.New("no valid copy of the FileVault 2 metadata")
	// ErrUnfinished is the kind of a volume that is half encrypted or decrypted.
	ErrUnfinished = errors.New("its conversion is not finished")
	// ErrKey says that a passphrase opens nothing.
	ErrKey = errors.New("no key available with this passphrase")
)

// FieldError names the field that cannot be. It wraps its Kind.
type FieldError struct {
	Kind  error // ErrField, ErrUnsupported
	Field string
}

func (e *FieldError) Error() string { return e.Kind.Error() + ": " + e.Field }

func (e *FieldError) Unwrap() error { return e.Kind }

func wrong(field string) error { return &FieldError{ErrField, field} }

func unsupported(field string) error { return &FieldError{ErrUnsupported, field} }

// VersionError is a header of another version than 1. It is an ErrField.
type VersionError struct{ Version uint16 }

func (e *VersionError) Error() string { return fmt.Sprintf("%v: version %d", ErrField, e.Version) }

func (e *VersionError) Unwrap() error { return ErrField }
