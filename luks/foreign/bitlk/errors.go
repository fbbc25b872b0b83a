// SPDX-License-Identifier: Apache-2.0

package bitlk

import (
	"errors"
	"fmt"
)

var (
	// ErrNotBitLocker is the kind of a device that bears no boot sector of BitLocker.
	ErrNotBitLocker = errors.New("not a BitLocker volume")
	// ErrBoot is the kind of a boot sector that is BitLocker's and cannot be used.
	ErrBoot = errors.New("impossible boot sector")
	// ErrVersion1 is Vista's format.
	ErrVersion1 = errors.New("BitLocker of Windows Vista, which is not supported")
	// ErrNoMetadata is the kind of NoMetadataError.
	ErrNoMetadata = errors.New("no valid copy of the BitLocker metadata")
	// ErrField is the kind of FieldError.
	ErrField = errors.New("impossible BitLocker metadata")
	// ErrMethod is the kind of a method of encryption that nobody knows.
	ErrMethod = errors.New("unknown method of encryption")
	// ErrUnfinished is the kind of ConversionError.
	ErrUnfinished = errors.New("its conversion is not finished")
	// ErrKey says that a passphrase, recovery password, startup key or clear key opens nothing.
	ErrKey = errors.New("no key available with this passphrase")
	// ErrNoProtector says that nothing a person could give opens the volume: a TPM or smart card alone does.
	ErrNoProtector = errors.New("neither a passphrase nor a key file opens it")
	// ErrTampered says that the metadata are not what the owner of the key wrote.
	ErrTampered = errors.New("the metadata fail their validation by the volume master key")
	// ErrStartupKey is the kind of what is wrong with a startup key file of this volume, in cryptsetup's words.
	ErrStartupKey = errors.New("impossible startup key file")
	// ErrOtherVolume is the kind of a startup key of another volume: OtherVolumeError.
	ErrOtherVolume = errors.New("the startup key is of another volume")
)

// FieldError names the field of a copy that cannot be, or that contradicts another. It wraps ErrField.
type FieldError struct {
	Field string
	Why   string
}

func (e *FieldError) Error() string { return e.Field + ": " + e.Why }

func (e *FieldError) Unwrap() error { return ErrField }

func field(name, format string, args ...any) error {
	return &FieldError{Field: name, Why: fmt.Sprintf(format, args...)}
}

// BootError says why a boot sector of BitLocker cannot be used. It wraps its Kind.
type BootError struct {
	Kind   error // ErrBoot, ErrVersion1
	Sector int   // an impossible sector size in bytes, 0 where it is not that
}

func (e *BootError) Error() string {
	if e.Sector != 0 {
		return fmt.Sprintf("%v: sectors of %d bytes", e.Kind, e.Sector)
	}
	return e.Kind.Error()
}

func (e *BootError) Unwrap() error { return e.Kind }

// NoMetadataError says what each copy suffers from. It wraps ErrNoMetadata and the copies' errors.
type NoMetadataError struct{ Copies *Copies }

func (e *NoMetadataError) Error() string {
	text := ErrNoMetadata.Error()
	for i := range e.Copies.Found {
		f := &e.Copies.Found[i]
		text += fmt.Sprintf("; copy %d at byte %d %v: %v", i+1, f.Offset, f.State, f.Err)
	}
	return text
}

// Unwrap gives the kind and the device's errors, so that EIO can be told from damage.
func (e *NoMetadataError) Unwrap() []error {
	f := &e.Copies.Found
	return []error{ErrNoMetadata, f[0].Err, f[1].Err, f[2].Err}
}

// ConversionError is a volume between two states, which only Windows can read. It wraps ErrUnfinished.
type ConversionError struct {
	OnWrite   bool   // encrypt-on-write: bitmaps that nobody else keeps say what is encrypted
	Present   uint16 // state
	Next      uint16 // state that it goes to
	Encrypted uint64 // bytes that the metadata count as encrypted
	Size      uint64 // of the device, bytes
}

// Percent is how much of the device the metadata count as encrypted, 0 to 100.
func (e *ConversionError) Percent() int {
	if e.Size == 0 || e.Encrypted >= e.Size {
		return 100
	}
	return int(float64(e.Encrypted) / float64(e.Size) * 100)
}

func (e *ConversionError) Error() string {
	what := fmt.Sprintf("%s, next %s", stateName(e.Present), stateName(e.Next))
	if e.OnWrite {
		what = "encrypt-on-write"
	}
	return fmt.Sprintf("%v (%s): %d of %d bytes, %d %%, count as encrypted", ErrUnfinished, what, e.Encrypted,
		e.Size, e.Percent())
}

func (e *ConversionError) Unwrap() error { return ErrUnfinished }

// OtherVolumeError is a startup key that names another volume. It wraps ErrOtherVolume.
type OtherVolumeError struct{ GUID GUID }

func (e *OtherVolumeError) Error() string { return fmt.Sprintf("%v: %v", ErrOtherVolume, e.GUID) }

func (e *OtherVolumeError) Unwrap() error { return ErrOtherVolume }

// StartupKeyError says what is wrong with a startup key file. It wraps ErrStartupKey.
type StartupKeyError struct{ Why string }

func (e *StartupKeyError) Error() string { return e.Why }

func (e *StartupKeyError) Unwrap() error { return ErrStartupKey }
