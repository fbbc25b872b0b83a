// SPDX-License-Identifier: Apache-2.0

package verity

import (
	"bytes"
	"context"
	"errors"
	"io"
	"slices"
	"sync"

	"github.com/orthrus-luks/orthrus/dm/parallel"
)

// Damage says which blocks do not have the hash that is stored above them.
type Damage struct {
	Data Set   // data blocks
	Tree []Set // by level, as Tree.Levels; the top block is wrong where it does not give the root hash
	// Stray are blocks by level that have the right hash, and hold something where no digest of the image is: the tree
	// was made for more data than are there or named, and those behind the end are not verified.
	Stray []Set

	tree   *Tree
	mu     sync.Mutex
	unread *BlockError
}

// Unread is a block that was there and could not be read, the first that was noticed; nil where all could be.
func (d *Damage) Unread() *BlockError { return d.unread }

// failed notes why a block cannot be read, unless it lies behind the end of its device.
func (d *Damage) failed(layer int, block uint64, at int64, err error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.unread == nil && !errors.Is(err, io.EOF) && !errors.Is(err, io.ErrUnexpectedEOF) {
		d.unread = &BlockError{Level: layer - 1, Block: block, Offset: at, Err: err}
	}
}

func newDamage(t *Tree) *Damage {
	return &Damage{Tree: make([]Set, len(t.Levels)), Stray: make([]Set, len(t.Levels)), tree: t}
}

// None tells that every byte of data is the one that was hashed, and that none is missing.
func (d *Damage) None() bool {
	for i := range d.Tree {
		if d.Tree[i].Len() > 0 {
			return false
		}
	}
	return d.Data.Len() == 0 && !d.Larger()
}

// Larger tells that the root hash is that of more data than the image has.
func (d *Damage) Larger() bool {
	for i := range d.Stray {
		if d.Stray[i].Len() > 0 {
			return true
		}
	}
	return false
}

// Proven tells whether the digest that is stored for a block of a level (-1: the data) can be believed: whether the
// blocks above it are right up to the root.
func (d *Damage) Proven(level int, block uint64) bool {
	for level++; level < len(d.Tree); level++ {
		block >>= d.tree.bits
		if d.Tree[level].Has(block) {
			return false
		}
	}
	return true
}

// RootOnly tells that the tree fits the data and does not give the root hash.
func (d *Damage) RootOnly() bool {
	layers := len(d.Tree)
	if layers == 0 || d.Data.Len() > 0 {
		return layers == 0 && d.Data.Len() > 0
	}
	for i := range d.Tree[:layers-1] {
		if d.Tree[i].Len() > 0 {
			return false
		}
	}
	return d.Tree[layers-1].Len() > 0
}

// set is that of a layer: 0 for the data, then the levels.
func (d *Damage) set(layer int) *Set {
	if layer == 0 {
		return &d.Data
	}
	return &d.Tree[layer-1]
}

// Verify compares every block of data and tree with the hash above it, and the top one with the root hash. The image
// is good where the damage is none; an error means that it could not be told. Blocks that cannot be read are damaged.
func (im *Image) Verify(ctx context.Context, root []byte) (*Damage, error) {
	return im.verify(ctx, root, nil)
}

// verify also writes the data as they are read, where there is a copy to be made.
func (im *Image) verify(ctx context.Context, root []byte, copyTo io.WriterAt) (*Damage, error) {
	t, err := im.Tree()
	if err != nil {
		return nil, err
	}
	if len(root) != t.digest {
		return nil, &FieldError{"root hash length", len(root), "the hash has another one"}
	}
	d := newDamage(t)
	progress := &parallel.Meter{Tell: im.Progress}
	for i := range len(t.Levels) + 1 {
		c := im.comparison(d, i, root)
		c.progress = progress
		if i == 0 {
			c.copyTo = copyTo
		}
		if err := parallel.Do(ctx, im.Workers, c.below.units(), c.worker); err != nil {
			return nil, err
		}
	}
	return d, nil
}

// VerifyTree compares the blocks of the tree with the hashes above them, without data and root hash: it finds damage
// of the tree, and proves nothing.
func (im *Image) VerifyTree(ctx context.Context) (*Damage, error) {
	t, err := im.Tree()
	if err != nil {
		return nil, err
	}
	d := newDamage(t)
	for i := 1; i < len(t.Levels); i++ {
		c := im.comparison(d, i, nil)
		c.progress = &parallel.Meter{Tell: im.Progress}
		if err := parallel.Do(ctx, im.Workers, c.below.units(), c.worker); err != nil {
			return nil, err
		}
	}
	return d, nil
}

// comparison is that of a layer, 0 for the data, with what is above it.
func (im *Image) comparison(d *Damage, number int, root []byte) *comparison {
	layers := im.layers(d.tree)
	c := &comparison{im: im, tree: d.tree, below: layers[number], bad: d.set(number), damage: d, number: number}
	if number > 0 {
		c.stray, c.children = &d.Stray[number-1], layers[number-1].blocks
	}
	c.wanted = func([]byte, uint64, uint64) ([]byte, error) { return root, nil }
	if number+1 < len(layers) {
		c.wanted = layers[number+1].digestReader(d.tree)
	}
	return c
}

