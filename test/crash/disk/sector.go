// SPDX-License-Identifier: Apache-2.0

package disk

import "hash/maphash"

// SectorSize is the unit of persistence in bytes.
const SectorSize = 512

// The seeds of both halves of a Sum; the same for the life of the process.
var (
	seedA = maphash.MakeSeed()
	seedB = maphash.MakeSeed()
)

// Sum identifies the contents of an image or of a range of it: the sum over its sectors, each
// hashed together with its number. Equal contents have equal sums; sums compare within one process.
type Sum struct{ A, B uint64 }

func (s Sum) plus(o Sum) Sum  { return Sum{s.A + o.A, s.B + o.B} }
func (s Sum) minus(o Sum) Sum { return Sum{s.A - o.A, s.B - o.B} }

// Sector is one sector's contents, never changed once made.
type Sector struct {
	data [SectorSize]byte
	sum  Sum
}

// newSector copies data, at most SectorSize bytes, which is to lie at the sector of that number.
func newSector(number int64, data []byte) *Sector {
	s := &Sector{}
	copy(s.data[:], data)
	s.sum = sumOf(number, s.data[:])
	return s
}

func sumOf(number int64, data []byte) Sum {
	return Sum{spread(maphash.Bytes(seedA, data), number), spread(maphash.Bytes(seedB, data), number)}
}

// spread mixes the sector's number into a hash (the finalizer of SplitMix64), so that contents
// which change places change the sum.
func spread(h uint64, number int64) uint64 {
	h += uint64(number) * 0x9E3779B97F4A7C15
	h = (h ^ h>>30) * 0xBF58476D1CE4E5B9
	h = (h ^ h>>27) * 0x94D049BB133111EB
	return h ^ h>>31
}

// Run is a row of sectors that starts at sector First; nil ones are not part of it.
type Run struct {
	First   int64
	Sectors []*Sector
}

// Len returns the length of the row in sectors, the missing ones counted.
func (r Run) Len() int { return len(r.Sectors) }

// End returns the number of the sector behind the row.
func (r Run) End() int64 { return r.First + int64(len(r.Sectors)) }

// Range returns the bytes from the row's first sector to its last.
func (r Run) Range() Range {
	return Range{r.First * SectorSize, int64(len(r.Sectors)) * SectorSize}
}

// Part returns the sectors [from, to) of the run; it shares them.
func (r Run) Part(from, to int) Run {
	return Run{First: r.First + int64(from), Sectors: r.Sectors[from:to]}
}

// Only returns the run with just the sectors for which keep holds.
func (r Run) Only(keep func(i int) bool) Run {
	kept := make([]*Sector, len(r.Sectors))
	for i, s := range r.Sectors {
		if keep(i) {
			kept[i] = s
		}
	}
	return Run{First: r.First, Sectors: kept}
}

func (r Run) at(number int64) *Sector {
	if i := number - r.First; i >= 0 && i < int64(len(r.Sectors)) {
		return r.Sectors[i]
	}
	return nil
}

// Range is a range of bytes.
type Range struct{ Offset, Length int64 }

// End returns the byte behind the range.
func (r Range) End() int64 { return r.Offset + r.Length }

// Overlaps tells whether the ranges share a byte.
func (r Range) Overlaps(o Range) bool { return r.Offset < o.End() && o.Offset < r.End() }

// Within tells whether one of the ranges holds all of r.
func (r Range) Within(list []Range) bool {
	for _, o := range list {
		if r.Offset >= o.Offset && r.End() <= o.End() {
			return true
		}
	}
	return false
}
