// SPDX-License-Identifier: Apache-2.0

package disk

// Remains looks for contents that were to go, wherever on a device they were copied to.
type Remains struct {
	start *Image
	had   map[[SectorSize]byte]bool
	at    map[int64]bool // where the start holds them
}

// RemainsOf takes the contents of ranges of an image; sectors of zeros do not count.
func RemainsOf(m *Image, ranges []Range) *Remains {
	r := &Remains{start: m.flat(), had: map[[SectorSize]byte]bool{}, at: map[int64]bool{}}
	for _, e := range ranges {
		for number := e.Offset / SectorSize; number*SectorSize < e.End(); number++ {
			if data := r.start.sector(number).data; data != [SectorSize]byte{} {
				r.had[data] = true
			}
		}
	}
	for number := range r.start.Sectors() {
		if r.had[r.start.sector(number).data] {
			r.at[number] = true
		}
	}
	return r
}

// In lists the ranges of the image, of one sector each, that hold some of it.
func (r *Remains) In(m *Image) []Range {
	if len(r.had) == 0 {
		return nil
	}
	var list []Range
	now := m.draft().table
	for number := range m.Sectors() {
		s := now.at(number)
		known := number < r.start.length && s == r.start.table.at(number)
		if known && r.at[number] || !known && r.had[s.data] {
			list = append(list, Range{number * SectorSize, SectorSize})
		}
	}
	return list
}
