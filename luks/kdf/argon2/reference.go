// SPDX-License-Identifier: Apache-2.0

package argon2

// window says which blocks may be referred to while a slice is filled: those that are finished
// and will not be overwritten before they are read, of RFC 9106, section 3.4.
type window struct {
	first  uint64 // column of the oldest one
	size   uint64 // their number in another lane, for the second and later blocks of a segment
	length uint64 // of a lane
	lanes  uint64 // to choose from; 0 for none but one's own
}

func (m *matrix) window(pass, slice uint32) window {
	w := window{length: uint64(m.length), lanes: uint64(m.lanes), size: uint64(slice) * uint64(m.segment)}
	if pass > 0 {
		w.size = uint64(m.length - m.segment)
		w.first = uint64((slice+1)%slices) * uint64(m.segment)
	}
	if pass == 0 && slice == 0 {
		w.lanes = 0
	}
	return w
}

// reference returns the lane and column that random points at from block index of a segment in lane.
// Newer blocks are likelier.
func (w *window) reference(random uint64, lane, index uint32) (uint32, uint32) {
	target := lane
	if w.lanes > 1 {
		target = uint32((random >> 32) % w.lanes)
	}
	size := w.size
	switch {
	case target == lane:
		size += uint64(index) - 1
	case index == 0:
		size--
	}
	x := random & 0xffffffff
	x = x * x >> 32
	column := w.first + size - 1 - (size * x >> 32)
	if column >= w.length {
		column -= w.length
	}
	return target, uint32(column)
}
