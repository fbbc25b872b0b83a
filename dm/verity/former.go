// SPDX-License-Identifier: Apache-2.0

package verity

import (
	"bytes"
	"sync"
)

// Former is the former version of an image, from whose tree Build takes the digests of the blocks that have not
// changed. Its tree has to give its root hash; what does not is hashed anew. That its data are those of its tree is
// taken for granted: where they are not, nor are the new ones, which verify then tells.
type Former struct {
	Image *Image // of the same parameters, but for DataBlocks
	Root  []byte // its root hash
}

// sameHash tells whether blocks of both have equal digests, and trees with equal levels.
func (p *Params) sameHash(o *Params) bool {
	return p.Format == o.Format && p.Algorithm == o.Algorithm && p.DataBlockSize == o.DataBlockSize &&
		p.HashBlockSize == o.HashBlockSize && bytes.Equal(p.Salt, o.Salt)
}

// former looks digests up in the tree of a former version.
type former struct {
	reader *Reader
	hasher *hasher
	blocks []byte // as they were
}

// read verifies the top of the former tree; nil where there is nothing to take.
func (f *Former) read(p *Params) (*Reader, error) {
	if f == nil {
		return nil, nil
	}
	if !p.sameHash(&f.Image.Params) {
		return nil, &FieldError{"former image", f.Image.Algorithm, "its parameters are others"}
	}
	reader, err := NewReader(f.Image, f.Root)
	if err != nil || len(reader.layers) < 2 {
		return nil, err
	}
	return reader, nil
}

// digests returns the digest of each of the blocks from first on that was there before; nil for the others.
func (f *former) digests(blocks []byte, first uint64) [][]byte {
	l := &f.reader.layers[0]
	size := l.size
	n := uint64(len(blocks) / size)
	if first+n > l.blocks {
		n = l.blocks - min(first, l.blocks)
	}
	if cap(f.blocks) < len(blocks) {
		f.blocks = make([]byte, len(blocks))
	}
	was := f.blocks[:int(n)*size]
	if n == 0 || readFull(l.from, was, l.at(first)) != nil {
		return nil
	}
	known := make([][]byte, len(blocks)/size)
	for i := range n {
		at := int(i) * size
		if bytes.Equal(was[at:at+size], blocks[at:at+size]) {
			known[i] = f.digest(first + i)
		}
	}
	return known
}

// digest is the stored one of a block, once the hash block it is in is proven; else nil.
func (f *former) digest(block uint64) []byte {
	t := f.reader.tree
	above, err := f.reader.hashBlock(f.hasher, 1, block>>t.bits)
	if err != nil {
		return nil
	}
	return t.stored(above, block&^(t.per()-1), block)
}

// prefix knows how many units are done from the first one on without a gap.
type prefix struct {
	mu   sync.Mutex
	done map[uint64]bool // beyond next
	next uint64
	tell func(units uint64)
}

func (p *prefix) add(unit uint64) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.done[unit] = true
	before := p.next
	for p.done[p.next] {
		delete(p.done, p.next)
		p.next++
	}
	if p.next > before {
		p.tell(p.next)
	}
}
