// SPDX-License-Identifier: Apache-2.0

package disk

import (
	"io"
	"maps"
	"math/bits"
	"syscall"
)

// Image is the contents of a device at one instant. It is immutable, cheap to derive from another
// one, and safe for use by several goroutines.
type Image struct {
	table  table // every sector of the device
	length int64 // of the table, sectors
	sum    Sum   // of table
	runs   []Run // over the table, later ones over earlier ones
	bad    map[int64]bool
	// hidden is how many sectors at the table's end lie behind the device's: it was cut, or is going to
	// grow.
	hidden int64
}

// NewImage makes an image of the bytes, filled up to a whole sector with zeros.
func NewImage(content []byte) *Image {
	m := &Image{length: int64(len(content)+SectorSize-1) / SectorSize}
	var d draft
	for number := range m.length {
		rest := content[number*SectorSize:]
		s := newSector(number, rest[:min(len(rest), SectorSize)])
		d.set(number, s)
		m.sum = m.sum.plus(s.sum)
	}
	m.table = d.table
	return m
}

// Size returns the length of the device in bytes.
func (m *Image) Size() int64 { return m.Sectors() * SectorSize }

// Sectors returns the length of the device in sectors.
func (m *Image) Sectors() int64 { return m.length - m.hidden }

// Capacity is the length up to which the device can grow, in bytes.
func (m *Image) Capacity() int64 { return m.length * SectorSize }

// WithCapacity returns the image of a device that can grow to that many bytes, with zeros there.
func (m *Image) WithCapacity(size int64) *Image {
	n := m.flat()
	d := n.table.draft()
	for ; n.length*SectorSize < size; n.length++ {
		s := newSector(n.length, nil)
		d.set(n.length, s)
		n.sum, n.hidden = n.sum.plus(s.sum), n.hidden+1
	}
	n.table = d.table
	return n
}

// Sized returns the device as size bytes of it, of at most Capacity. What is cut off comes back with a
// later growth: Cleared forgets it.
func (m *Image) Sized(size int64) *Image {
	n := *m
	n.hidden = m.length - size/SectorSize
	return &n
}

// Cleared returns the image with zeros for all that lies behind the device's end.
func (m *Image) Cleared() *Image {
	n := *m
	n.hidden = 0
	length := m.Capacity() - m.Size()
	if length == 0 {
		return m
	}
	n = *n.WithBytes(make([]byte, length), m.Size()).flat()
	n.hidden = m.hidden
	return &n
}

// With returns the image with runs written over it in their order. It keeps the slice. Sectors
// that are written can be read again even if they could not before.
func (m *Image) With(runs ...Run) *Image {
	n := *m
	if len(m.runs) > 0 {
		n = *m.flat()
	}
	n.runs = runs
	n.bad = m.cured(runs)
	return &n
}

// cured returns the unreadable sectors that no run writes.
func (m *Image) cured(runs []Run) map[int64]bool {
	if len(m.bad) == 0 {
		return nil
	}
	bad := maps.Clone(m.bad)
	maps.DeleteFunc(bad, func(number int64, _ bool) bool {
		for _, r := range runs {
			if r.at(number) != nil {
				return true
			}
		}
		return false
	})
	return bad
}

// WithUnreadable returns the image with sectors that give EIO when read.
func (m *Image) WithUnreadable(numbers ...int64) *Image {
	n := *m
	n.bad = maps.Clone(m.bad)
	if n.bad == nil {
		n.bad = make(map[int64]bool, len(numbers))
	}
	for _, number := range numbers {
		n.bad[number] = true
	}
	return &n
}

// WithBytes returns the image with p at offset, which need not be aligned.
func (m *Image) WithBytes(p []byte, offset int64) *Image { return m.With(m.row(p, offset)) }

// WithBitFlipped returns the image with one bit inverted; bits count from the device's start.
func (m *Image) WithBitFlipped(bit int64) *Image {
	at := bit / 8
	b := []byte{m.sector(at / SectorSize).data[at%SectorSize] ^ 1<<(bit%8)}
	return m.WithBytes(b, at)
}

// Unreadable tells whether a sector of the image cannot be read.
func (m *Image) Unreadable() bool { return len(m.bad) > 0 }

// Resized returns the image cut, or grown by zeros, to size bytes.
func (m *Image) Resized(size int64) *Image {
	content := make([]byte, size)
	_, _ = m.raw(content, 0) // a short read leaves zeros, which is what growth reads as
	n := NewImage(content)
	n.bad = m.bad
	return n
}

// flat returns an equal image without runs.
func (m *Image) flat() *Image {
	n := &Image{table: m.draft().table, length: m.length, sum: m.Sum(), bad: m.bad, hidden: m.hidden}
	n.sum = n.sum.minus(badSum(m.bad)).minus(hiddenSum(m.hidden))
	return n
}

// draft returns the sectors with the runs laid over them, to be changed.
func (m *Image) draft() draft {
	d := m.table.draft()
	for _, r := range m.runs {
		d.lay(r)
	}
	return d
}

