// SPDX-License-Identifier: Apache-2.0

package tcrypt

import (
	"errors"
	"fmt"
)

var (
	// ErrNoHeader says that nothing that was tried decrypts a header: the password is wrong, or this is no such
	// volume. It is the kind of NoHeaderError.
	ErrNoHeader = errors.New("no header with this passphrase")
	// ErrNoPlace says that the device is too small for the header that is asked for.
	ErrNoPlace = errors.New("the device is too small for a header there")
	// ErrField is the kind of FieldError.
	ErrField = errors.New("impossible header")
	// ErrTooLong is the kind of LengthError.
	ErrTooLong = errors.New("the passphrase is too long")
	// ErrMode says that no kernel maps the chain of ciphers.
	ErrMode = errors.New("no kernel maps this legacy mode")
	// ErrCipher says that no kernel has one of the ciphers.
	ErrCipher = errors.New("no kernel has Kuznyechik")
	// ErrPIM says that a PIM gives no count of iterations.
	ErrPIM = errors.New("the PIM is out of range")
)

// NoHeaderError tells what could not be tried. It wraps ErrNoHeader and the reasons.
type NoHeaderError struct {
	Tried   int     // derivations
	Skipped []error // one for each derivation that could not be made, such as a *kdf.MemoryError
	Chains  int     // of ciphers that were tried
	Lacking []error // one for each chain that could not be: the oldest ciphers are the kernel's to compute
}

func (e *NoHeaderError) Error() string { return ErrNoHeader.Error() }

// Unwrap gives the kind and the reasons.
func (e *NoHeaderError) Unwrap() []error { return append([]error{ErrNoHeader}, e.Skipped...) }

// FieldError names a field that cannot be, of a header that was decrypted. It wraps ErrField.
type FieldError struct {
	Field string
	Why   string
}

func (e *FieldError) Error() string { return e.Field + ": " + e.Why }

func (e *FieldError) Unwrap() error { return ErrField }

func field(name, format string, args ...any) error {
	return &FieldError{Field: name, Why: fmt.Sprintf(format, args...)}
}

// LengthError is a passphrase of more than Max bytes. It wraps ErrTooLong.
type LengthError struct{ Max int }

func (e *LengthError) Error() string {
	return fmt.Sprintf("%v: it may have %d bytes", ErrTooLong, e.Max)
}

func (e *LengthError) Unwrap() error { return ErrTooLong }
