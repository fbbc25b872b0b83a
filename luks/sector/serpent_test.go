// SPDX-License-Identifier: Apache-2.0

package sector

import (
	"bytes"
	"testing"

	"github.com/aead/serpent"
	"pgregory.net/rapid"
)

// serpentTables are the S-boxes as the proposal prints them.
var serpentTables = [8][16]uint32{
	{3, 8, 15, 1, 10, 6, 5, 11, 14, 13, 4, 2, 7, 0, 9, 12},
	{15, 12, 2, 7, 9, 0, 5, 10, 1, 11, 14, 8, 6, 13, 3, 4},
	{8, 6, 7, 9, 3, 12, 10, 15, 13, 1, 14, 4, 0, 11, 5, 2},
	{0, 15, 11, 8, 12, 9, 6, 3, 13, 1, 2, 4, 10, 7, 5, 14},
	{1, 15, 8, 3, 12, 0, 11, 6, 2, 5, 4, 10, 9, 14, 7, 13},
	{15, 5, 2, 11, 4, 10, 9, 12, 0, 3, 14, 8, 13, 6, 7, 1},
	{7, 2, 12, 5, 8, 4, 6, 11, 14, 9, 1, 15, 13, 3, 10, 0},
	{1, 13, 15, 0, 14, 8, 2, 11, 7, 4, 12, 10, 9, 3, 5, 6},
}

func TestSerpentBoxesAreTheTables(t *testing.T) {
	forward := [8]serpentBox{serpentS0, serpentS1, serpentS2, serpentS3, serpentS4, serpentS5, serpentS6, serpentS7}
	inverse := [8]serpentBox{
		serpentInvS0, serpentInvS1, serpentInvS2, serpentInvS3, serpentInvS4, serpentInvS5, serpentInvS6, serpentInvS7,
	}
	for i, table := range serpentTables {
		for in, out := range table {
			if got := lookUp(forward[i], uint32(in)); got != out {
				t.Errorf("S%d(%d) = %d, want %d", i, in, got, out)
			}
			if got := lookUp(inverse[i], out); got != uint32(in) {
				t.Errorf("S%d⁻¹(%d) = %d, want %d", i, out, got, in)
			}
		}
	}
}

// lookUp substitutes four bits in each of the 32 places, and returns those of the first if all agree.
func lookUp(box serpentBox, in uint32) uint32 {
	spread := func(bit uint) uint32 { return -(in >> bit & 1) }
	a, b, c, d := box(spread(0), spread(1), spread(2), spread(3))
	for _, word := range []uint32{a, b, c, d} {
		if word != 0 && word != ^uint32(0) {
			return 1 << 31
		}
	}
	return a&1 | b&2 | c&4 | d&8
}

func TestSerpentAgreesWithAnotherImplementation(t *testing.T) {
	rapid.Check(t, func(r *rapid.T) {
		key := rapid.SliceOfN(rapid.Byte(), 32, 32).Draw(r, "key")
		key = key[:rapid.SampledFrom(blockKeySizes()).Draw(r, "key size")]
		plain := pattern("data", 16*rapid.IntRange(0, 9).Draw(r, "blocks"))
		ours, err := newSerpent(key)
		if err != nil {
			r.Fatal(err)
		}
		defer ours.wipe()
		block, err := serpent.NewCipher(key)
		if err != nil {
			r.Fatal(err)
		}
		want, got := make([]byte, len(plain)), make([]byte, len(plain))
		oneByOne{block}.encrypt(want, plain)
		if ours.encrypt(got, plain); !bytes.Equal(got, want) {
			r.Fatal("encryption is wrong")
		}
		if ours.decrypt(got, got); !bytes.Equal(got, plain) {
			r.Fatal("decryption is wrong")
		}
	})
}
