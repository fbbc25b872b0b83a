// SPDX-License-Identifier: Apache-2.0

package verity

import (
	"bytes"
	"context"
	"fmt"
)

// Build computes the tree over Data, writes it to hash, which is what Hash reads (Hash may be nil), and returns the
// root hash. It writes the tree's blocks and nothing else, and syncs nothing. Blocks that are as in Former are not
// hashed, and those that Hashed tells of are not even read.
func (im *Image) Build(ctx context.Context, hash Storage) (root []byte, err error) {
	t, err := im.Tree()
	if err != nil {
		return nil, err
	}
	built := *im
	built.Hash = hash
	layers := built.layers(t)
	progress := &meter{tell: im.Progress}
	for i := range t.Levels {
		work := &hashing{im: &built, tree: t, below: layers[i], above: layers[i+1], to: hash, progress: progress}
		if i == 0 {
			if err := work.ofData(); err != nil {
				return nil, err
			}
		}
		if err := parallel(ctx, im.Workers, layers[i].units(), work.worker); err != nil {
			return nil, err
		}
	}
	return built.rootOf(&layers[len(layers)-1])
}

// rootOf hashes the only block of the last layer.
func (im *Image) rootOf(top *layer) ([]byte, error) {
	block := make([]byte, top.size)
	if err := readFull(top.from, block, top.offset); err != nil {
		return nil, fmt.Errorf("verity: reading the top block at byte %d: %w", top.offset, err)
	}
	return bytes.Clone(newHasher(&im.Params).digest(block)), nil
}

// hashing writes the digests of a layer's blocks to the layer above it.
type hashing struct {
	im           *Image
	tree         *Tree
	below, above layer
	to           Storage
	progress     *meter

	former  *Reader // or nil
	skip    uint64  // units that are done
	reached *prefix // or nil
}

// ofData takes what need not be hashed.
func (w *hashing) ofData() (err error) {
	if w.former, err = w.im.Former.read(&w.im.Params); err != nil {
		return err
	}
	w.skip = w.im.Hashed / w.below.unit()
	if w.im.Reached != nil {
		w.reached = &prefix{done: map[uint64]bool{}, next: w.skip, tell: func(units uint64) {
			w.im.Reached(min(units*w.below.unit(), w.below.blocks))
		}}
	}
	return nil
}

func (w *hashing) worker() func(uint64) error {
	h := newHasher(&w.im.Params)
	l := &w.below
	buffer := make([]byte, int(l.unit())*l.size)
	var digests []byte
	var old *former
	if w.former != nil {
		old = &former{reader: w.former, hasher: newHasher(&w.im.Params)}
	}
	return func(unit uint64) error {
		first, n := l.span(unit)
		blocks := buffer[:int(n)*l.size]
		defer w.progress.add(len(blocks))
		if unit < w.skip {
			return nil
		}
		zeros, err := l.read(blocks, first)
		if err != nil {
			return fmt.Errorf("verity: reading %d bytes at byte %d: %w", len(blocks), l.at(first), err)
		}
		var known [][]byte
		if old != nil && !zeros {
			known = old.digests(blocks, first)
		}
		digests = w.tree.digests(digests[:0], h, hashed{blocks, known, zeros}, l.size, first, first+n == l.blocks)
		return w.write(digests, unit, first)
	}
}

func (w *hashing) write(digests []byte, unit, first uint64) error {
	off := w.above.at(first>>w.tree.bits) + int64(first&(w.tree.per()-1))*int64(w.tree.slot)
	if _, err := w.to.WriteAt(digests, off); err != nil {
		return fmt.Errorf("verity: writing %d bytes of hashes at byte %d: %w", len(digests), off, err)
	}
	if w.reached != nil {
		w.reached.add(unit)
	}
	return nil
}

// hashed are blocks whose digests are wanted.
type hashed struct {
	blocks []byte
	known  [][]byte // digests of some of them; or nil
	zeros  bool     // all of them are
}

// digest of block number i, size bytes each.
func (b *hashed) digest(h *hasher, i, size int) []byte {
	switch {
	case b.zeros:
		return h.zeroDigest(size)
	case b.known != nil && b.known[i] != nil:
		return b.known[i]
	}
	return h.digest(b.blocks[i*size:][:size])
}

// digests appends what the hash blocks hold for a run of blocks whose first one has the given index: digests,
// gaps, and the zeros up to a hash block's end where the last digest of the hash block, or of all, is among them.
func (t *Tree) digests(out []byte, h *hasher, b hashed, size int, first uint64, final bool) []byte {
	for i := range len(b.blocks) / size {
		out = append(out, b.digest(h, i, size)...)
		slot := (first + uint64(i)) & (t.per() - 1)
		gap := t.slot - t.digest
		if slot == t.per()-1 || final && (i+1)*size == len(b.blocks) {
			gap = t.block - int(slot)*t.slot - t.digest
		}
		out = append(out, make([]byte, gap)...)
	}
	return out
}
