// SPDX-License-Identifier: Apache-2.0

package repair

import (
	"bytes"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"slices"

	"github.com/orthrus-luks/orthrus/dm/extent"
	"github.com/orthrus-luks/orthrus/luks/commit"
	"github.com/orthrus-luks/orthrus/luks/header"
	"github.com/orthrus-luks/orthrus/luks/sealed"
)

// The errors of going back.
var (
	ErrUndoFormat = errors.New("not an undo copy, or a damaged one")
	ErrMovedOn    = errors.New("the device no longer holds what the repair wrote")
)

// MaxUndo bounds an undo copy, bytes: two copies of the largest size and their description.
const MaxUndo = 16 << 20

var undoMagic = sealed.Magic([]byte("orthrus undo 1\n\x00"))

// Undo is what one repair overwrote.
type Undo struct {
	Device     string  `json:"device"` // path at the time, for people
	UUID       string  `json:"uuid"`
	SeqID      uint64  `json:"seqid"`
	DeviceSize uint64  `json:"device_size"` // bytes
	Time       string  `json:"time"`        // RFC 3339
	Ranges     []Range `json:"ranges"`
}

// Range is one range that was overwritten.
type Range struct {
	What       string          `json:"what"`
	Why        string          `json:"why"`
	Offset     uint64          `json:"offset"` // bytes
	Length     uint64          `json:"length"` // bytes
	After      []byte          `json:"written_sha256"`
	Unreadable []extent.Extent `json:"unreadable,omitempty"` // their bytes are kept as zeros
	Before     []byte          `json:"-"`
}

// Reader reads past sectors that cannot be read: their bytes become zeros and bad is told.
type Reader interface {
	ReadAround(p []byte, off int64, bad func(off, length int64, err error)) (int, error)
}

// Keep reads what the plan would overwrite.
func (p Plan) Keep(dev Reader) ([]Range, error) {
	var list []Range
	for _, w := range p.Writes[:len(p.Writes)-p.left] {
		sum := sha256.Sum256(w.Bytes)
		r := Range{
			What: w.What, Why: w.Why, Offset: w.Offset, Length: uint64(len(w.Bytes)), After: sum[:],
			Before: make([]byte, len(w.Bytes)),
		}
		n, err := dev.ReadAround(r.Before, int64(w.Offset), func(off, length int64, _ error) {
			r.Unreadable = append(r.Unreadable, extent.Extent{Offset: uint64(off), Size: uint64(length)})
		})
		if n < len(r.Before) {
			return nil, fmt.Errorf("%s at byte %d: %w", w.What, w.Offset, errors.Join(err, io.ErrUnexpectedEOF))
		}
		list = append(list, r)
	}
	return list, nil
}

// Encode is the file's contents.
func (u Undo) Encode() ([]byte, error) {
	var before [][]byte
	for _, r := range u.Ranges {
		before = append(before, r.Before)
	}
	return sealed.Encode(undoMagic, u, before...)
}

// DecodeUndo reads a file's contents; the error is ErrUndoFormat.
func DecodeUndo(p []byte) (Undo, error) {
	var u Undo
	body, err := sealed.Decode(undoMagic, p, &u)
	if err != nil {
		return Undo{}, ErrUndoFormat
	}
	for i := range u.Ranges {
		r := &u.Ranges[i]
		if r.Length > uint64(len(body)) || len(r.After) != sha256.Size || r.Offset+r.Length > u.DeviceSize ||
			r.Offset+r.Length < r.Offset {
			return Undo{}, fmt.Errorf("%w: range %d", ErrUndoFormat, i)
		}
		r.Before, body = body[:r.Length], body[r.Length:]
	}
	return u, nil
}

// Check holds where the device still shows what the repair wrote: its size, and every byte of every
// range. The error is ErrMovedOn, or that of reading.
func (u Undo) Check(dev header.Device) error {
	if uint64(max(dev.Size(), 0)) != u.DeviceSize {
		return fmt.Errorf("%w: %d bytes long, %d then", ErrMovedOn, dev.Size(), u.DeviceSize)
	}
	for _, r := range u.Ranges {
		p := make([]byte, r.Length)
		if n, err := dev.ReadAt(p, int64(r.Offset)); n < len(p) {
			return fmt.Errorf("%s at byte %d: %w", r.What, r.Offset, err)
		}
		if sum := sha256.Sum256(p); !bytes.Equal(sum[:], r.After) {
			return fmt.Errorf("%w: %s at byte %d", ErrMovedOn, r.What, r.Offset)
		}
	}
	return nil
}

// Revert puts back what was overwritten, the last range first. Check comes before it, under the
// same lock.
func (u Undo) Revert(dev header.Device) error {
	areas := make([]commit.Area, 0, len(u.Ranges))
	for _, r := range slices.Backward(u.Ranges) {
		areas = append(areas, commit.Area{What: r.What, Offset: r.Offset, Bytes: r.Before})
	}
	return commit.Apply(dev, commit.Restoring(areas))
}
