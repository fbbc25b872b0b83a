// SPDX-License-Identifier: Apache-2.0

package verity

import (
	"errors"
	"fmt"
	"io"

	"github.com/orthrus-luks/orthrus/dm/verity/rs"
)

// FEC is the parity of an image.
type FEC struct {
	Device io.ReaderAt // may be Hash or Data
	Offset int64       // of the parity, bytes
	Roots  int         // parity bytes in a codeword: 2 to 24
	// Limit is where the part of the hash device ends that has parity, in bytes: Offset where the parity lies on the
	// hash device, else the hash device's size. Bytes beyond the last whole block have none.
	Limit int64
}

// Layout is where the message of the code and its parity lie.
type Layout struct {
	Blocks uint64 // of the message: data, tree, and what lies behind the tree
	Rounds uint64 // blocks of a column
	Parity int64  // bytes; Rounds · Roots blocks
}

// Layout returns the geometry of the parity.
func (im *Image) Layout() (*Layout, error) {
	if err := im.Check(); err != nil {
		return nil, err
	}
	f := im.FEC
	if _, err := rs.New(f.Roots); err != nil {
		return nil, &FieldError{"parity bytes", f.Roots, "a codeword has 2 to 24"}
	}
	if im.DataBlockSize != im.HashBlockSize {
		return nil, &FieldError{"data block size", im.DataBlockSize, "with parity it is that of hash blocks"}
	}
	if f.Offset < 0 || f.Offset%512 != 0 {
		return nil, &FieldError{"parity offset", f.Offset, "it is a multiple of 512"}
	}
	size := uint64(im.DataBlockSize)
	end := uint64(max(f.Limit, 0)) / size
	if im.DataBlocks == 1 { // no tree: the hash device may end with the superblock
		end = max(end, im.FirstBlock)
	}
	if end < im.FirstBlock {
		return nil, &FieldError{"limit of the parity", f.Limit, "it lies before the tree"}
	}
	l := &Layout{Blocks: im.DataBlocks + end - im.FirstBlock}
	columns := uint64(rs.Columns - f.Roots)
	l.Rounds = (l.Blocks + columns - 1) / columns
	l.Parity = int64(l.Rounds) * int64(size) * int64(f.Roots)
	return l, nil
}

// message reads what the code covers as one row of bytes, followed by zeros.
type message struct {
	data, hash io.ReaderAt
	dataSize   int64
	tree       int64 // where the tree begins on the hash device, bytes
	size       int64 // bytes of the message
}

func (im *Image) message(l *Layout) *message {
	size := int64(im.DataBlockSize)
	return &message{im.Data, im.Hash, im.DataSize(), int64(im.FirstBlock) * size, int64(l.Blocks) * size}
}

// read fills p with the message from off on. Zeros tells that it is known to hold zeros only.
func (m *message) read(p []byte, off int64) (zeros bool, err error) {
	if off >= m.size {
		clear(p)
		return true, nil
	}
	if over := off + int64(len(p)) - m.size; over > 0 {
		clear(p[int64(len(p))-over:])
		p = p[:int64(len(p))-over]
	}
	if off < m.dataSize {
		n := min(int64(len(p)), m.dataSize-off)
		if zeros, err = m.readData(p[:n], off); err != nil {
			return false, err
		}
		if p = p[n:]; len(p) == 0 {
			return zeros, nil
		}
		off += n
	}
	at := off - m.dataSize + m.tree
	if err := readFull(m.hash, p, at); err != nil {
		return false, &readError{"hash", at, len(p), err}
	}
	return false, nil
}

// readData takes what lies behind the end of data that were cut short for zeros, as errors at known places: what is
// repaired from them has to have the digests of the tree.
func (m *message) readData(p []byte, off int64) (zeros bool, err error) {
	l := layer{from: m.data, size: 1}
	zeros, err = l.read(p, uint64(off))
	if errors.Is(err, io.ErrUnexpectedEOF) {
		n, _ := m.data.ReadAt(p, off) // the error is that of before
		clear(p[n:])
		return false, nil
	}
	if err != nil {
		return false, &readError{"data", off, len(p), err}
	}
	return zeros, nil
}

// readError says what of an image could not be read.
type readError struct {
	device string
	offset int64
	size   int
	err    error
}

func (e *readError) Error() string {
	return fmt.Sprintf("verity: reading %d bytes of the %s device at byte %d: %v", e.size, e.device, e.offset, e.err)
}

func (e *readError) Unwrap() error { return e.err }