// digestReader returns a function that reads the part of a level where the digests of n blocks from first on lie, a
// slot each and gaps between hash blocks, into the buffer.
func (l *layer) digestReader(t *Tree) func(buffer []byte, first, n uint64) ([]byte, error) {
	return func(buffer []byte, first, n uint64) ([]byte, error) {
		start := l.at(first>>t.bits) + int64(first&(t.per()-1))*int64(t.slot)
		last := first + n - 1
		end := l.at(last>>t.bits) + int64(last&(t.per()-1))*int64(t.slot) + int64(t.digest)
		if int64(cap(buffer)) < end-start {
			buffer = make([]byte, end-start)
		}
		buffer = buffer[:end-start]
		return buffer, readFull(l.from, buffer, start)
	}
}

// stored returns the digest of a block in what a digestReader has read from first on.
func (t *Tree) stored(digests []byte, first, block uint64) []byte {
	at := func(b uint64) int64 { return int64(b>>t.bits)*int64(t.block) + int64(b&(t.per()-1))*int64(t.slot) }
	off := at(block) - at(first)
	return digests[off:][:t.digest]
}

// comparison compares the blocks of a layer with their digests.
type comparison struct {
	im       *Image
	tree     *Tree
	below    layer
	wanted   func(buffer []byte, first, n uint64) ([]byte, error)
	bad      *Set
	damage   *Damage
	number   int // of the layer
	progress *parallel.Meter
	copyTo   io.WriterAt // or nil
	stray    *Set        // or nil for data
	children uint64      // of which a level has the digests
}

func (c *comparison) worker() func(unit uint64) error {
	h := newHasher(&c.im.Params)
	buffer := make([]byte, int(c.below.unit())*c.below.size)
	digests := []byte{}
	return func(unit uint64) error {
		first, n := c.below.span(unit)
		blocks := buffer[:int(n)*c.below.size]
		defer c.progress.Add(len(blocks))
		zeros, err := c.below.read(blocks, first)
		if err != nil {
			return c.singly(h, blocks[:c.below.size], first, n)
		}
		if err := c.copy(blocks, first, zeros); err != nil {
			return err
		}
		if digests, err = c.wanted(digests, first, n); err != nil {
			return c.singly(h, blocks[:c.below.size], first, n)
		}
		for i := range n {
			block := blocks[int(i)*c.below.size:][:c.below.size]
			c.judge(first+i, block, h.digestOf(block, zeros), c.tree.stored(digests, first, first+i))
		}
		return nil
	}
}

// judge notes a block that does not have the wanted hash, or more in it than digests.
func (c *comparison) judge(number uint64, block, found, wanted []byte) {
	if !bytes.Equal(found, wanted) {
		c.bad.Add(number)
	} else if c.stray != nil && c.tree.straysFrom(block, number, c.children) >= 0 {
		c.stray.Add(number)
	}
}

func (c *comparison) copy(blocks []byte, first uint64, zeros bool) error {
	if c.copyTo == nil || zeros { // the copy begins as a hole
		return nil
	}
	_, err := c.copyTo.WriteAt(blocks, c.below.at(first))
	return err
}

// singly goes from block to block where several cannot be read at once.
func (c *comparison) singly(h *hasher, block []byte, first, n uint64) error {
	for b := first; b < first+n; b++ {
		if err := readFull(c.below.from, block, c.below.at(b)); err != nil {
			c.damage.failed(c.number, b, c.below.at(b), err)
			c.bad.Add(b)
			continue
		}
		if err := c.copy(block, b, false); err != nil {
			return err
		}
		digest, err := c.wanted(nil, b, 1)
		if err != nil {
			c.bad.Add(b)
			continue
		}
		c.judge(b, block, h.digest(block), digest)
	}
	return nil
}

// digestOf is digest for a block that may be known to be zeros.
func (h *hasher) digestOf(block []byte, zeros bool) []byte {
	if zeros {
		return h.zeroDigest(len(block))
	}
	return h.digest(block)
}

// Spare tells where in a hash block room begins in which something lies that is neither a digest nor zero, in bytes
// from the start of the hash device; false where there is nothing such. The tools call that spare area.
func (im *Image) Spare(level int, block uint64) (offset int64, found bool, err error) {
	t, err := im.Tree()
	if err != nil {
		return 0, false, err
	}
	layers := im.layers(t)
	l := layers[level+1]
	content := make([]byte, l.size)
	if err := readFull(l.from, content, l.at(block)); err != nil {
		return 0, false, err
	}
	at := t.straysFrom(content, block, layers[level].blocks)
	return l.at(block) + int64(at), at >= 0, nil
}

// straysFrom is where in a hash block room begins in which something lies that is neither one of the digests of a layer
// of that many blocks nor zero, or -1.
func (t *Tree) straysFrom(content []byte, block, blocks uint64) int {
	used := int(min(t.per(), blocks-block<<t.bits))
	for i := range used {
		slot := content[i*t.slot:][:t.slot]
		if slices.ContainsFunc(slot[t.digest:], notZero) {
			return i*t.slot + t.digest
		}
	}
	if !slices.ContainsFunc(content[used*t.slot:], notZero) {
		return -1
	}
	return used * t.slot
}

func notZero(b byte) bool { return b != 0 }
