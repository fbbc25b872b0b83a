// SPDX-License-Identifier: Apache-2.0

package verity

import (
	"bytes"
	"context"
	"fmt"
	"io"

	"github.com/orthrus-luks/orthrus/dm/parallel"
)

// Output is where a repaired image goes. Each may be nil.
type Output struct {
	Data io.WriterAt // all of the data; regions of zeros are not written where Data of the image is Sparse
	Hash io.WriterAt // the repaired blocks of the tree only
}

// Repair is what was done to an image.
type Repair struct {
	Found *Damage // as the image is
	Left  *Damage // what could not be repaired
	// Unproven is how many data blocks could not be judged, as the hash blocks above them are among Left.
	Unproven uint64
	Bytes    uint64 // that repaired blocks differ in from what they were
	// Data is how many data blocks the parity brought back. Where it is none of a good repair, the data were good, and
	// only the tree above them was not.
	Data uint64
}

// Good tells that the repaired image gives the root hash: that each of its bytes is the one that was hashed.
func (r *Repair) Good() bool { return r.Left.None() }

// Repair verifies an image, and computes its damaged blocks from the parity, where FEC is set, or hash blocks from the
// blocks below them. Only blocks whose hash proves them right go to out; nothing else is changed. Data is written
// while it is verified, so that out gets the damaged blocks first where they cannot be repaired. With an Output of
// nil values it tells what could be done.
func (im *Image) Repair(ctx context.Context, root []byte, out Output) (*Repair, error) {
	found, err := im.verify(ctx, root, out.Data)
	if err != nil {
		return nil, err
	}
	if found.None() {
		return &Repair{Found: found, Left: found}, nil
	}
	m, err := newMending(im, root, found)
	if err != nil {
		return nil, err
	}
	if err := m.mendTree(ctx); err != nil {
		return nil, err
	}
	if err := m.mendData(ctx, out.Data); err != nil {
		return nil, err
	}
	if out.Hash != nil {
		if err := m.tree.writeTo(out.Hash); err != nil {
			return nil, fmt.Errorf("verity: writing repaired hash blocks: %w", err)
		}
	}
	return &Repair{
		Found: found, Left: m.left, Unproven: m.unproven(), Bytes: m.changed.Load(), Data: m.data.Load(),
	}, nil
}

// copySet returns a set with the same members.
func copySet(to, from *Set) {
	for block := range from.All() {
		to.Add(block)
	}
}

// copyDamage returns one that can be changed.
func copyDamage(d *Damage) *Damage {
	c := newDamage(d.tree)
	for i := range len(d.Tree) + 1 {
		copySet(c.set(i), d.set(i))
	}
	for i := range d.Stray {
		copySet(&c.Stray[i], &d.Stray[i])
	}
	return c
}

// mendTree goes from the top to the bottom, as a block can only be proven once the one above it is. It goes again as
// long as that helps: each proven block tells which of those below it are bad, and the code can do more with that.
func (m *mending) mendTree(ctx context.Context) error {
	for progress := true; progress; {
		progress = false
		for layer := len(m.layers) - 1; layer > 0; layer-- {
			for block := range m.left.set(layer).All() {
				if err := context.Cause(ctx); err != nil {
					return err
				}
				if m.left.set(layer).Has(block) && m.left.Proven(layer-1, block) && m.mendHashBlock(layer, block) {
					progress = true
				}
			}
		}
	}
	return nil
}

// mendHashBlock repairs one block of the tree from the parity or from what lies below it.
func (m *mending) mendHashBlock(layer int, block uint64) bool {
	if m.im.FEC != nil {
		for _, mended := range m.rounds(m.roundOf(layer, block), 1) {
			if mended.layer > 0 {
				m.accept(mended)
			}
		}
	}
	if !m.left.set(layer).Has(block) {
		return true
	}
	p := m.rebuilt(layer, block)
	if p == nil || !m.isRight(newHasher(&m.im.Params), layer, block, p) {
		return false
	}
	m.accept(mendedBlock{layer, block, p})
	return true
}

// accept puts a proven block of the tree into its place, and judges those below it anew.
func (m *mending) accept(b mendedBlock) {
	if !m.left.set(b.layer).Has(b.block) {
		return
	}
	m.count(b)
	m.left.set(b.layer).Remove(b.block)
	m.tree.put(m.layers[b.layer].at(b.block), b.content)
	below := &m.layers[b.layer-1]
	if m.geometry.straysFrom(b.content, b.block, below.blocks) >= 0 {
		m.left.Stray[b.layer-1].Add(b.block)
	}
	first := b.block << m.geometry.bits
	h := newHasher(&m.im.Params)
	p := make([]byte, below.size)
	for child := first; child < min(first+m.geometry.per(), below.blocks); child++ {
		right := readFull(below.from, p, below.at(child)) == nil &&
			bytes.Equal(h.digest(p), m.geometry.stored(b.content, first, child))
		if right {
			m.left.set(b.layer - 1).Remove(child)
		} else {
			m.left.set(b.layer - 1).Add(child)
		}
	}
}

// rebuilt computes a block of the tree from the blocks below it; nil where they cannot be read.
func (m *mending) rebuilt(layer int, block uint64) []byte {
	below := &m.layers[layer-1]
	first := block << m.geometry.bits
	n := min(m.geometry.per(), below.blocks-first)
	h := newHasher(&m.im.Params)
	p := make([]byte, below.size)
	content := make([]byte, 0, m.geometry.block)
	for child := first; child < first+n; child++ {
		if layer > 1 && m.left.set(layer-1).Has(child) {
			if p = m.rebuilt(layer-1, child); p == nil {
				return nil
			}
		} else if readFull(below.from, p, below.at(child)) != nil {
			return nil
		}
		content = m.geometry.digests(content, h, hashed{blocks: p}, below.size, child, child == first+n-1)
	}
	return content
}

// mendData repairs data blocks, round by round.
func (m *mending) mendData(ctx context.Context, out io.WriterAt) error {
	if m.im.FEC == nil {
		return nil
	}
	rounds := &Set{}
	for block := range m.left.Data.All() {
		if m.left.Proven(-1, block) {
			rounds.Add(m.roundOf(0, block))
		}
	}
	queue := make(chan runOfRounds)
	go func() {
		defer close(queue)
		for first, n := range rounds.Runs() {
			for ; n > 0; first, n = first+min(n, mostRounds), n-min(n, mostRounds) {
				select {
				case queue <- runOfRounds{first, min(n, mostRounds)}:
				case <-ctx.Done():
					return
				}
			}
		}
	}()
	err := parallel.Do(ctx, m.im.Workers, rounds.Len(), func() func(uint64) error {
		return func(uint64) error {
			run, more := <-queue
			if !more {
				return context.Cause(ctx)
			}
			return m.keep(m.rounds(run.first, run.n), out)
		}
	})
	for range queue { // after an error: let the sender end
	}
	return err
}

type runOfRounds struct{ first, n uint64 }

// keep writes proven data blocks.
func (m *mending) keep(mended []mendedBlock, out io.WriterAt) error {
	for _, b := range mended {
		if b.layer > 0 {
			continue
		}
		m.count(b)
		m.data.Add(1)
		m.left.Data.Remove(b.block)
		if out == nil {
			continue
		}
		at := m.layers[0].at(b.block)
		if _, err := out.WriteAt(b.content, at); err != nil {
			return fmt.Errorf("verity: writing a repaired block at byte %d: %w", at, err)
		}
	}
	return nil
}
