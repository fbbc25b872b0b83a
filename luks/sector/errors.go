// SPDX-License-Identifier: Apache-2.0

package sector

import (
	"errors"
	"fmt"
)

var (
	// ErrSpec is the kind of a specification that is no "cipher-mode-iv" at all: SpecError.
	ErrSpec = errors.New("malformed cipher specification")
	// ErrUnsupported is the kind of a well-formed specification that cannot be computed in user
	// space on this machine: UnsupportedError.
	ErrUnsupported = errors.New("cipher not supported in user space")
	// ErrKeySize is the kind of a key whose length the cipher does not take: KeySizeError.
	ErrKeySize = errors.New("wrong key size")
	// ErrSectorSize is the kind of a sector size other than 512, 1024, 2048 or 4096 bytes.
	ErrSectorSize = errors.New("wrong sector size")
	// ErrLength is the kind of data that is not whole sectors, or does not fit its destination.
	ErrLength = errors.New("data is not whole sectors")
	// ErrClosed is returned by a Cipher after Close.
	ErrClosed = errors.New("sector cipher is closed")
)

// SpecError says what is wrong with a cipher specification. It is an ErrSpec.
type SpecError struct {
	Spec   string
	Reason string
}

func (e *SpecError) Error() string {
	return fmt.Sprintf("cipher %q: %s", e.Spec, e.Reason)
}

// Is reports whether target is ErrSpec.
func (e *SpecError) Is(target error) bool { return target == ErrSpec }

// UnsupportedError names the part of a specification that cannot be computed. It is an ErrUnsupported.
type UnsupportedError struct {
	Spec string
	Part string // "cipher", "mode", "IV", "hash", "key count" or "format"
	Name string // the part's name, as in Spec
	Err  error  // why, where the kernel was asked; may be nil
}

func (e *UnsupportedError) Error() string {
	text := fmt.Sprintf("cipher %q: %s %q is not supported in user space", e.Spec, e.Part, e.Name)
	if e.Err != nil {
		text += ": " + e.Err.Error()
	}
	return text
}

// Is reports whether target is ErrUnsupported.
func (e *UnsupportedError) Is(target error) bool { return target == ErrUnsupported }

func (e *UnsupportedError) Unwrap() error { return e.Err }

// KeySizeError says which key sizes a cipher takes. It is an ErrKeySize.
type KeySizeError struct {
	Spec  string
	Bytes int   // what was given
	Want  []int // what the cipher takes, in bytes; empty where only the kernel knows
}

func (e *KeySizeError) Error() string {
	if len(e.Want) == 0 {
		return fmt.Sprintf("cipher %q does not take a key of %d bytes", e.Spec, e.Bytes)
	}
	return fmt.Sprintf("cipher %q does not take a key of %d bytes (but of %v)", e.Spec, e.Bytes, e.Want)
}

// Is reports whether target is ErrKeySize.
func (e *KeySizeError) Is(target error) bool { return target == ErrKeySize }
