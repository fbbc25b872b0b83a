// SPDX-License-Identifier: Apache-2.0

package signature

import (
	"errors"
	"io"
	"slices"
	"sort"

	"github.com/orthrus-luks/orthrus/dm/extent"
)

const (
	chunkSize   = 64 << 10 // bytes read at once
	sectorSize  = 512      // the smallest piece tried after an error
	maxChunks   = 64       // kept; what the formats ask for stays below
	maxFailures = 64       // reads that may fail before the rest of a bad chunk is given up
)

// view reads a device in chunks, keeps them, and remembers what could not be read.
type view struct {
	reader   io.ReaderAt
	size     int64
	chunks   map[int64]*chunk
	failures int
	bad      []extent.Extent
	first    error
}

type chunk struct {
	bytes []byte          // up to the end of the device
	bad   []extent.Extent // absolute
}

// read returns n bytes at off, or nil if they are not all on the device or not all readable.
// The bytes belong to the view.
func (v *view) read(off int64, n int) record {
	if off < 0 || n <= 0 || off > v.size || int64(n) > v.size-off {
		return nil
	}
	base := extent.Down(off, chunkSize)
	if off+int64(n) > base+chunkSize {
		return v.join(off, n, base+chunkSize)
	}
	c := v.chunk(base)
	from := int(off - base)
	if from+n > len(c.bytes) || overlaps(c.bad, off, int64(n)) {
		return nil
	}
	return c.bytes[from : from+n]
}

// join reads across the boundary between two chunks.
func (v *view) join(off int64, n int, boundary int64) record {
	left := v.read(off, int(boundary-off))
	right := v.read(boundary, n-int(boundary-off))
	if left == nil || right == nil {
		return nil
	}
	return slices.Concat(left, right)
}

func (v *view) chunk(base int64) *chunk {
	if c := v.chunks[base]; c != nil {
		return c
	}
	if len(v.chunks) >= maxChunks {
		clear(v.chunks)
	}
	c := &chunk{bytes: make([]byte, min(chunkSize, v.size-base))}
	v.fill(c, c.bytes, base)
	v.chunks[base] = c
	return c
}

// fill reads p, and after an error each half of it, down to sectors.
func (v *view) fill(c *chunk, p []byte, off int64) {
	n, err := v.reader.ReadAt(p, off)
	if n == len(p) {
		return
	}
	if err == nil || errors.Is(err, io.EOF) {
		c.bytes = c.bytes[:len(c.bytes)-len(p)+n] // the device is shorter than was said
		return
	}
	v.failures++
	if len(p) <= sectorSize || v.failures > maxFailures {
		v.giveUp(c, extent.Extent{Offset: uint64(off), Size: uint64(len(p))}, err)
		return
	}
	half := extent.Up(len(p)/2, sectorSize)
	v.fill(c, p[:half], off)
	v.fill(c, p[half:], off+int64(half))
}

func (v *view) giveUp(c *chunk, r extent.Extent, err error) {
	c.bad = append(c.bad, r)
	if v.first == nil {
		v.first = err
	}
	if last := len(v.bad) - 1; last >= 0 && v.bad[last].End() == r.Offset {
		v.bad[last].Size += r.Size
	} else if len(v.bad) < maxFailures {
		v.bad = append(v.bad, r)
	}
}

func (v *view) err() error {
	if v.first == nil {
		return nil
	}
	sort.Slice(v.bad, func(i, j int) bool { return v.bad[i].Offset < v.bad[j].Offset })
	return &Unreadable{Ranges: v.bad, Err: v.first}
}

func overlaps(ranges []extent.Extent, off, n int64) bool {
	return slices.ContainsFunc(ranges, extent.Extent{Offset: uint64(off), Size: uint64(n)}.Overlaps)
}
