// SPDX-License-Identifier: Apache-2.0

package header

import (
	"errors"
	"io"

	"github.com/orthrus-luks/orthrus/luks/luks2"
)

// Place names one of the two copies.
type Place int

// The two places; the secondary lies at hdr_size.
const (
	Primary Place = iota
	Secondary
)

func (p Place) String() string {
	if p == Primary {
		return "primary"
	}
	return "secondary"
}

func (p Place) other() Place { return Secondary - p }

// State classifies a copy as it was found.
type State int

// The states. A valid copy that is older than the other one is still Valid here: which of two
// wins is Choose's business.
const (
	Absent     State = iota // nothing there bears the magic
	Damaged                 // the magic is there, but something behind it is wrong: Found.Err
	Unreadable              // the device returned an error: not the same as absent
	Valid
)

func (s State) String() string {
	return [...]string{"absent", "damaged", "unreadable", "valid"}[s]
}

// Found is one copy as it was found on the device.
type Found struct {
	Place  Place
	Offset uint64 // bytes
	State  State
	Err    error      // why the copy is not valid; a *luks2.DamageError or the device's error
	Copy   luks2.Copy // what could be decoded; whole where State is Valid
	// Titled tells that the binary header was read and is a LUKS2 one: its fields are in Copy.Header, with no
	// checksum to vouch for them unless State is Valid.
	Titled bool
	title  []byte // the bytes that hold the binary header's fields, where Titled
}

// Heads is what Read found.
type Heads struct {
	Primary, Secondary Found
	// Passed could not be read where a secondary may lie, before the place of the one that was found.
	Passed     Found
	DeviceSize uint64 // bytes
}

// At returns the copy at that place.
func (h Heads) At(p Place) Found {
	if p == Primary {
		return h.Primary
	}
	return h.Secondary
}

// Read looks at both copies. It writes nothing, and no read error of one copy keeps it from the
// other: errors are part of the result. Where the primary is in order, the secondary is looked for
// at its hdr_size only; otherwise at each of the nine possible offsets, lowest first.
func Read(dev Device) Heads {
	h := Heads{DeviceSize: uint64(max(dev.Size(), 0))}
	h.Primary = readCopy(dev, 0)
	if sized(h.Primary) {
		h.Secondary = readCopy(dev, h.Primary.Copy.Header.Size)
		return h
	}
	h.Secondary, h.Passed = searchSecondary(dev)
	return h
}

// sized: the header's own size can be believed, since its checksum held (the JSON may still break
// a rule).
func sized(f Found) bool {
	return f.State == Valid || errors.Is(f.Err, luks2.ErrJSON) || errors.Is(f.Err, luks2.ErrRule)
}

// searchSecondary returns the first valid secondary, or else the most telling of the others: a
// damaged one before an unreadable one before none. passed is an unreadable one before a valid one: heads that
// become smaller leave the newer secondary before the older one for a moment.
func searchSecondary(dev Device) (best, passed Found) {
	best = Found{Place: Secondary, Offset: luks2.MinSize, State: Absent, Err: luks2.ErrMagic}
	for _, offset := range luks2.Sizes() {
		f := readCopy(dev, offset)
		if f.State == Valid {
			return f, passed
		}
		if f.State == Unreadable && passed.State != Unreadable {
			passed = f
		}
		if telling(f.State) > telling(best.State) {
			best = f
		}
	}
	return best, Found{}
}

func telling(s State) int {
	return map[State]int{Absent: 0, Unreadable: 1, Damaged: 2, Valid: 3}[s]
}

// readCopy reads and decodes the copy that lies at offset, 0 for the primary.
func readCopy(dev io.ReaderAt, offset uint64) Found {
	f := Found{Place: Primary, Offset: offset}
	if offset != 0 {
		f.Place = Secondary
	}
	p := make([]byte, luks2.BinarySize)
	if err := ReadFull(dev, p, offset); err != nil {
		f.readTitle(dev)
		return f.failed(err)
	}
	if err := f.decodeTitle(p[:titleSize:titleSize]); err != nil {
		return f.failed(err)
	}
	p = append(p, make([]byte, f.Copy.Header.Size-luks2.BinarySize)...)
	if err := ReadFull(dev, p[luks2.BinarySize:], offset+luks2.BinarySize); err != nil {
		return f.failed(err)
	}
	var err error
	f.Copy, err = luks2.Decode(p, offset)
	if err != nil {
		return f.failed(err)
	}
	f.State = Valid
	return f
}

func (f *Found) decodeTitle(title []byte) error {
	h, err := luks2.DecodeHeader(title, f.Offset)
	f.Copy.Header = h
	if err == nil {
		f.Titled, f.title = true, title
	}
	return err
}

// readTitle reads the first sector alone, which holds all fields, where one of the others is bad.
func (f *Found) readTitle(dev io.ReaderAt) {
	p := make([]byte, titleSize)
	if ReadFull(dev, p, f.Offset) != nil {
		return
	}
	_ = f.decodeTitle(p) // what is no title is none
}

// titleSize is the smallest unit a disk reads: it holds every field of a binary header, bytes.
const titleSize = 512

// failed classifies the error. A device that ends before the copy does has no copy there.
func (f Found) failed(err error) Found {
	f.Err = err
	var damage *luks2.DamageError
	switch {
	case errors.Is(err, luks2.ErrMagic), errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF):
		f.State = Absent
	case errors.As(err, &damage):
		f.State = Damaged
	default:
		f.State = Unreadable
	}
	return f
}

// ReadFull reads all of p at offset (bytes). The error is io.ErrUnexpectedEOF where the device ends before.
func ReadFull(dev io.ReaderAt, p []byte, offset uint64) error {
	n, err := dev.ReadAt(p, int64(offset))
	switch {
	case n == len(p):
		return nil
	case err == nil:
		return io.ErrUnexpectedEOF
	}
	return err
}
