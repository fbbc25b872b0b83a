// SPDX-License-Identifier: Apache-2.0

package sector

import (
	"crypto/subtle"
	"encoding/binary"
)

// nullMode leaves data as it is.
type nullMode struct{}

func (nullMode) encrypt(dst, src, _ []byte, _ int, _ *[MaxSize]byte) error {
	copy(dst, src)
	return nil
}

func (nullMode) decrypt(dst, src, _ []byte, _ int, _ *[MaxSize]byte) error {
	copy(dst, src)
	return nil
}

func (nullMode) ivSize() int { return 0 }
func (nullMode) wipe()       {}

// onBlocks makes a mode of nothing but a block cipher.
func onBlocks(s Spec, key []byte, of func(blockCipher) mode) (mode, error) {
	b, err := newBlockCipher(s, key)
	if err != nil {
		return nil, err
	}
	return of(b), nil
}

func newECB(s Spec, key []byte) (mode, error) {
	return onBlocks(s, key, func(b blockCipher) mode { return ecbMode{b} })
}

// ecbMode transforms each block by itself.
type ecbMode struct{ block blockCipher }

func (m ecbMode) encrypt(dst, src, _ []byte, _ int, _ *[MaxSize]byte) error {
	m.block.encrypt(dst, src)
	return nil
}

func (m ecbMode) decrypt(dst, src, _ []byte, _ int, _ *[MaxSize]byte) error {
	m.block.decrypt(dst, src)
	return nil
}

func (m ecbMode) ivSize() int { return 0 }
func (m ecbMode) wipe()       { m.block.wipe() }

func newCBC(s Spec, key []byte) (mode, error) {
	return onBlocks(s, key, func(b blockCipher) mode { return cbcMode{b} })
}

// cbcMode is cipher block chaining (NIST SP 800-38A, 6.2), begun anew in each sector.
type cbcMode struct{ block blockCipher }

// cbcSide is how many sectors are encrypted side by side: within one, each block waits for the one
// before it.
const cbcSide = 8

func (m cbcMode) encrypt(dst, src, ivs []byte, size int, work *[MaxSize]byte) error {
	for at := 0; at < len(src); at += cbcSide * size {
		n := min(cbcSide*size, len(src)-at)
		m.sideBySide(dst[at:at+n], src[at:at+n], ivs[at/size*blockSize:], size, work)
	}
	return nil
}

// sideBySide encrypts up to cbcSide sectors; chain holds the block before the one at hand in each.
func (m cbcMode) sideBySide(dst, src, ivs []byte, size int, work *[MaxSize]byte) {
	chain := work[:len(src)/size*blockSize]
	defer clear(chain)
	copy(chain, ivs)
	for at := 0; at < size; at += blockSize {
		for i := 0; i < len(chain); i += blockSize {
			block := src[i/blockSize*size+at:]
			subtle.XORBytes(chain[i:i+blockSize], chain[i:i+blockSize], block[:blockSize])
		}
		m.block.encrypt(chain, chain)
		for i := 0; i < len(chain); i += blockSize {
			copy(dst[i/blockSize*size+at:], chain[i:i+blockSize])
		}
	}
}

func (m cbcMode) decrypt(dst, src, ivs []byte, size int, work *[MaxSize]byte) error {
	plain := work[:size]
	defer clear(plain)
	for at := 0; at < len(src); at += size {
		in := src[at : at+size]
		m.block.decrypt(plain, in)
		subtle.XORBytes(plain, plain[:blockSize], ivs[at/size*blockSize:])
		subtle.XORBytes(plain[blockSize:], plain[blockSize:], in)
		copy(dst[at:], plain)
	}
	return nil
}

func (m cbcMode) ivSize() int { return blockSize }
func (m cbcMode) wipe()       { m.block.wipe() }

func newCTR(s Spec, key []byte) (mode, error) {
	return onBlocks(s, key, func(b blockCipher) mode { return ctrMode{b} })
}

// ctrMode is counter mode (NIST SP 800-38A, 6.5): the vector is the first counter block, counted up
// as one big-endian number whatever the byte order of the vector was.
type ctrMode struct{ block blockCipher }

func (m ctrMode) encrypt(dst, src, ivs []byte, size int, work *[MaxSize]byte) error {
	stream := work[:size]
	defer clear(stream)
	for at := 0; at < len(src); at += size {
		fillCounters(stream, ivs[at/size*blockSize:])
		m.block.encrypt(stream, stream)
		subtle.XORBytes(dst[at:], src[at:at+size], stream)
	}
	return nil
}

func (m ctrMode) decrypt(dst, src, ivs []byte, size int, work *[MaxSize]byte) error {
	return m.encrypt(dst, src, ivs, size, work)
}

func (m ctrMode) ivSize() int { return blockSize }
func (m ctrMode) wipe()       { m.block.wipe() }

// fillCounters writes first, first+1, … over all of counters.
func fillCounters(counters, first []byte) {
	high, low := binary.BigEndian.Uint64(first), binary.BigEndian.Uint64(first[8:])
	for at := 0; at < len(counters); at += blockSize {
		binary.BigEndian.PutUint64(counters[at:], high)
		binary.BigEndian.PutUint64(counters[at+8:], low)
		if low++; low == 0 {
			high++
		}
	}
}
