// SPDX-License-Identifier: Apache-2.0

package integrity

import (
	"errors"
	"fmt"
)

// Kinds of errors, for errors.Is.
var (
	ErrNoSuperblock = errors.New("no integrity superblock")     // the magic is not there
	ErrUnsupported  = errors.New("unsupported integrity value") // of a superblock or of Params
	ErrTooSmall     = errors.New("device too small")            // for what is, or is to be, on it
	ErrCorrupt      = errors.New("tag mismatch")                // a block's tag is not that of its data
	ErrJournal      = errors.New("unusable journal")            // the kernel would refuse it as well
)

// FieldError names a value that dm-integrity does not have.
type FieldError struct {
	Field string // "version", "tag size", "block size", "integrity", ...
	Value any
	Why   string
}

func (e *FieldError) Error() string {
	return fmt.Sprintf("integrity: %s %.40q: %s", e.Field, fmt.Sprint(e.Value), e.Why)
}

func (e *FieldError) Unwrap() error { return ErrUnsupported }

// SizeError says that a device ends too early.
type SizeError struct {
	Device string // "data" or "metadata"
	Have   uint64 // 512-byte sectors
	Need   uint64 // 512-byte sectors; 0 where the least is not known
}

func (e *SizeError) Error() string {
	if e.Need == 0 {
		return fmt.Sprintf("integrity: the %s device of %d sectors is too small", e.Device, e.Have)
	}
	return fmt.Sprintf("integrity: the %s device has %d sectors, of which %d are needed", e.Device, e.Have, e.Need)
}

func (e *SizeError) Unwrap() error { return ErrTooSmall }

// JournalError names an entry or section that the kernel refuses to replay.
type JournalError struct {
	Section uint32
	Sector  uint64 // logical, 512-byte units; of the entry, where Why is about one
	Why     string
}

func (e *JournalError) Error() string {
	return fmt.Sprintf("integrity: section %d of the journal, sector %d: %s", e.Section, e.Sector, e.Why)
}

func (e *JournalError) Unwrap() error { return ErrJournal }

// CorruptError names the first block of a read whose tag is wrong.
type CorruptError struct{ Sector uint64 } // logical, 512-byte units

func (e *CorruptError) Error() string {
	return fmt.Sprintf("integrity: the tag of sector %d is not that of its data", e.Sector)
}

func (e *CorruptError) Unwrap() error { return ErrCorrupt }
