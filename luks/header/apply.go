// SPDX-License-Identifier: Apache-2.0

package header

import (
	"bytes"
	"errors"
	"fmt"
	"io"

	"github.com/orthrus-luks/orthrus/luks/luks2"
)

// ErrReadBack is the kind of a write that was acknowledged and is not on the medium.
var ErrReadBack = errors.New("what was written does not read back")

// WriteError says which step of writing failed, and where.
type WriteError struct {
	What   string // "primary header", "keyslot area", …
	Op     string // "write", "sync", "read back"
	Offset uint64 // bytes
	Err    error
}

func (e *WriteError) Error() string {
	return fmt.Sprintf("%s at byte %d: %s: %v", e.What, e.Offset, e.Op, e.Err)
}

func (e *WriteError) Unwrap() error { return e.Err }

// Apply carries out the plan, one copy after the other, and stops at the first error: the copies
// not yet reached are then as they were.
func Apply(dev Device, plan Plan) error {
	for _, w := range plan.Writes {
		if err := writeCopy(dev, w); err != nil {
			return err
		}
	}
	return nil
}

// writeCopy writes the JSON first and the binary header, with the checksum, last.
func writeCopy(dev Device, w Write) error {
	what := w.Place.String() + " header"
	json := w.Bytes[luks2.BinarySize:]
	if _, err := dev.WriteAt(json, int64(w.Offset+luks2.BinarySize)); err != nil {
		return &WriteError{what, "write", w.Offset + luks2.BinarySize, err}
	}
	if _, err := dev.WriteAt(w.Bytes[:luks2.BinarySize], int64(w.Offset)); err != nil {
		return &WriteError{what, "write", w.Offset, err}
	}
	return confirm(dev, what, w.Offset, w.Bytes)
}

// Salvage puts a copy to both places again where no valid one is left. It is for the moment after an
// ErrReadBack: a write that went elsewhere may have hit the head that was to hold. Both copies get
// fresh salts from random.
func Salvage(dev Device, c luks2.Copy, random io.Reader) error {
	if _, err := Choose(Read(dev)); !errors.Is(err, ErrNoHeader) {
		return nil
	}
	plan, err := PlanFormat(c, random)
	if err != nil {
		return err
	}
	return Apply(dev, plan)
}

// WriteArea writes p at offset (bytes), syncs and reads it back. What names it in errors.
func WriteArea(dev Device, what string, offset uint64, p []byte) error {
	if _, err := dev.WriteAt(p, int64(offset)); err != nil {
		return &WriteError{what, "write", offset, err}
	}
	return confirm(dev, what, offset, p)
}

// Area is material to be written; What names it in errors.
type Area struct {
	What   string
	Offset uint64 // bytes
	Bytes  []byte
}

// WriteAreas writes all, syncs once, and reads all back.
func WriteAreas(dev Device, areas []Area) error {
	for _, a := range areas {
		if _, err := dev.WriteAt(a.Bytes, int64(a.Offset)); err != nil {
			return &WriteError{a.What, "write", a.Offset, err}
		}
	}
	for i, a := range areas {
		check := compare
		if i == 0 {
			check = confirm
		}
		if err := check(dev, a.What, a.Offset, a.Bytes); err != nil {
			return err
		}
	}
	return nil
}

// confirm syncs and compares the medium with what was meant.
func confirm(dev Device, what string, offset uint64, want []byte) error {
	if err := dev.Sync(); err != nil {
		return &WriteError{what, "sync", offset, err}
	}
	return compare(dev, what, offset, want)
}

// compare reads back.
func compare(dev Device, what string, offset uint64, want []byte) error {
	got := make([]byte, len(want))
	if err := ReadFull(dev, got, offset); err != nil {
		return &WriteError{what, "read back", offset, err}
	}
	if !bytes.Equal(got, want) {
		return &WriteError{what, "read back", offset, ErrReadBack}
	}
	return nil
}
