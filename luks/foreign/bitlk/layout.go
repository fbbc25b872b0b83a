// SPDX-License-Identifier: Apache-2.0

package bitlk

// Piece is a range of the mapping, bytes.
type Piece struct {
	Extent
	From uint64 // where it lies on the device, by which its vectors count
	Zero bool   // it reads as zeros, and From means nothing
}

// hidden are the ranges of the device that the mapping does not show, in the order of their offsets. Four need no more
// than to be put in their place one by one.
func (b *Block) hidden() []Extent {
	list := []Extent{b.Moved}
	for _, offset := range b.Offsets {
		list = append(list, Extent{offset, BlockSize})
		for i := len(list) - 1; i > 0 && list[i].Offset < list[i-1].Offset; i-- {
			list[i], list[i-1] = list[i-1], list[i]
		}
	}
	return list
}

// checkLayout: whole sectors inside a mapping of that length, apart from each other and from the first sectors.
func (b *Block) checkLayout(length, sector uint64) error {
	if b.Moved.Size == 0 {
		return field("moved sectors", "there are none")
	}
	end := b.Moved.Size // of the first sectors, which come from elsewhere
	for _, e := range b.hidden() {
		switch {
		case e.Offset%sector != 0 || e.Size%sector != 0:
			return field("layout", "%d bytes at %d are no whole sectors of %d", e.Size, e.Offset, sector)
		case e.Offset < end:
			return field("layout", "%d bytes at %d overlap what ends at %d", e.Size, e.Offset, end)
		case e.Size > length || e.Offset > length-e.Size:
			return field("layout", "%d bytes at %d on a device of %d", e.Size, e.Offset, length)
		}
		end = e.End()
	}
	return nil
}

// Pieces is the mapping in its order, at most ten pieces without a gap.
func (v *Volume) Pieces() []Piece {
	list := []Piece{{Extent: Extent{0, v.Moved.Size}, From: v.Moved.Offset}}
	end := v.Moved.Size
	data := func(to uint64) {
		if to > end {
			list = append(list, Piece{Extent: Extent{end, to - end}, From: end})
		}
	}
	for _, e := range v.hidden() {
		data(e.Offset)
		list = append(list, Piece{Extent: e, Zero: true})
		end = e.End()
	}
	data(v.length())
	return list
}
