// SPDX-License-Identifier: Apache-2.0

package commit

import (
	"bytes"
	"errors"
	"fmt"
	"io"

	"github.com/orthrus-luks/orthrus/luks/header"
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
// not yet reached are then as they were. What was read may be the work of a program that was killed before
// its sync, so that comes first: one of two copies must be durable before the other is touched.
func Apply(dev header.Device, plan header.Plan) error {
	if err := Settle(dev); err != nil {
		return err
	}
	return ApplySettled(dev, plan)
}

// Settle makes durable whatever was written to the device before.
func Settle(dev header.Device) error {
	if err := dev.Sync(); err != nil {
		return &WriteError{"what was written before", "sync", 0, err}
	}
	return nil
}

// ApplySettled is Apply where what was read is known to be durable.
func ApplySettled(dev header.Device, plan header.Plan) error {
	for _, w := range plan.Writes {
		if err := writeCopy(dev, w); err != nil {
			return err
		}
	}
	return nil
}

// writeCopy writes the JSON first and the binary header, with the checksum, last.
func writeCopy(dev header.Device, w header.Write) error {
	what := w.Place.String() + " header"
	return commit(dev, Area{what, w.Offset + luks2.BinarySize, w.Bytes[luks2.BinarySize:]}, Area{what, w.Offset, w.Bytes[:luks2.BinarySize]})
}

// Commit is WriteArea for what others go by: a locator, or a sector of a LUKS1 header. Where it cannot be
// made durable, what was there is put back.
func Commit(dev header.Device, what string, offset uint64, p []byte) error {
	return commit(dev, Area{what, offset, p})
}

// commit writes in order and syncs. Where the sync fails, and fails again, the bytes would read well, and
// whoever comes next would take them for durable: so the old ones are written over them.
func commit(dev header.Device, areas ...Area) error {
	old := make([]Area, 0, len(areas))
	for _, a := range areas {
		p := make([]byte, len(a.Bytes))
		if header.ReadFull(dev, p, a.Offset) == nil {
			old = append(old, Area{a.What, a.Offset, p})
		}
	}
	err := WriteAreas(dev, areas)
	if errors.Is(err, errInDoubt) {
		_ = writeAll(dev, old) // the error is the sync's
	}
	return err
}

// Salvage is for an error of any write, which it returns. After an ErrReadBack it puts c to both places again
// where no valid copy is left: a write that went elsewhere may have hit the head that was to hold. Both
// copies get fresh salts from random. A c without Metadata is none, and nothing is written.
func Salvage(dev header.Device, failed error, c luks2.Copy, random io.Reader) error {
	if !errors.Is(failed, ErrReadBack) || c.Metadata == nil {
		return failed
	}
	if _, err := header.Choose(header.Read(dev)); !errors.Is(err, header.ErrNoHeader) {
		return failed
	}
	plan, err := header.PlanFormat(c, random)
	if err != nil {
		return errors.Join(failed, err)
	}
	return errors.Join(failed, Apply(dev, plan))
}

// WriteArea writes p at offset (bytes), syncs and reads it back. What names it in errors.
func WriteArea(dev header.Device, what string, offset uint64, p []byte) error {
	return WriteAreas(dev, []Area{{what, offset, p}})
}

// Area is material to be written; What names it in errors.
type Area struct {
	What   string
	Offset uint64 // bytes
	Bytes  []byte
}

// WriteAreas writes all, syncs once, and reads all back. Where the sync fails, all is written and synced once
// more, since it reads well from then on; the error stands.
func WriteAreas(dev header.Device, areas []Area) error {
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
		return &WriteError{a.What, "read back", a.Offset, err}
	}
	if !bytes.Equal(got, a.Bytes) {
		return &WriteError{a.What, "read back", a.Offset, ErrReadBack}
	}
	return nil
}
