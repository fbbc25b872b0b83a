// SPDX-License-Identifier: Apache-2.0

package verity

import (
	"bytes"
	"sync/atomic"

	"github.com/orthrus-luks/orthrus/dm/verity/rs"
)

// mending is a repair under way.
type mending struct {
	im       *Image // with the overlay as its hash device
	root     []byte
	geometry *Tree
	layers   []layer
	tree     *overlay
	left     *Damage // what is still bad
	changed  atomic.Uint64
	data     atomic.Uint64 // data blocks that are mended

	layout  *Layout // of the parity, or nil
	code    *rs.Code
	message *message
}

// mendedBlock is a block whose hash is right.
type mendedBlock struct {
	layer   int
	block   uint64
	content []byte
}

func newMending(im *Image, root []byte, found *Damage) (*mending, error) {
	tree := newOverlay(im.Hash, im.HashBlockSize)
	mended := *im
	mended.Hash = tree
	m := &mending{
		im: &mended, root: root, geometry: found.tree, layers: mended.layers(found.tree), tree: tree,
		left: copyDamage(found),
	}
	if im.FEC == nil {
		return m, nil
	}
	var err error
	if m.layout, err = mended.Layout(); err != nil {
		return nil, err
	}
	if m.code, err = rs.New(im.FEC.Roots); err != nil {
		return nil, err
	}
	m.message = mended.message(m.layout)
	return m, nil
}

// roundOf is the round of codewords that a block is in.
func (m *mending) roundOf(layer int, block uint64) uint64 {
	number := block
	if l := &m.layers[layer]; layer > 0 {
		number = m.im.DataBlocks + uint64(l.at(block))/uint64(m.im.HashBlockSize) - m.im.FirstBlock
	}
	return number % m.layout.Rounds
}

// whose returns the layer and block that a block of the message is; false: no hash covers it.
func (m *mending) whose(number uint64) (layer int, block uint64, covered bool) {
	if number < m.im.DataBlocks {
		return 0, number, true
	}
	at := number - m.im.DataBlocks
	for i, level := range m.geometry.Levels {
		if at >= level.Start && at < level.Start+level.Blocks {
			return i + 1, at - level.Start, true
		}
	}
	return 0, 0, false
}

// isRight tells whether content is the block that the digest above it is of, which has to be proven itself.
func (m *mending) isRight(h *hasher, layer int, block uint64, content []byte) bool {
	if !m.left.Proven(layer-1, block) {
		return false
	}
	wanted := m.root
	if layer+1 < len(m.layers) {
		digest, err := m.layers[layer+1].digestReader(m.geometry)(nil, block, 1)
		if err != nil {
			return false
		}
		wanted = digest
	}
	return bytes.Equal(h.digest(content), wanted)
}

// count adds up how many bytes a repair changes.
func (m *mending) count(b mendedBlock) {
	l := &m.layers[b.layer]
	was := make([]byte, l.size)
	if readFull(l.from, was, l.at(b.block)) != nil {
		m.changed.Add(uint64(l.size))
		return
	}
	n := uint64(0)
	for i := range was {
		if was[i] != b.content[i] {
			n++
		}
	}
	m.changed.Add(n)
}

// unproven counts the data blocks whose digests cannot be believed.
func (m *mending) unproven() uint64 {
	n := uint64(0)
	for i := range m.left.Tree {
		for block := range m.left.Tree[i].All() {
			if m.left.Proven(i, block) { // the topmost bad block counts for all below it
				shift := m.geometry.bits * uint(i+1)
				first := block << shift
				n += min(m.im.DataBlocks-first, 1<<shift)
			}
		}
	}
	return n
}
