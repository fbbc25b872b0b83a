// SPDX-License-Identifier: Apache-2.0

package argon2

import (
	"encoding/binary"
	"math/bits"
)

// words is a block as the 128 little-endian numbers that it stands for.
type words [blockSize / 8]uint64

// mixGeneric sets dst to G(prev, ref), the compression function of RFC 9106, section 3.5.
func mixGeneric(dst, prev, ref *block) {
	var w words
	w.compress(prev, ref)
	for i, v := range w {
		binary.LittleEndian.PutUint64(dst[8*i:], v^word(prev, i)^word(ref, i))
	}
}

// mixAddGeneric XORs G(prev, ref) into dst.
func mixAddGeneric(dst, prev, ref *block) {
	var w words
	w.compress(prev, ref)
	for i, v := range w {
		binary.LittleEndian.PutUint64(dst[8*i:], v^word(prev, i)^word(ref, i)^word(dst, i))
	}
}

func word(b *block, i int) uint64 { return binary.LittleEndian.Uint64(b[8*i:]) }

// compress sets w to the permuted XOR of a and b: P on each row of sixteen words, then on each
// column of eight pairs.
func (w *words) compress(a, b *block) {
	for i := range w {
		w[i] = word(a, i) ^ word(b, i)
	}
	for i := 0; i < 128; i += 16 {
		permute(&w[i], &w[i+1], &w[i+2], &w[i+3], &w[i+4], &w[i+5], &w[i+6], &w[i+7],
			&w[i+8], &w[i+9], &w[i+10], &w[i+11], &w[i+12], &w[i+13], &w[i+14], &w[i+15])
	}
	for i := 0; i < 16; i += 2 {
		permute(&w[i], &w[i+1], &w[i+16], &w[i+17], &w[i+32], &w[i+33], &w[i+48], &w[i+49],
			&w[i+64], &w[i+65], &w[i+80], &w[i+81], &w[i+96], &w[i+97], &w[i+112], &w[i+113])
	}
}

// permute is P, the round of BLAKE2b with multiplications added.
func permute(v0, v1, v2, v3, v4, v5, v6, v7, v8, v9, v10, v11, v12, v13, v14, v15 *uint64) {
	quarter(v0, v4, v8, v12)
	quarter(v1, v5, v9, v13)
	quarter(v2, v6, v10, v14)
	quarter(v3, v7, v11, v15)
	quarter(v0, v5, v10, v15)
	quarter(v1, v6, v11, v12)
	quarter(v2, v7, v8, v13)
	quarter(v3, v4, v9, v14)
}

func quarter(pa, pb, pc, pd *uint64) {
	a, b, c, d := *pa, *pb, *pc, *pd
	a += b + 2*uint64(uint32(a))*uint64(uint32(b))
	d = bits.RotateLeft64(d^a, -32)
	c += d + 2*uint64(uint32(c))*uint64(uint32(d))
	b = bits.RotateLeft64(b^c, -24)
	a += b + 2*uint64(uint32(a))*uint64(uint32(b))
	d = bits.RotateLeft64(d^a, -16)
	c += d + 2*uint64(uint32(c))*uint64(uint32(d))
	b = bits.RotateLeft64(b^c, -63)
	*pa, *pb, *pc, *pd = a, b, c, d
}