func (m *Image) sector(number int64) *Sector {
	for i := len(m.runs) - 1; i >= 0; i-- {
		if s := m.runs[i].at(number); s != nil {
			return s
		}
	}
	return m.table.at(number)
}

// row makes the run that writes p at offset: the sectors p covers, their other bytes as they are.
func (m *Image) row(p []byte, offset int64) Run {
	return makeRow(p, offset, m.sector)
}

func makeRow(p []byte, offset int64, now func(int64) *Sector) Run {
	first := offset / SectorSize
	last := (offset + int64(len(p)) - 1) / SectorSize
	run := Run{First: first, Sectors: make([]*Sector, 0, last-first+1)}
	for number := first; number <= last; number++ {
		data := now(number).data
		start := number*SectorSize - offset // of the sector, within p
		if start < 0 {
			copy(data[-start:], p)
		} else {
			copy(data[:], p[start:])
		}
		run.Sectors = append(run.Sectors, newSector(number, data[:]))
	}
	return run
}

// ReadAt reads as from a device: io.EOF at its end, EIO where a sector cannot be read.
func (m *Image) ReadAt(p []byte, offset int64) (int, error) {
	for number := range m.bad {
		if (Range{number * SectorSize, SectorSize}).Overlaps(Range{offset, int64(len(p))}) {
			return 0, syscall.EIO
		}
	}
	return m.raw(p, offset)
}

func (m *Image) raw(p []byte, offset int64) (int, error) {
	return readSectors(p, offset, m.Size(), m.sector)
}

func readSectors(p []byte, offset, size int64, sector func(int64) *Sector) (int, error) {
	if offset < 0 {
		return 0, syscall.EINVAL
	}
	n := 0
	for n < len(p) && offset+int64(n) < size {
		at := offset + int64(n)
		n += copy(p[n:], sector(at / SectorSize).data[at%SectorSize:])
	}
	if n < len(p) {
		return n, io.EOF
	}
	return n, nil
}

// Bytes returns the whole contents; unreadable sectors too.
func (m *Image) Bytes() []byte {
	content := make([]byte, m.Size())
	_, _ = m.raw(content, 0)
	return content
}

// Sum identifies the contents and the unreadable sectors.
func (m *Image) Sum() Sum {
	sum := m.sum.plus(badSum(m.bad)).plus(hiddenSum(m.hidden))
	for i, r := range m.runs {
		sum = sum.plus(m.gain(r, i+1))
	}
	return sum
}

// SumOf identifies the contents of the sectors that the range touches.
func (m *Image) SumOf(r Range) Sum {
	var sum Sum
	for number := r.Offset / SectorSize; number*SectorSize < r.End() && number < m.Sectors(); number++ {
		sum = sum.plus(m.sector(number).sum)
		if m.bad[number] {
			sum = sum.plus(badSum(map[int64]bool{number: true}))
		}
	}
	return sum
}

// SumOfAll identifies the contents of several ranges.
func (m *Image) SumOfAll(list []Range) Sum {
	var sum Sum
	for i, r := range list {
		part := m.SumOf(r).plus(hiddenSum(m.hidden))
		sum = sum.plus(Sum{spread(part.A, int64(i)), spread(part.B, int64(i))})
	}
	return sum
}

// Alike counts the sectors in the range that are the same in both images, zeros not counted.
func (m *Image) Alike(o *Image, r Range) int {
	n := 0
	for number := r.Offset / SectorSize; number*SectorSize < r.End() &&
		number < min(m.Sectors(), o.Sectors()); number++ {
		s := m.sector(number)
		if s.sum == o.sector(number).sum && s.data != [SectorSize]byte{} {
			n++
		}
	}
	return n
}

// gain is what the run changes in the sum of the table, where no later run lies over it.
func (m *Image) gain(r Run, later int) Sum {
	var sum Sum
	for i, s := range r.Sectors {
		number := r.First + int64(i)
		if s == nil || m.covered(number, later) {
			continue
		}
		sum = sum.plus(s.sum).minus(m.table.at(number).sum)
	}
	return sum
}

func (m *Image) covered(number int64, later int) bool {
	for _, r := range m.runs[later:] {
		if r.at(number) != nil {
			return true
		}
	}
	return false
}

// hiddenSum tells devices of different sizes apart.
func hiddenSum(hidden int64) Sum {
	if hidden == 0 {
		return Sum{}
	}
	h := spread(^uint64(1), hidden)
	return Sum{h, bits.Reverse64(h)}
}

func badSum(bad map[int64]bool) Sum {
	var sum Sum
	for number := range bad {
		h := spread(^uint64(0), number)
		sum = sum.plus(Sum{h, bits.Reverse64(h)})
	}
	return sum
}

// Replaced returns the run with each sector made by change from the image's contents (now, to be
// changed) and the run's (next).
func (r Run) Replaced(m *Image, change func(now, next []byte)) Run {
	n := Run{First: r.First, Sectors: make([]*Sector, len(r.Sectors))}
	for i, s := range r.Sectors {
		if s == nil {
			continue
		}
		number := r.First + int64(i)
		data := m.sector(number).data
		change(data[:], s.data[:])
		n.Sectors[i] = newSector(number, data[:])
	}
	return n
}
