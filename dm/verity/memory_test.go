// SPDX-License-Identifier: Apache-2.0

package verity_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/orthrus-luks/orthrus/dm/verity"
)

// memory is a device of a fixed size. Reading one of its bad bytes fails.
type memory struct {
	bytes []byte
	bad   []int64
}

var errMedium = errors.New("medium error")

func (m *memory) ReadAt(p []byte, off int64) (int, error) {
	for _, bad := range m.bad {
		if bad >= off && bad < off+int64(len(p)) {
			return 0, errMedium
		}
	}
	if off >= int64(len(m.bytes)) {
		return 0, io.EOF
	}
	n := copy(p, m.bytes[off:])
	if n < len(p) {
		return n, io.EOF
	}
	return n, nil
}

func (m *memory) WriteAt(p []byte, off int64) (int, error) {
	if off < 0 || off+int64(len(p)) > int64(len(m.bytes)) {
		return 0, fmt.Errorf("writing %d bytes at byte %d of %d", len(p), off, len(m.bytes))
	}
	return copy(m.bytes[off:], p), nil
}

func (m *memory) clone() *memory { return &memory{bytes: slices.Clone(m.bytes)} }

// sample is an image in memory with its root hash.
type sample struct {
	params verity.Params
	first  uint64 // the tree's first block
	roots  int    // 0: no parity

	data, hash, fec *memory
	root            []byte
}

// newSample hashes random data; tail blocks of something else lie behind the tree.
func newSample(t testing.TB, r *rand.Rand, p verity.Params, roots, tail int) *sample {
	t.Helper()
	s := &sample{params: p, roots: roots, data: &memory{}, hash: &memory{}, fec: &memory{}}
	tree, err := p.Tree()
	if err != nil {
		t.Fatal(err)
	}
	s.first = p.FirstBlock(0, true)
	s.data.bytes = randomBytes(r, int(p.DataSize()))
	size := (int(s.first+tree.Blocks) + tail) * int(p.HashBlockSize)
	s.hash.bytes = randomBytes(r, size)
	im := s.image()
	if s.root, err = im.Build(context.Background(), s.hash); err != nil {
		t.Fatal(err)
	}
	raw, err := (&verity.Superblock{Params: p}).Marshal()
	if err != nil {
		t.Fatal(err)
	}
	copy(s.hash.bytes, raw)
	if roots == 0 {
		return s
	}
	layout, err := im.Layout()
	if err != nil {
		t.Fatal(err)
	}
	s.fec.bytes = make([]byte, layout.Parity)
	if err := im.EncodeFEC(context.Background(), s.fec); err != nil {
		t.Fatal(err)
	}
	return s
}

func randomBytes(r *rand.Rand, n int) []byte {
	p := make([]byte, n)
	for i := range p {
		p[i] = byte(r.Uint32())
	}
	return p
}

func (s *sample) image() *verity.Image {
	im := &verity.Image{Params: s.params, Data: s.data, Hash: s.hash, FirstBlock: s.first}
	if s.roots > 0 {
		im.FEC = &verity.FEC{Device: s.fec, Roots: s.roots, Limit: int64(len(s.hash.bytes))}
	}
	return im
}

// clone returns one that can be damaged.
func (s *sample) clone() *sample {
	c := *s
	c.data, c.hash, c.fec = s.data.clone(), s.hash.clone(), s.fec.clone()
	return &c
}

func params(blocks uint64) verity.Params {
	return verity.Params{
		Format: 1, Algorithm: "sha256", DataBlockSize: 512, HashBlockSize: 512, DataBlocks: blocks,
		Salt: []byte("salt"),
	}
}
