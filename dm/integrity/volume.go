// SPDX-License-Identifier: Apache-2.0

package integrity

import (
	"bytes"
	"context"
	"fmt"
	"io"

	"github.com/orthrus-luks/orthrus/dm/extent"
)

// Volume is a device whose tags can be computed. Its methods may be called by several goroutines.
type Volume struct {
	*Layout
	Data, Meta io.ReaderAt // the same without a metadata device
	Hash       *Algorithm
	Journal    *Replay // what the journal has that is newer; nil for nothing

	// Judge makes what holds a block against its tag, for one goroutine, where tags are not those of Hash, which is nil
	// then; else it is nil.
	Judge func() func(sector uint64, block, tag []byte) bool

	Discards bool // a tag of discarded blocks goes for a good one

	Workers  int              // 0: all processors
	Progress func(done int64) // bytes of data; may be nil
}

// NewVolume reads the journal and has the volume as the kernel would show it. What the superblock speaks of lies on
// the devices (CheckSize).
func (l *Layout) NewVolume(
	ctx context.Context, data, meta io.ReaderAt, keys JournalKeys, hash *Algorithm,
) (*Volume, error) {
	if err := hash.Check(); err != nil {
		return nil, err
	}
	if l.Flags&Inline != 0 {
		return nil, &FieldError{"flags", "inline", "the tags lie where only the kernel can read them"}
	}
	v := &Volume{Layout: l, Data: data, Meta: meta, Hash: hash}
	if l.Flags&DirtyBitmap != 0 {
		return v, nil
	}
	var err error
	v.Journal, err = l.ReadJournal(ctx, meta, keys, hash)
	return v, err
}

// discardFiller is each byte of the tag of a discarded block.
const discardFiller = 0xf6

// verdict is what can be said of a block.
type verdict uint8

const (
	good verdict = iota
	discarded
	unchecked // nobody claims that the tag is right
	mismatch
	unreadable
)

// reader reads blocks with their tags. It is used by one goroutine.
type reader struct {
	*Volume
	right func(sector uint64, block, tag []byte) bool
	tags  []byte
	bits  []byte
}

func (v *Volume) reader() *reader {
	if v.Judge != nil {
		return &reader{Volume: v, right: v.Judge()}
	}
	t := newTagger(&v.Superblock, v.Hash)
	return &reader{Volume: v, right: func(sector uint64, block, tag []byte) bool {
		return bytes.Equal(t.tag(sector, block), tag)
	}}
}

// read fills data from a sector on, which lies in one area with all of them, and judges every block. A block that
// cannot be read is zeros.
func (r *reader) read(sector uint64, data []byte, tell func(sector uint64, v verdict)) error {
	size := r.BlockSize()
	count := len(data) / size
	r.tags = append(r.tags[:0], make([]byte, count*int(r.TagSize))...)
	if n, err := r.Meta.ReadAt(r.tags, r.TagByte(sector)); n < len(r.tags) {
		if err == io.EOF {
			return fmt.Errorf("integrity: reading the tags of sector %d: %w", sector, io.ErrUnexpectedEOF)
		}
		for b := range count {
			tell(sector+uint64(b)<<r.Log2Block, unreadable)
		}
		return nil
	}
	bad := map[int]bool{}
	if n, err := r.Data.ReadAt(data, r.DataByte(sector)); n < len(data) {
		if err == io.EOF {
			return fmt.Errorf("integrity: reading sector %d: %w", sector, io.ErrUnexpectedEOF)
		}
		r.piecewise(sector, data, bad)
	}
	if err := r.Journal.overlay(sector, data, r.tags); err != nil {
		return err
	}
	dirty, err := r.dirtyFrom(sector, count)
	if err != nil {
		return err
	}
	for b := range count {
		first := sector + uint64(b)<<r.Log2Block
		if _, newer := r.newer(first); bad[b] && !newer {
			tell(first, unreadable)
			continue
		}
		tag := r.tags[b*int(r.TagSize):][:r.TagSize]
		tell(first, r.judge(first, data[b*size:(b+1)*size], tag, dirty(first)))
	}
	return nil
}

func (r *reader) newer(sector uint64) (place, bool) {
	if r.Journal == nil {
		return place{}, false
	}
	p, found := r.Journal.entries[sector]
	return p, found
}

func (r *reader) judge(sector uint64, block, tag []byte, dirty bool) verdict {
	switch {
	case dirty || r.Flags&Recalculating != 0 && sector >= r.Recalculated:
		return unchecked
	case r.right(sector, block, tag):
		return good
	case r.Discards && bytes.Count(tag, []byte{discardFiller}) == len(tag):
		return discarded
	}
	return mismatch
}

// piecewise reads what can be read of blocks of which some cannot.
func (r *reader) piecewise(sector uint64, data []byte, bad map[int]bool) {
	size := r.BlockSize()
	for b := range len(data) / size {
		block := data[b*size : (b+1)*size]
		if n, _ := r.Data.ReadAt(block, r.DataByte(sector)+int64(b*size)); n < size {
			clear(block)
			bad[b] = true
		}
	}
}

// dirtyFrom tells which blocks the bitmap has as not in step with their tags.
func (r *reader) dirtyFrom(sector uint64, count int) (func(sector uint64) bool, error) {
	if r.Flags&DirtyBitmap == 0 {
		return func(uint64) bool { return false }, nil
	}
	bitOf := func(sector uint64) uint64 { return sector >> r.Log2Block >> min(r.Log2BlocksPerBit, 63) }
	from := extent.Down(bitOf(sector), 8)
	to := bitOf(sector+uint64(count-1)<<r.Log2Block)/8 + 1
	r.bits = append(r.bits[:0], make([]byte, to-from/8)...)
	if n, err := r.Meta.ReadAt(r.bits, r.JournalByte()+int64(from/8)); n < len(r.bits) {
		return nil, fmt.Errorf("integrity: reading the bitmap: %w", err)
	}
	return func(sector uint64) bool {
		bit := bitOf(sector) - from
		return r.bits[bit/8]>>(bit%8)&1 != 0
	}, nil
}

// Size is the volume's length in bytes.
func (v *Volume) Size() int64 { return int64(v.ProvidedSectors) * SectorSize }

// ReadAt reads data whose tags are right, or which nobody claims to have tags (see Report.Unchecked). A
// *CorruptError names the first sector whose tag is wrong.
func (v *Volume) ReadAt(p []byte, off int64) (n int, err error) {
	r := v.reader()
	size := int64(v.BlockSize())
	for n < len(p) {
		at := off + int64(n)
		if at >= v.Size() {
			return n, io.EOF
		}
		first := extent.Down(at, size)
		sector := uint64(first) / SectorSize
		length := min(extent.Up(int64(len(p)-n)+at-first, size), int64(v.untilArea(sector))*SectorSize, unitBytes)
		data := make([]byte, length)
		var bad error
		err := r.read(sector, data, func(sector uint64, found verdict) {
			if bad == nil && (found == mismatch || found == unreadable) {
				bad = &CorruptError{sector}
			}
		})
		if err != nil {
			return n, err
		}
		if bad != nil {
			return n, bad
		}
		n += copy(p[n:], data[at-first:])
	}
	return n, nil
}
