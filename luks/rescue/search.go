// SPDX-License-Identifier: Apache-2.0

package rescue

import (
	"context"
	"encoding/binary"
	"errors"
	"io"

	"github.com/orthrus-luks/orthrus/dm/extent"
)

const (
	chunk     = 1 << 20 // bytes read at once
	maxPieces = 1024    // these three bound what a hostile disk can cost
	maxText   = 64 << 20
	maxSpent  = 1 << 30 // bytes read again to examine candidates, beyond the size of the device
	maxRanges = 64      // unreadable ranges that are named
)

// Result is what a search found.
type Result struct {
	Finds      []Find          // the most promising one first
	Unreadable []extent.Extent // at most 64
	Skipped    int64           // bytes that could not be read
	Truncated  bool            // there was more than is listed
}

// arounder reads past sectors that cannot be read, as block.Device does.
type arounder interface {
	ReadAround(p []byte, off int64, bad func(off, length int64, err error)) (int, error)
}

// Search looks at every sector of src, size bytes long, for what is left of LUKS headers. Places
// that cannot be read are skipped and reported. progress, which may be nil, hears after each
// mebibyte how many bytes are done. The error is that of ctx.
func Search(ctx context.Context, src io.ReaderAt, size int64, progress func(done int64)) (Result, error) {
	s := search{src: src, size: size}
	buffer := make([]byte, chunk)
	for at := int64(0); at < size; at += chunk {
		if err := ctx.Err(); err != nil {
			return Result{}, err
		}
		p := buffer[:min(chunk, size-at)]
		s.read(p, at)
		s.scan(p, at)
		if progress != nil {
			progress(at + int64(len(p)))
		}
	}
	s.result.Finds = s.assemble()
	return s.result, nil
}

type search struct {
	src    io.ReaderAt
	size   int64
	pieces []piece
	texts  int   // bytes of metadata that the pieces hold
	spent  int64 // bytes read again
	result Result
}

// afford tells whether n more bytes may be read for one candidate. A disk full of forged heads
// would otherwise take the square of its size.
func (s *search) afford(n int64) bool {
	if s.spent += n; s.spent > s.size+maxSpent {
		s.result.Truncated = true
		return false
	}
	return true
}

// read fills p as far as it can; the rest is zeros.
func (s *search) read(p []byte, at int64) {
	readAround(s.src, p, at, func(off, length int64) {
		s.result.Skipped += length
		if len(s.result.Unreadable) < maxRanges {
			s.result.Unreadable = append(s.result.Unreadable, extent.Extent{Offset: uint64(off), Size: uint64(length)})
		}
	})
}

// scan looks at the start of each sector. What it lets through is rare, and examined by itself.
func (s *search) scan(p []byte, base int64) {
	for at := 0; at+sectorSize <= len(p); at += sectorSize {
		first := binary.BigEndian.Uint64(p[at:])
		switch version := uint16(first); {
		case version == 1 || version == 2:
			s.examineHead(p[at:at+sectorSize], base+int64(at))
		case first>>48 == '{'<<8|'"':
			if ResemblesMetadata(p[at : at+sectorSize]) {
				s.examineText(base + int64(at))
			}
		}
	}
}

// readAround reads past bad sectors: by the source's own means, else by halving.
func readAround(src io.ReaderAt, p []byte, at int64, bad func(off, length int64)) {
	if a, ok := src.(arounder); ok {
		n, _ := a.ReadAround(p, at, func(off, length int64, _ error) { bad(off, length) })
		clear(p[n:])
		return
	}
	n, err := src.ReadAt(p, at)
	switch {
	case n == len(p):
		return
	case errors.Is(err, io.EOF):
		clear(p[n:])
		return
	case len(p) <= sectorSize:
		clear(p)
		bad(at, int64(len(p)))
		return
	}
	half := max(len(p)/2/sectorSize, 1) * sectorSize
	readAround(src, p[:half], at, bad)
	readAround(src, p[half:], at+int64(half), bad)
}

// whole reads exactly n bytes, or nothing.
func (s *search) whole(at int64, n uint64) []byte {
	if at < 0 || n > uint64(s.size) || uint64(at) > uint64(s.size)-n {
		return nil
	}
	p := make([]byte, n)
	if got, _ := s.src.ReadAt(p, at); got < len(p) {
		return nil
	}
	return p
}
