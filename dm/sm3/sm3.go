// SPDX-License-Identifier: Apache-2.0

// Package sm3 is the hash of GB/T 32905-2016 (ISO/IEC 10118-3:2018, function 17).
//
// Stability: v0, like the rest of the module.
package sm3

import (
	"encoding/binary"
	"hash"
	"math/bits"
)

// Size is the length of a digest in bytes.
const Size = 32

const blockSize = 64 // bytes

// digest is padded and chained like SHA-256, with a compression function of its own. It holds no
// pointers, so that copying it copies the state.
type digest struct {
	state  [8]uint32
	buffer [blockSize]byte
	filled int    // bytes of buffer
	length uint64 // bytes
}

// New returns a fresh state.
func New() hash.Hash {
	h := new(digest)
	h.Reset()
	return h
}

func (h *digest) Size() int      { return Size }
func (h *digest) BlockSize() int { return blockSize }

func (h *digest) Reset() {
	*h = digest{state: [8]uint32{
		0x7380166f, 0x4914b2b9, 0x172442d7, 0xda8a0600, 0xa96f30bc, 0x163138aa, 0xe38dee4d, 0xb0fb0e4e,
	}}
}

func (h *digest) Write(p []byte) (int, error) {
	written := len(p)
	h.length += uint64(written)
	for len(p) > 0 {
		n := copy(h.buffer[h.filled:], p)
		p = p[n:]
		if h.filled += n; h.filled == blockSize {
			h.compress()
			h.filled = 0
		}
	}
	return written, nil
}

func (h *digest) Sum(b []byte) []byte {
	end := *h // so that the caller can write more
	defer func() { end = digest{} }()
	var padding [blockSize + 8]byte
	padding[0] = 0x80
	zeros := (blockSize + 56 - 1 - end.filled) % blockSize
	binary.BigEndian.PutUint64(padding[1+zeros:], 8*h.length)
	_, _ = end.Write(padding[:1+zeros+8])
	for _, word := range end.state {
		b = binary.BigEndian.AppendUint32(b, word)
	}
	return b
}

// compress takes the buffer into the state.
func (h *digest) compress() {
	w := schedule(&h.buffer)
	s := h.state
	for j := range 64 {
		s = round(s, j, w[j], w[j]^w[j+4])
	}
	for i := range s {
		h.state[i] ^= s[i]
	}
}

func schedule(block *[blockSize]byte) (w [68]uint32) {
	for j := range 16 {
		w[j] = binary.BigEndian.Uint32(block[4*j:])
	}
	for j := 16; j < len(w); j++ {
		x := w[j-16] ^ w[j-9] ^ bits.RotateLeft32(w[j-3], 15)
		x ^= bits.RotateLeft32(x, 15) ^ bits.RotateLeft32(x, 23)
		w[j] = x ^ bits.RotateLeft32(w[j-13], 7) ^ w[j-6]
	}
	return w
}

// round returns the state after round j.
func round(s [8]uint32, j int, word, mixed uint32) [8]uint32 {
	a, b, c, d, e, f, g, h := s[0], s[1], s[2], s[3], s[4], s[5], s[6], s[7]
	constant, ff, gg := uint32(0x79cc4519), a^b^c, e^f^g
	if j >= 16 {
		constant, ff, gg = 0x7a879d8a, a&b|a&c|b&c, e&f|^e&g
	}
	turned := bits.RotateLeft32(a, 12)
	ss := bits.RotateLeft32(turned+e+bits.RotateLeft32(constant, j%32), 7)
	t := gg + h + ss + word
	return [8]uint32{
		ff + d + (ss ^ turned) + mixed, a, bits.RotateLeft32(b, 9), c,
		t ^ bits.RotateLeft32(t, 9) ^ bits.RotateLeft32(t, 17), e, bits.RotateLeft32(f, 19), g,
	}
}
