// SPDX-License-Identifier: Apache-2.0

package verity_test

import (
	"bytes"
	"encoding/binary"
	"errors"
	"testing"

	"github.com/orthrus-luks/orthrus/dm/verity"
)

func superblock(t testing.TB) []byte {
	t.Helper()
	raw, err := (&verity.Superblock{Params: params(600), UUID: [16]byte{1, 2, 3}}).Marshal()
	if err != nil {
		t.Fatal(err)
	}
	return raw
}

func TestSuperblocksThatSayWhatIsNotAreRefusedByField(t *testing.T) {
	put32 := func(at int, v uint32) func([]byte) {
		return func(p []byte) { binary.LittleEndian.PutUint32(p[at:], v) }
	}
	tests := []struct {
		field  string
		change func(p []byte)
	}{
		{"version", put32(8, 2)},
		{"hash type", put32(12, 2)},
		{"data block size", put32(64, 0)},
		{"data block size", put32(64, 768)},
		{"hash block size", put32(68, 1<<20)},
		{"hash", func(p []byte) { copy(p[32:], "sha257\x00") }},
		{"salt length", func(p []byte) { binary.LittleEndian.PutUint16(p[80:], 257) }},
		{"data blocks", func(p []byte) { clear(p[72:80]) }},
		{"data blocks", func(p []byte) { binary.LittleEndian.PutUint64(p[72:], 1<<63) }},
	}
	for _, test := range tests {
		raw := superblock(t)
		test.change(raw)
		_, err := verity.ParseSuperblock(raw)
		var field *verity.FieldError
		if !errors.As(err, &field) || field.Field != test.field || !errors.Is(err, verity.ErrUnsupported) {
			t.Errorf("%s: %v", test.field, err)
		}
	}
	raw := superblock(t)
	raw[0] = 'V'
	for _, p := range [][]byte{raw, raw[:100], nil} {
		if _, err := verity.ParseSuperblock(p); !errors.Is(err, verity.ErrNoSuperblock) {
			t.Errorf("%d bytes: %v", len(p), err)
		}
	}
}

// What is read is written again as it was, except for what fills the superblock up.
func FuzzSuperblock(f *testing.F) {
	f.Add(superblock(f))
	f.Add(superblock(f)[:511])
	f.Fuzz(func(t *testing.T, raw []byte) {
		sb, err := verity.ParseSuperblock(raw)
		if err != nil {
			return
		}
		tree, err := sb.Tree()
		if err != nil || len(tree.Levels) > 63 {
			t.Fatalf("a superblock without a tree: %v, %v", tree, err)
		}
		again, err := sb.Marshal()
		if err != nil {
			t.Fatal(err)
		}
		other, err := verity.ParseSuperblock(again)
		if err != nil || other.UUID != sb.UUID || !bytes.Equal(other.Salt, sb.Salt) || other.Algorithm != sb.Algorithm ||
			other.DataBlocks != sb.DataBlocks || other.DataBlockSize != sb.DataBlockSize {
			t.Fatalf("%+v became %+v, %v", sb, other, err)
		}
	})
}

func TestTreesHaveTheShapesOfTheKernel(t *testing.T) {
	tests := []struct {
		blocks uint64
		levels []verity.Level // of 16 digests a block
	}{
		{1, nil},
		{2, []verity.Level{{Start: 0, Blocks: 1}}},
		{16, []verity.Level{{Start: 0, Blocks: 1}}},
		{17, []verity.Level{{Start: 1, Blocks: 2}, {Start: 0, Blocks: 1}}},
		{257, []verity.Level{{Start: 3, Blocks: 17}, {Start: 1, Blocks: 2}, {Start: 0, Blocks: 1}}},
	}
	for _, test := range tests {
		p := params(test.blocks)
		tree, err := p.Tree()
		if err != nil || len(tree.Levels) != len(test.levels) {
			t.Fatalf("%d blocks: %+v, %v", test.blocks, tree, err)
		}
		for i := range test.levels {
			if tree.Levels[i] != test.levels[i] {
				t.Errorf("%d blocks: level %d is %+v, want %+v", test.blocks, i, tree.Levels[i], test.levels[i])
			}
		}
	}
}
