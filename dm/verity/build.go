// SPDX-License-Identifier: Apache-2.0

package verity

import (
	"bytes"
	"context"
	"fmt"

	"github.com/orthrus-luks/orthrus/dm/parallel"
)

// Build computes the tree over Data, writes it to hash, which is what Hash reads (Hash may be nil), and returns the
// root hash. It writes the tree's blocks and nothing else, and syncs nothing.
func (im *Image) Build(ctx context.Context, hash Storage) (root []byte, err error) {
	t, err := im.Tree()
	if err != nil {
		return nil, err
	}
	built := *im
	built.Hash = hash
	layers := built.layers(t)
	progress := &parallel.Meter{Tell: im.Progress}
	for i := range t.Levels {
		if err := built.hashLayer(ctx, t, layers[i], layers[i+1], hash, progress); err != nil {
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

// hashLayer writes the digests of a layer's blocks to the layer above it.
func (im *Image) hashLayer(ctx context.Context, t *Tree, l, above layer, hash Storage, progress *parallel.Meter) error {
	return parallel.Do(ctx, im.Workers, l.units(), func() func(uint64) error {
		h := newHasher(&im.Params)
		buffer := make([]byte, int(l.unit())*l.size)
		var digests []byte
		return func(unit uint64) error {
			first, n := l.span(unit)
			blocks := buffer[:int(n)*l.size]
			zeros, err := l.read(blocks, first)
			if err != nil {
				return fmt.Errorf("verity: reading %d bytes at byte %d: %w", len(blocks), l.at(first), err)
			}
			digests = t.digests(digests[:0], h, blocks, l.size, first, first+n == l.blocks, zeros)
			progress.Add(len(blocks))
			off := above.at(first>>t.bits) + int64(first&(t.per()-1))*int64(t.slot)
			if _, err := hash.WriteAt(digests, off); err != nil {
				return fmt.Errorf("verity: writing %d bytes of hashes at byte %d: %w", len(digests), off, err)
			}
			return nil
		}
	})
}

// digests appends what the hash blocks hold for a run of blocks whose first one has the given index: digests,
// gaps, and the zeros up to a hash block's end where the last digest of the hash block, or of all, is among them.
func (t *Tree) digests(out []byte, h *hasher, blocks []byte, size int, first uint64, final, zeros bool) []byte {
	for i := range uint64(len(blocks) / size) {
		if zeros {
			out = append(out, h.zeroDigest(size)...)
		} else {
			out = append(out, h.digest(blocks[int(i)*size:][:size])...)
		}
		slot := (first + i) & (t.per() - 1)
		gap := t.slot - t.digest
		if slot == t.per()-1 || final && int(i+1)*size == len(blocks) {
			gap = t.block - int(slot)*t.slot - t.digest
		}
		out = append(out, make([]byte, gap)...)
	}
	return out
}
