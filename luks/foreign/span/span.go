// SPDX-License-Identifier: Apache-2.0

// Package span reads a range of a device whose sectors of 512 bytes are decrypted each by its number: what the formats
// of others have where their data lies in one piece.
package span

import (
	"errors"
	"io"

	"github.com/orthrus-luks/orthrus/luks/header"
	"github.com/orthrus-luks/orthrus/luks/sector"
)

// Unit is a sector, bytes.
const Unit = sector.MinSize

// Segment is where the data lies, in sectors of 512 bytes.
type Segment struct {
	Offset   uint64 // on the device
	IVOffset uint64 // by which vectors count
	Length   uint64
}

// Reader reads the data in user space. It is an io.ReaderAt that several goroutines may use.
type Reader struct {
	Device  io.ReaderAt
	Segment Segment
	Decrypt func(buf []byte, number uint64) error // whole sectors, the first of which has that number
}

// Size is the length of the data in bytes.
func (r *Reader) Size() int64 { return int64(r.Segment.Length) * Unit }

// window is how much is decrypted at a time, bytes.
const window = 64 << 10

// ReadAt decrypts len(b) bytes from offset off. Errors are the device's and those of Decrypt.
func (r *Reader) ReadAt(b []byte, off int64) (n int, err error) {
	if off < 0 || off >= r.Size() {
		return 0, io.EOF
	}
	if rest := r.Size() - off; int64(len(b)) > rest {
		b, err = b[:rest], io.EOF
	}
	for n < len(b) {
		m, err := r.readSome(b[n:], uint64(off)+uint64(n))
		if err != nil {
			return n, err
		}
		n += m
	}
	return n, err
}

// readSome reads as much as one window gives.
func (r *Reader) readSome(b []byte, at uint64) (int, error) {
	first := at / Unit
	last := (at + min(uint64(len(b)), window) + Unit - 1) / Unit
	buf := make([]byte, (last-first)*Unit)
	if err := header.ReadFull(r.Device, buf, (r.Segment.Offset+first)*Unit); err != nil {
		if errors.Is(err, io.EOF) {
			err = io.ErrUnexpectedEOF
		}
		return 0, err
	}
	if err := r.Decrypt(buf, r.Segment.IVOffset+first); err != nil {
		return 0, err
	}
	return copy(b, buf[at-first*Unit:]), nil
}
