// SPDX-License-Identifier: Apache-2.0

package verity

import (
	"iter"
	"math/bits"
	"sort"
	"sync"
)

const pageBits = 1 << 15 // of one page of a set

// Set is a set of block numbers: a bitmap that has pages only where it has members. It may be used by
// many goroutines. The zero value is empty.
type Set struct {
	mu    sync.RWMutex
	pages map[uint64]*[pageBits / 64]uint64
	size  uint64
}

// Add puts a block into the set.
func (s *Set) Add(block uint64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.pages == nil {
		s.pages = map[uint64]*[pageBits / 64]uint64{}
	}
	page := s.pages[block/pageBits]
	if page == nil {
		page = new([pageBits / 64]uint64)
		s.pages[block/pageBits] = page
	}
	word, bit := &page[block%pageBits/64], uint64(1)<<(block%64)
	if *word&bit == 0 {
		*word |= bit
		s.size++
	}
}

// Remove takes a block out of the set.
func (s *Set) Remove(block uint64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	page := s.pages[block/pageBits]
	if page == nil {
		return
	}
	word, bit := &page[block%pageBits/64], uint64(1)<<(block%64)
	if *word&bit != 0 {
		*word &^= bit
		s.size--
	}
}

// Has tells whether a block is in the set.
func (s *Set) Has(block uint64) bool {
	s.mu.RLock()
	defer s.mu.RUnlock()
	page := s.pages[block/pageBits]
	return page != nil && page[block%pageBits/64]>>(block%64)&1 != 0
}

// Len is the number of blocks in the set.
func (s *Set) Len() uint64 {
	s.mu.RLock()
	defer s.mu.RUnlock()
	return s.size
}

// numbers are those of the pages in ascending order.
func (s *Set) numbers() []uint64 {
	s.mu.RLock()
	defer s.mu.RUnlock()
	list := make([]uint64, 0, len(s.pages))
	for number := range s.pages {
		list = append(list, number)
	}
	sort.Slice(list, func(i, j int) bool { return list[i] < list[j] })
	return list
}

// All yields the blocks in ascending order. Blocks that are removed meanwhile may be yielded or not.
func (s *Set) All() iter.Seq[uint64] {
	return func(yield func(uint64) bool) {
		for _, number := range s.numbers() {
			s.mu.RLock()
			page := *s.pages[number]
			s.mu.RUnlock()
			for i, word := range page {
				for ; word != 0; word &= word - 1 {
					if !yield(number*pageBits + uint64(i)*64 + uint64(bits.TrailingZeros64(word))) {
						return
					}
				}
			}
		}
	}
}

// First is the lowest block; false where the set is empty.
func (s *Set) First() (uint64, bool) {
	for block := range s.All() {
		return block, true
	}
	return 0, false
}

// Runs yields runs of consecutive blocks: the first one and how many.
func (s *Set) Runs() iter.Seq2[uint64, uint64] {
	return func(yield func(first, blocks uint64) bool) {
		first, blocks := uint64(0), uint64(0)
		for block := range s.All() {
			if blocks > 0 && block == first+blocks {
				blocks++
				continue
			}
			if blocks > 0 && !yield(first, blocks) {
				return
			}
			first, blocks = block, 1
		}
		if blocks > 0 {
			yield(first, blocks)
		}
	}
}
