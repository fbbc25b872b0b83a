// SPDX-License-Identifier: Apache-2.0

package verity

import "math/bits"

// Level is one level of the tree: where it lies in it, in hash blocks.
type Level struct {
	Start  uint64 // from the tree's first block
	Blocks uint64
}

// Tree is the geometry of a hash tree.
type Tree struct {
	Levels []Level // the digests of the data first, the top block last; none for a single data block
	Blocks uint64  // of all levels

	block  int  // bytes of a hash block
	digest int  // bytes
	slot   int  // bytes from digest to digest
	bits   uint // log2 of the digests in a hash block
}

// Tree returns the geometry of the tree.
func (p *Params) Tree() (*Tree, error) {
	if err := p.Check(); err != nil {
		return nil, err
	}
	t := &Tree{block: int(p.HashBlockSize), digest: p.DigestSize()}
	t.bits = uint(bits.Len(uint(int(p.HashBlockSize)/t.digest))) - 1
	if t.slot = t.digest; p.Format == 1 {
		t.slot = 1 << bits.Len(uint(t.digest-1))
	}
	for n := p.DataBlocks; n > 1; {
		n = (n-1)>>t.bits + 1
		t.Levels = append(t.Levels, Level{Blocks: n})
	}
	for i := len(t.Levels) - 1; i >= 0; i-- {
		t.Levels[i].Start = t.Blocks
		t.Blocks += t.Levels[i].Blocks
	}
	return t, nil
}

// per is how many digests a hash block holds.
func (t *Tree) per() uint64 { return 1 << t.bits }

// FirstBlock is where the tree begins, in hash blocks from the start of the hash device, for a superblock at
// offset bytes or, without one, for a tree at offset.
func (p *Params) FirstBlock(offset int64, superblock bool) uint64 {
	size := int64(p.HashBlockSize)
	if !superblock {
		return uint64(offset / size)
	}
	return uint64((offset + SuperblockSize + size - 1) / size)
}
