// SPDX-License-Identifier: Apache-2.0

package verity

import (
	"errors"
	"fmt"
)

// Kinds of errors, for errors.Is.
var (
	ErrNoSuperblock = errors.New("no verity superblock")     // the magic is not there
	ErrUnsupported  = errors.New("unsupported verity value") // of a superblock, of Params or of FEC
	ErrCorrupt      = errors.New("corrupt block")            // a block's hash is not the one above it
)

// FieldError names a value that dm-verity does not have.
type FieldError struct {
	Field string // "version", "hash type", "data block size", "hash", ...
	Value any
	Why   string
}

func (e *FieldError) Error() string {
	return fmt.Sprintf("verity: %s %.40q: %s", e.Field, fmt.Sprint(e.Value), e.Why)
}

func (e *FieldError) Unwrap() error { return ErrUnsupported }

// BlockError names a block that does not have the hash that it should have.
type BlockError struct {
	Level  int    // -1: a data block; else the level of the tree
	Block  uint64 // of the data, or of the level
	Offset int64  // bytes from the start of the data or hash device
	Err    error  // why it could not be read, or nil
}

func (e *BlockError) Error() string {
	what := "data block"
	if e.Level >= 0 {
		what = fmt.Sprintf("hash block of level %d,", e.Level)
	}
	if e.Err != nil {
		return fmt.Sprintf("verity: %s %d at byte %d cannot be read: %v", what, e.Block, e.Offset, e.Err)
	}
	return fmt.Sprintf("verity: %s %d at byte %d: its hash is not the one that the tree has", what, e.Block, e.Offset)
}

// Unwrap gives ErrCorrupt and the cause.
func (e *BlockError) Unwrap() []error {
	if e.Err == nil {
		return []error{ErrCorrupt}
	}
	return []error{ErrCorrupt, e.Err}
}
