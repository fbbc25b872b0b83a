// SPDX-License-Identifier: Apache-2.0

package verity

import (
	"bytes"
	"fmt"
	"io"
	"sync"
)

// Reader reads data and verifies each block on the way. It is an io.ReaderAt, and may be used by many goroutines.
type Reader struct {
	im     *Image
	tree   *Tree
	layers []layer
	root   []byte

	mu    sync.Mutex
	known map[blockID][]byte // verified hash blocks
	order []blockID          // of known, the oldest first
}

type blockID struct {
	layer int
	block uint64
}

// knownBlocks is how many verified hash blocks a Reader keeps: with 4096-byte blocks and SHA-256 those above 64 MiB of
// data.
const knownBlocks = 128

// NewReader returns a reader of an image's data, and verifies the top of the tree against the root hash.
func NewReader(im *Image, root []byte) (*Reader, error) {
	t, err := im.Tree()
	if err != nil {
		return nil, err
	}
	if len(root) != t.digest {
		return nil, &FieldError{"root hash length", len(root), "the hash has another one"}
	}
	r := &Reader{im: im, tree: t, layers: im.layers(t), root: bytes.Clone(root), known: map[blockID][]byte{}}
	if top := len(r.layers) - 1; top > 0 {
		if _, err := r.hashBlock(newHasher(&im.Params), top, 0); err != nil {
			return nil, err
		}
	}
	return r, nil
}

// Size is the number of bytes of data.
func (r *Reader) Size() int64 { return r.im.DataSize() }

// ReadAt reads verified bytes. At a block that is not what was hashed, or that cannot be read, it stops with a
// *BlockError that names it, and returns what lies before it.
func (r *Reader) ReadAt(p []byte, off int64) (int, error) {
	if off < 0 {
		return 0, &FieldError{"offset", off, "it is negative"}
	}
	h := newHasher(&r.im.Params)
	block := make([]byte, r.im.DataBlockSize)
	done := 0
	for done < len(p) {
		at := off + int64(done)
		if at >= r.Size() {
			return done, io.EOF
		}
		number := uint64(at) / uint64(len(block))
		if err := r.verified(h, block, 0, number); err != nil {
			return done, err
		}
		done += copy(p[done:], block[at%int64(len(block)):])
	}
	return done, nil
}

// verified fills p with a block of a layer, once its hash is right.
func (r *Reader) verified(h *hasher, p []byte, number int, block uint64) error {
	l := &r.layers[number]
	if err := readFull(l.from, p, l.at(block)); err != nil {
		return &BlockError{Level: number - 1, Block: block, Offset: l.at(block), Err: err}
	}
	wanted := r.root
	if number+1 < len(r.layers) {
		above, err := r.hashBlock(h, number+1, block>>r.tree.bits)
		if err != nil {
			return err
		}
		wanted = r.tree.stored(above, block&^(r.tree.per()-1), block)
	}
	if !bytes.Equal(h.digest(p), wanted) {
		return &BlockError{Level: number - 1, Block: block, Offset: l.at(block)}
	}
	return nil
}

// hashBlock returns a verified block of the tree.
func (r *Reader) hashBlock(h *hasher, number int, block uint64) ([]byte, error) {
	id := blockID{number, block}
	r.mu.Lock()
	p, found := r.known[id]
	r.mu.Unlock()
	if found {
		return p, nil
	}
	p = make([]byte, r.layers[number].size)
	if err := r.verified(h, p, number, block); err != nil {
		return nil, fmt.Errorf("verity: above the data: %w", err)
	}
	r.keep(id, p)
	return p, nil
}

func (r *Reader) keep(id blockID, p []byte) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if _, found := r.known[id]; found {
		return
	}
	if len(r.order) == knownBlocks {
		delete(r.known, r.order[0])
		r.order = r.order[1:]
	}
	r.known[id] = p
	r.order = append(r.order, id)
}
