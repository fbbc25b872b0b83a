// SPDX-License-Identifier: Apache-2.0

package verity

import (
	"errors"
	"io"
)

// Image is data with its tree, and parity where there is some.
type Image struct {
	Params
	Data       io.ReaderAt // only its first DataBlocks blocks are looked at; see Sparse
	Hash       io.ReaderAt // may be the same as Data
	FirstBlock uint64      // where the tree begins, in hash blocks from the start of Hash
	FEC        *FEC        // or nil

	// Former is an earlier version, for Build; or nil.
	Former *Former
	// Hashed is how many data blocks have their digests in Hash already, from a Build of the same data that was
	// interrupted. Reached is told that number as it grows, one call at a time; or nil.
	Hashed  uint64
	Reached func(blocks uint64)

	Workers  int              // 0: as many as there are processors
	Progress func(done int64) // called with the bytes that have been worked on, one call at a time; or nil
}

// Storage can be read and written.
type Storage interface {
	io.ReaderAt
	io.WriterAt
}

// Sparse is implemented by data that know where they hold zeros only, such as a file with holes.
type Sparse interface {
	// NextData returns the lowest offset from off on where there may be something else, or the data's size where there
	// is none: nothing lies behind that, zeros neither.
	NextData(off int64) (int64, error)
}

// layer is a row of blocks of one size that are hashed: the data, or a level of the tree.
type layer struct {
	from   io.ReaderAt
	offset int64 // bytes
	size   int   // of a block, bytes
	blocks uint64
}

// layers returns the data and all levels of the tree. The digests of one are the blocks of the next; that of the
// last, which has one block, is the root hash.
func (im *Image) layers(t *Tree) []layer {
	all := []layer{{im.Data, 0, int(im.DataBlockSize), im.DataBlocks}}
	size := int64(im.HashBlockSize)
	for _, level := range t.Levels {
		all = append(all, layer{im.Hash, int64(im.FirstBlock+level.Start) * size, int(size), level.Blocks})
	}
	return all
}

func (l *layer) at(block uint64) int64 { return l.offset + int64(block)*int64(l.size) }

// unitSize is how much is read at once, where blocks are not larger: it stays in a processor's cache.
const unitSize = 256 << 10 // bytes

// unit is how many blocks are worked on at once, a power of two.
func (l *layer) unit() uint64 { return uint64(max(1, unitSize/l.size)) }

func (l *layer) units() uint64 { return (l.blocks + l.unit() - 1) / l.unit() }

// span returns the blocks of a unit.
func (l *layer) span(unit uint64) (first, n uint64) {
	first = unit * l.unit()
	return first, min(l.unit(), l.blocks-first)
}

// read fills buffer with whole blocks. Zeros tells that all of them are zeros, without looking at each.
func (l *layer) read(buffer []byte, first uint64) (zeros bool, err error) {
	off := l.at(first)
	if sparse, ok := l.from.(Sparse); ok {
		next, err := sparse.NextData(off)
		if err == nil && next >= off+int64(len(buffer)) {
			clear(buffer)
			return true, nil
		}
	}
	return false, readFull(l.from, buffer, off)
}

// readFull takes a short read for an error, and a full one for none.
func readFull(from io.ReaderAt, p []byte, off int64) error {
	n, err := from.ReadAt(p, off)
	switch {
	case n == len(p):
		return nil
	case err == nil || errors.Is(err, io.EOF):
		return io.ErrUnexpectedEOF
	}
	return err
}
