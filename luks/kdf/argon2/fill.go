// SPDX-License-Identifier: Apache-2.0

package argon2

import "encoding/binary"

const (
	// pollEvery is the number of blocks per lane between two polls.
	pollEvery = 512
	// maxGroup is the number of lanes that take turns on a thread: enough to hide memory
	// latency, few enough for their blocks to stay in the first-level cache.
	maxGroup = 4
	// ahead is how many blocks before its use a reference block is fetched when its place is known.
	ahead = 4
	// addresses is the number of pseudo-random words in a block of them.
	addresses = blockSize / 8
)

// filler fills the segments of a group of lanes. Its fields hold for one slice.
type filler struct {
	*matrix
	window      window
	pass, slice uint32
	mix         func(dst, prev, ref *block)
	lanes       []cursor
}

// cursor is the place in one lane.
type cursor struct {
	lane uint32
	prev *block
	next *block // to be filled
	ref  *block
}

// poll is told how many blocks were filled since the last call, and says whether to stop.
type poll func(blocks uint32) (stop bool)

// fill fills one segment in each lane, unless poll stops it.
func (f *filler) fill(pass, slice uint32, poll poll) {
	f.pass, f.slice, f.window = pass, slice, f.matrix.window(pass, slice)
	f.mix = f.engine.mixAdd
	first := uint32(0)
	if pass == 0 {
		f.mix = f.engine.mix
		if slice == 0 {
			first = 2
		}
	}
	for i := range f.lanes {
		f.place(&f.lanes[i], first)
	}
	if f.independent() {
		f.fillIndependent(first, poll)
	} else {
		f.fillDependent(poll)
	}
}

// independent reports whether references in this slice do not depend on the data.
func (f *filler) independent() bool {
	return f.params.Variant == I || f.pass == 0 && f.slice < slices/2
}

// place puts c at block index of its segment.
func (f *filler) place(c *cursor, index uint32) {
	column := f.slice*f.segment + index
	c.next = f.at(c.lane, column)
	c.prev = f.at(c.lane, (column+f.length-1)%f.length)
}

// refer fetches the block that random points at from block index of c's segment.
func (f *filler) refer(c *cursor, random uint64, index uint32) *block {
	ref := f.at(f.window.reference(random, c.lane, index))
	f.engine.prefetch(ref)
	return ref
}

// fillDependent fills segments whose references depend on the data. The lanes take turns.
func (f *filler) fillDependent(poll poll) {
	for i := range f.lanes {
		c := &f.lanes[i]
		c.ref = f.refer(c, firstWord(c.prev), 0)
	}
	for index, stopped := uint32(0), false; index < f.segment && !stopped; {
		end := min(f.segment, index+pollEvery)
		stopped = poll(uint32(len(f.lanes)) * (end - index))
		for ; index < end; index++ {
			f.takeTurns(index + 1)
		}
	}
}

// takeTurns fills a block in each lane; next is the index of the one after it.
func (f *filler) takeTurns(next uint32) {
	for i := range f.lanes {
		c := &f.lanes[i]
		f.mix(c.next, c.prev, c.ref)
		if next < f.segment {
			c.ref = f.refer(c, firstWord(c.next), next)
			f.advance(c, next)
		}
	}
}

// advance moves c on to block index of its segment. It fetches the block behind that: what is wanted first
// is the reference block, and a processor fetches some 12 lines of the 32 at a time.
func (f *filler) advance(c *cursor, index uint32) {
	column := f.slice*f.segment + index
	c.prev = c.next
	c.next = f.at(c.lane, column)
	if index+1 < f.segment {
		f.engine.prefetch(f.at(c.lane, column+1))
	}
}

// fillIndependent fills segments whose references are known in advance, one after the other.
func (f *filler) fillIndependent(first uint32, poll poll) {
	for i := range f.lanes {
		c := &f.lanes[i]
		g := f.newGenerator(c.lane)
		for index := first; index < f.segment; {
			end := min(f.segment, index-index%addresses+addresses)
			f.fillBatch(c, g.next(), index, end)
			if poll(end - index) {
				return
			}
			index = end
		}
	}
}

// fillBatch fills the blocks from index to end of c's segment, which share a block of pseudo-random words.
func (f *filler) fillBatch(c *cursor, random *block, index, end uint32) {
	var refs [addresses]*block
	for i := index; i < end; i++ {
		refs[i%addresses] = f.at(f.window.reference(word(random, int(i%addresses)), c.lane, i))
	}
	for i := index; i < end; i++ {
		if i+ahead < end {
			f.engine.prefetch(refs[(i+ahead)%addresses])
		}
		f.mix(c.next, c.prev, refs[i%addresses])
		if i+1 < f.segment {
			f.advance(c, i+1)
		}
	}
}

func firstWord(b *block) uint64 { return binary.LittleEndian.Uint64(b[:8]) }
