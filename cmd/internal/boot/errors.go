// SPDX-License-Identifier: Apache-2.0

package boot

import (
	"errors"
	"fmt"
	"strings"
)

// Kinds of failure, beside those of the packages below.
var (
	ErrFailed      = errors.New("required volumes are not open")
	ErrTries       = errors.New("no tries left")
	ErrFormat      = errors.New("format not supported")
	ErrCipher      = errors.New("cipher not allowed")
	ErrPin         = errors.New("not the volume key that is pinned")
	ErrHeldByOther = errors.New("the device holds something else")
	ErrSlow        = errors.New("the key derivation takes too long")
	ErrKeyLength   = errors.New("the key is shorter than the volume key")
	ErrFarNotUsed  = errors.New("both heads are lost, and x-orthrus.far=no keeps the far header from being used")
	ErrUnknown     = errors.New("nothing is known of a volume of that name")
	ErrSame        = errors.New("the same volume, under another name, is not open")
)

// FailedError names the required volumes that are not open.
type FailedError struct{ Volumes []Outcome }

func (e *FailedError) Error() string {
	var parts []string
	for _, v := range e.Volumes {
		parts = append(parts, v.Name+": "+v.Reason)
	}
	return fmt.Sprintf("%v: %s", ErrFailed, strings.Join(parts, "; "))
}

// Unwrap gives the kind and the causes.
func (e *FailedError) Unwrap() []error {
	all := []error{ErrFailed}
	for _, v := range e.Volumes {
		all = append(all, v.Err)
	}
	return all
}

// UnknownError names volumes that were asked for and are in no table.
type UnknownError struct{ Names []string }

func (e *UnknownError) Error() string {
	return fmt.Sprintf("nothing is known of a volume named %s", strings.Join(e.Names, ", "))
}

func (e *UnknownError) Unwrap() error { return ErrUnknown }

// KeyFileError says which key could not be read.
type KeyFileError struct {
	Source string // "key file /k on LABEL=keys"
	Err    error
}

func (e *KeyFileError) Error() string { return fmt.Sprintf("%s cannot be read: %v", e.Source, e.Err) }

func (e *KeyFileError) Unwrap() error { return e.Err }

// VolumeError says which volume a failure belongs to.
type VolumeError struct {
	Volume string
	Device string // node, or the reference where it was not found
	Err    error
}

func (e *VolumeError) Error() string {
	if e.Device == "" {
		return fmt.Sprintf("%s: %v", e.Volume, e.Err)
	}
	return fmt.Sprintf("%s (%s): %v", e.Volume, e.Device, e.Err)
}

func (e *VolumeError) Unwrap() error { return e.Err }

// CipherError is a cipher that the policy does not allow.
type CipherError struct {
	Cipher  string
	Keyslot int // -1 for the data
}

func (e *CipherError) Error() string {
	if e.Keyslot < 0 {
		return fmt.Sprintf("%v: %q for the data", ErrCipher, e.Cipher)
	}
	return fmt.Sprintf("%v: %q for keyslot %d", ErrCipher, e.Cipher, e.Keyslot)
}

func (e *CipherError) Unwrap() error { return ErrCipher }
