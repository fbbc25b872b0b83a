// SPDX-License-Identifier: Apache-2.0

package sector

import (
	"crypto/subtle"
	"encoding/binary"
)

// hctr2Mode is HCTR2 (Crowley, Huckleberry, Biggers: "Length-preserving encryption with HCTR2", 2021): one
// wide block a sector, in which each bit depends on every other.
//
//	sector   P = M ‖ N        M of 16 bytes
//	         MM = M ⊕ H(T, N)           H is POLYVAL under E(0), L is E(1)
//	         UU = E(MM)
//	         S  = MM ⊕ UU ⊕ L
//	         V  = N ⊕ XCTR(S)           block i of the stream is E(S ⊕ i), i from 1, little-endian
//	         U  = UU ⊕ H(T, V)
//	result   C = U ‖ V        T: the vector, 32 bytes
type hctr2Mode struct {
	block blockCipher
	hash  *polyvalKey
	l     *[blockSize]byte
}

func newHCTR2(s Spec, key []byte) (mode, error) {
	b, err := newBlockCipher(s, key)
	if err != nil {
		return nil, err
	}
	var head [2 * blockSize]byte
	head[blockSize] = 1
	b.encrypt(head[:], head[:])
	defer clear(head[:])
	m := hctr2Mode{block: b, hash: newPolyvalKey(head[:blockSize]), l: new([blockSize]byte)}
	copy(m.l[:], head[blockSize:])
	return m, nil
}

// hctr2Tag heads what is hashed: twice the bits of the vector, and 2 for a message of whole blocks, which
// all sectors are.
const hctr2Tag = 2*8*maxIVSize + 2

func (m hctr2Mode) digest(out, iv, message []byte) {
	var head [blockSize]byte
	binary.LittleEndian.PutUint64(head[:], hctr2Tag)
	h := polyval{key: m.hash}
	h.write(head[:])
	h.write(iv)
	h.write(message)
	h.sum(out)
}

// stream is XCTR: work becomes the stream for a message of its length.
func (m hctr2Mode) stream(work, s []byte) {
	low, high := binary.LittleEndian.Uint64(s), binary.LittleEndian.Uint64(s[8:])
	for at, i := 0, uint64(1); at < len(work); at, i = at+blockSize, i+1 {
		binary.LittleEndian.PutUint64(work[at:], low^i)
		binary.LittleEndian.PutUint64(work[at+8:], high)
	}
	m.block.encrypt(work, work)
}

func (m hctr2Mode) encrypt(dst, src, ivs []byte, size int, work *[MaxSize]byte) error {
	m.each(dst, src, ivs, size, work, m.block.encrypt)
	return nil
}

func (m hctr2Mode) decrypt(dst, src, ivs []byte, size int, work *[MaxSize]byte) error {
	m.each(dst, src, ivs, size, work, m.block.decrypt)
	return nil
}

// each is the same both ways but for the block: decryption takes U to UU by the hash of V, and so on back.
func (m hctr2Mode) each(dst, src, ivs []byte, size int, work *[MaxSize]byte, block func(dst, src []byte)) {
	defer clear(work[:size])
	var before, after, sum [blockSize]byte
	defer clear(before[:])
	defer clear(after[:])
	for at := 0; at < len(src); at += size {
		in, out := src[at:at+size], dst[at:at+size]
		iv := ivs[at/size*maxIVSize:][:maxIVSize]
		m.digest(sum[:], iv, in[blockSize:])
		subtle.XORBytes(before[:], in[:blockSize], sum[:])
		block(after[:], before[:])
		subtle.XORBytes(sum[:], before[:], after[:])
		subtle.XORBytes(sum[:], sum[:], m.l[:])
		stream := work[:size-blockSize]
		m.stream(stream, sum[:])
		subtle.XORBytes(out[blockSize:], in[blockSize:], stream)
		m.digest(sum[:], iv, out[blockSize:])
		subtle.XORBytes(out[:blockSize], after[:], sum[:])
	}
}

func (m hctr2Mode) ivSize() int { return maxIVSize }

func (m hctr2Mode) wipe() {
	m.block.wipe()
	*m.hash = polyvalKey{}
	clear(m.l[:])
}
