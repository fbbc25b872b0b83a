// SPDX-License-Identifier: Apache-2.0

package commit

import (
	"bytes"
	"errors"
	"fmt"

	"github.com/orthrus-luks/orthrus/luks/header"
	"github.com/orthrus-luks/orthrus/luks/luks2"
)

// ErrReadBack is the kind of a write that was acknowledged and is not on the medium.
var ErrReadBack = errors.New("what was written does not read back")

const readBack = "read back"

// WriteError says which step of writing failed, and where.
type WriteError struct {
	What   string // "primary header", "keyslot area", …
	Op     string // "write", "sync", readBack
	Offset uint64 // bytes
	Err    error
}

func (e *WriteError) Error() string {
	return fmt.Sprintf("%s at byte %d: %s: %v", e.What, e.Offset, e.Op, e.Err)
}

func (e *WriteError) Unwrap() error { return e.Err }

// Area is a run of bytes to be written; What names it in errors.
type Area struct {
	What   string
	Offset uint64 // bytes
	Bytes  []byte
}

// Extent is where it goes.
func (a Area) Extent() luks2.Extent {
	return luks2.Extent{Offset: a.Offset, Size: uint64(len(a.Bytes))}
}

func extents(areas []Area) []luks2.Extent {
	list := make([]luks2.Extent, len(areas))
	for i, a := range areas {
		list[i] = a.Extent()
	}
	return list
}

// settle makes durable whatever was written to the device before. What is read under the lock may be the work of a
// program that was killed before its sync: one of two copies must be durable before the other is touched, and what is
// in order already must be too before anybody says so.
func settle(dev header.Device) error {
	if err := dev.Sync(); err != nil {
		return &WriteError{"what was written before", "sync", 0, err}
	}
	return nil
}

// write carries out a stage. Of a firm one, what was there is put back where the sync fails, and fails again:
// the bytes would read well, and whoever comes next would take them for durable.
func write(dev header.Device, s Stage) error {
	old := make([]Area, 0, len(s.Areas))
	for _, a := range s.Areas {
		p := make([]byte, len(a.Bytes))
		if s.Firm && header.ReadFull(dev, p, a.Offset) == nil {
			old = append(old, Area{a.What, a.Offset, p})
		}
	}
	err := writeAreas(dev, s.Areas)
	if errors.Is(err, errInDoubt) {
		_ = writeAll(dev, old) // the error is the sync's
	}
	return err
}

// writeAreas writes all, syncs once, and reads all back. Where the sync fails, all is written and synced once
// more, since it reads well from then on; the error stands.
func writeAreas(dev header.Device, areas []Area) error {
	if len(areas) == 0 {
		return nil
	}
	if err := writeAll(dev, areas); err != nil {
		return err
	}
	if err := dev.Sync(); err != nil {
		if again := errors.Join(writeAll(dev, areas), dev.Sync()); again != nil {
			err = doubtful{err}
		}
		return &WriteError{areas[0].What, "sync", areas[0].Offset, err}
	}
	for _, a := range areas {
		if err := compare(dev, a); err != nil {
			return err
		}
	}
	return nil
}

func writeAll(dev header.Device, areas []Area) error {
	for _, a := range areas {
		if _, err := dev.WriteAt(a.Bytes, int64(a.Offset)); err != nil {
			return &WriteError{a.What, "write", a.Offset, err}
		}
	}
	return nil
}

// errInDoubt is the kind of a sync's error after which nobody knows what is on the medium.
var errInDoubt = errors.New("not durable")

type doubtful struct{ error }

func (d doubtful) Unwrap() []error { return []error{d.error, errInDoubt} }

// compare reads back.
func compare(dev header.Device, a Area) error {
	got := make([]byte, len(a.Bytes))
	if err := header.ReadFull(dev, got, a.Offset); err != nil {
		return &WriteError{a.What, readBack, a.Offset, err}
	}
	if !bytes.Equal(got, a.Bytes) {
		return &WriteError{a.What, readBack, a.Offset, ErrReadBack}
	}
	return nil
}
