// SPDX-License-Identifier: Apache-2.0

package verity_test

import (
	"bytes"
	"context"
	"errors"
	"math/rand/v2"
	"sync/atomic"
	"testing"

	"github.com/orthrus-luks/orthrus/dm/verity"
)

// counted notes which blocks are read.
type counted struct {
	*memory
	bytes atomic.Int64
}

func (c *counted) ReadAt(p []byte, off int64) (int, error) {
	c.bytes.Add(int64(len(p)))
	return c.memory.ReadAt(p, off)
}

// Versions that grow, shrink and change: the tree is the one that is made from nothing, and a former tree that is
// damaged, or is no longer that of its data in places that changed, does no harm.
func TestATreeFromAFormerVersionIsTheOneMadeFromNothing(t *testing.T) {
	for number := range 200 {
		r := rand.New(rand.NewPCG(uint64(number), 40))
		old := newSample(t, r, params(1+r.Uint64N(700)), 0, 0)
		if number%3 == 0 {
			old.params.Format = 0
			old = newSample(t, r, old.params, 0, 0)
		}
		next := old.params
		next.DataBlocks = 1 + r.Uint64N(700)
		data := &memory{bytes: randomBytes(r, int(next.DataSize()))}
		copy(data.bytes, old.data.bytes)
		for range r.IntN(5) {
			strike(r, data, 1+r.IntN(3000))
		}
		if number%4 == 0 {
			strike(r, old.hash, 100)
		}
		tree, err := next.Tree()
		if err != nil {
			t.Fatal(err)
		}
		build := func(former *verity.Former) ([]byte, []byte, error) {
			hash := &memory{bytes: make([]byte, 512*(1+tree.Blocks))}
			im := &verity.Image{Params: next, Data: data, Hash: hash, FirstBlock: 1, Former: former}
			root, err := im.Build(context.Background(), hash)
			return root, hash.bytes, err
		}
		root, hash, err := build(nil)
		if err != nil {
			t.Fatal(err)
		}
		again, other, err := build(&verity.Former{Image: old.image(), Root: old.root})
		if err != nil && number%4 == 0 {
			continue // the top of the former tree is damaged
		}
		if err != nil || !bytes.Equal(root, again) || !bytes.Equal(hash, other) {
			t.Fatalf("version %d: root %x, not %x; %v", number, again, root, err)
		}
	}
}

func TestAFormerVersionOfOtherParametersIsRefused(t *testing.T) {
	old := newSample(t, rand.New(rand.NewPCG(41, 41)), params(100), 0, 0)
	im := *old.image()
	im.Salt = []byte("other")
	im.Former = &verity.Former{Image: old.image(), Root: old.root}
	if _, err := im.Build(context.Background(), old.hash); !errors.Is(err, verity.ErrUnsupported) {
		t.Error(err)
	}
	im.Salt = old.params.Salt
	im.Former.Root = bytes.Repeat([]byte{1}, 32)
	if _, err := im.Build(context.Background(), old.hash); !errors.Is(err, verity.ErrCorrupt) {
		t.Error(err)
	}
}

var errPower = errors.New("power cut")

// cut lets only so many writes through.
type cut struct {
	*memory
	left atomic.Int64
}

func (c *cut) WriteAt(p []byte, off int64) (int, error) {
	if c.left.Add(-1) < 0 {
		return 0, errPower
	}
	return c.memory.WriteAt(p, off)
}

func TestAnInterruptedBuildGoesOn(t *testing.T) {
	sound := newSample(t, rand.New(rand.NewPCG(42, 42)), params(40000), 0, 0)
	hash := &memory{bytes: make([]byte, len(sound.hash.bytes))}
	im := *sound.image()
	reached := uint64(0)
	im.Reached = func(blocks uint64) { reached = blocks }
	for _, writes := range []int64{0, 1, 17, 30, 1000} {
		before := reached
		data := &counted{memory: sound.data}
		im.Data, im.Hashed = data, reached
		broken := &cut{memory: hash}
		broken.left.Store(writes)
		root, err := im.Build(context.Background(), broken)
		if reached < before || writes == 30 && reached == 0 {
			t.Fatalf("%d writes: %d blocks are done, %d before", writes, reached, before)
		}
		if writes < 1000 {
			if !errors.Is(err, errPower) {
				t.Fatalf("%d writes: %v", writes, err)
			}
			continue
		}
		if err != nil || !bytes.Equal(root, sound.root) || reached != 40000 {
			t.Fatalf("%x, %v, %d blocks", root, err, reached)
		}
		if n := data.bytes.Load(); n > int64(40000-before)*512+1<<18 {
			t.Errorf("%d bytes are read again", n)
		}
		start := int(sound.first) * 512
		if end := sound.treeEnd(t); !bytes.Equal(hash.bytes[start:end], sound.hash.bytes[start:end]) {
			t.Error("the tree is another")
		}
	}
}
