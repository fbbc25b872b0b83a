// SPDX-License-Identifier: Apache-2.0

// Package extent has ranges of bytes on a device, and the rounding that goes with them. Its arithmetic
// does not wrap: numbers from a header may be anything, and a range that reaches past the last byte that
// 64 bits can name ends there.
package extent

import "math"

// Extent is a range of bytes on a device.
type Extent struct {
	Offset uint64 `json:"offset"`
	Size   uint64 `json:"length"`
}

// End is the first byte behind the range, at most 2^64-1.
func (e Extent) End() uint64 {
	if e.Size > math.MaxUint64-e.Offset {
		return math.MaxUint64
	}
	return e.Offset + e.Size
}

// Overlaps tells whether a byte lies in both ranges.
func (e Extent) Overlaps(other Extent) bool {
	return e.Size > 0 && other.Size > 0 && e.Offset < other.End() && other.Offset < e.End()
}

// Contains tells whether the other range lies in this one.
func (e Extent) Contains(other Extent) bool {
	return other.Offset >= e.Offset && other.End() <= e.End()
}

// Fits tells whether the range lies in the first size bytes.
func (e Extent) Fits(size uint64) bool { return e.Offset <= size && e.Size <= size-e.Offset }

// number is what is rounded: bytes, sectors or addresses.
type number interface {
	~int | ~int64 | ~uint32 | ~uint64
}

// Down is the largest multiple of unit that is not above n.
func Down[N number](n, unit N) N { return n / unit * unit }

// Up is the smallest multiple of unit that is not below n, which must leave room for it.
func Up[N number](n, unit N) N { return (n + unit - 1) / unit * unit }

// Clip is the part before byte `end`.
func (e Extent) Clip(end uint64) Extent {
	if e.Offset >= end {
		return Extent{Offset: end}
	}
	return Extent{e.Offset, min(e.Size, end-e.Offset)}
}

// Outside lists what is left of e outside of all ranges, ascending.
func (e Extent) Outside(ranges []Extent) []Extent {
	if e.Size == 0 {
		return nil
	}
	left := []Extent{e}
	for _, r := range ranges {
		var rest []Extent
		for _, l := range left {
			if !l.Overlaps(r) {
				rest = append(rest, l)
				continue
			}
			if l.Offset < r.Offset {
				rest = append(rest, Extent{l.Offset, r.Offset - l.Offset})
			}
			if r.End() < l.End() {
				rest = append(rest, Extent{r.End(), l.End() - r.End()})
			}
		}
		left = rest
	}
	return left
}
