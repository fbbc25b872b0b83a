// SPDX-License-Identifier: Apache-2.0

package luks2

// Extent is a range of bytes on the device.
type Extent struct{ Offset, Size uint64 }

// End is the first byte behind the range.
func (e Extent) End() uint64 { return e.Offset + e.Size }

// Overlaps tells whether a byte belongs to both.
func (e Extent) Overlaps(o Extent) bool {
	return e.Size > 0 && o.Size > 0 && e.Offset < o.End() && o.Offset < e.End()
}

// Within tells whether o holds every byte of e.
func (e Extent) Within(o Extent) bool { return e.Offset >= o.Offset && e.End() <= o.End() }

// Clip is the part before byte `end`; of a range that does not overflow.
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

// AlignUp and AlignDown round to whole units of keyslot areas, 4096 bytes.
func AlignUp(n uint64) uint64 { return (n + AreaAlignment - 1) / AreaAlignment * AreaAlignment }

// AlignDown rounds down; see AlignUp.
func AlignDown(n uint64) uint64 { return n / AreaAlignment * AreaAlignment }
