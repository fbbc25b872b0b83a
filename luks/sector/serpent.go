// SPDX-License-Identifier: Apache-2.0

package sector

import (
	"encoding/binary"
	"math/bits"

	"github.com/orthrus-luks/orthrus/dm/secret"
)

// Serpent (Anderson, Biham, Knudsen: "Serpent: A Proposal for the Advanced Encryption Standard",
// 1998) in its bitsliced form, bytes in little-endian words as the kernel and the NESSIE vectors
// have them. There are no tables, so that time says nothing about the key.

const (
	serpentRounds   = 32
	serpentKeyBytes = (serpentRounds + 1) * blockSize
)

// serpentBlocks is Serpent under one key. Its round keys lie outside the Go heap.
type serpentBlocks struct {
	memory *secret.Buffer
	keys   *[serpentKeyBytes]byte // little-endian words
}

func newSerpent(key []byte) (*serpentBlocks, error) {
	memory, err := secret.New(serpentKeyBytes)
	if err != nil {
		return nil, err
	}
	s := &serpentBlocks{memory: memory, keys: (*[serpentKeyBytes]byte)(memory.Bytes())}
	s.expand(key)
	return s, nil
}

// expand makes the round keys. A key shorter than 256 bits is lengthened by a one bit and zeros.
func (s *serpentBlocks) expand(key []byte) {
	const phi = 0x9e3779b9 // of the golden ratio
	var w [8]uint32        // the last eight words before substitution
	defer clear(w[:])
	for i := range len(key) / 4 {
		w[i] = binary.LittleEndian.Uint32(key[4*i:])
	}
	if len(key) < 32 {
		w[len(key)/4] = 1
	}
	for i := range 4 * (serpentRounds + 1) {
		next := bits.RotateLeft32(w[i%8]^w[(i+3)%8]^w[(i+5)%8]^w[(i+7)%8]^phi^uint32(i), 11)
		w[i%8] = next
		binary.LittleEndian.PutUint32(s.keys[4*i:], next)
	}
	for round := range serpentRounds + 1 {
		s.setKey(round, serpentKeyBox(round))
	}
}

type serpentBox func(a, b, c, d uint32) (uint32, uint32, uint32, uint32)

// serpentKeyBox returns the substitution that a round key goes through.
func serpentKeyBox(round int) serpentBox {
	return [8]serpentBox{
		serpentS3, serpentS2, serpentS1, serpentS0, serpentS7, serpentS6, serpentS5, serpentS4,
	}[round%8]
}

func (s *serpentBlocks) setKey(round int, box serpentBox) {
	a, b, c, d := box(s.key(round).mix(0, 0, 0, 0))
	putWords(s.keys[blockSize*round:], a, b, c, d)
}

// key returns a round key.
func (s *serpentBlocks) key(round int) *serpentKey {
	return (*serpentKey)(s.keys[blockSize*round:])
}

// serpentKey is a round key: four little-endian words.
type serpentKey [blockSize]byte

// mix adds the round key.
func (k *serpentKey) mix(a, b, c, d uint32) (uint32, uint32, uint32, uint32) {
	return a ^ binary.LittleEndian.Uint32(k[0:]), b ^ binary.LittleEndian.Uint32(k[4:]),
		c ^ binary.LittleEndian.Uint32(k[8:]), d ^ binary.LittleEndian.Uint32(k[12:])
}

// serpentLinear is the linear transformation.
func serpentLinear(a, b, c, d uint32) (uint32, uint32, uint32, uint32) {
	a = bits.RotateLeft32(a, 13)
	c = bits.RotateLeft32(c, 3)
	b = bits.RotateLeft32(b^a^c, 1)
	d = bits.RotateLeft32(d^c^a<<3, 7)
	a = bits.RotateLeft32(a^b^d, 5)
	c = bits.RotateLeft32(c^d^b<<7, 22)
	return a, b, c, d
}

func serpentInvLinear(a, b, c, d uint32) (uint32, uint32, uint32, uint32) {
	c = bits.RotateLeft32(c, -22) ^ d ^ b<<7
	a = bits.RotateLeft32(a, -5) ^ b ^ d
	d = bits.RotateLeft32(d, -7) ^ c ^ a<<3
	b = bits.RotateLeft32(b, -1) ^ a ^ c
	c = bits.RotateLeft32(c, -3)
	a = bits.RotateLeft32(a, -13)
	return a, b, c, d
}

func (s *serpentBlocks) encrypt(dst, src []byte) {
	for at := 0; at < len(src); at += blockSize {
		a, b, c, d := words(src[at:])
		for r := 0; ; r += 8 {
			a, b, c, d = serpentLinear(serpentS0(s.key(r).mix(a, b, c, d)))
			a, b, c, d = serpentLinear(serpentS1(s.key(r+1).mix(a, b, c, d)))
			a, b, c, d = serpentLinear(serpentS2(s.key(r+2).mix(a, b, c, d)))
			a, b, c, d = serpentLinear(serpentS3(s.key(r+3).mix(a, b, c, d)))
			a, b, c, d = serpentLinear(serpentS4(s.key(r+4).mix(a, b, c, d)))
			a, b, c, d = serpentLinear(serpentS5(s.key(r+5).mix(a, b, c, d)))
			a, b, c, d = serpentLinear(serpentS6(s.key(r+6).mix(a, b, c, d)))
			a, b, c, d = serpentS7(s.key(r+7).mix(a, b, c, d))
			if r == serpentRounds-8 {
				break
			}
			a, b, c, d = serpentLinear(a, b, c, d)
		}
		a, b, c, d = s.key(serpentRounds).mix(a, b, c, d)
		putWords(dst[at:], a, b, c, d)
	}
}

func (s *serpentBlocks) decrypt(dst, src []byte) {
	for at := 0; at < len(src); at += blockSize {
		a, b, c, d := words(src[at:])
		a, b, c, d = s.key(serpentRounds).mix(a, b, c, d)
		for r := serpentRounds - 8; ; r -= 8 {
			a, b, c, d = s.key(r + 7).mix(serpentInvS7(a, b, c, d))
			a, b, c, d = s.key(r + 6).mix(serpentInvS6(serpentInvLinear(a, b, c, d)))
			a, b, c, d = s.key(r + 5).mix(serpentInvS5(serpentInvLinear(a, b, c, d)))
			a, b, c, d = s.key(r + 4).mix(serpentInvS4(serpentInvLinear(a, b, c, d)))
			a, b, c, d = s.key(r + 3).mix(serpentInvS3(serpentInvLinear(a, b, c, d)))
			a, b, c, d = s.key(r + 2).mix(serpentInvS2(serpentInvLinear(a, b, c, d)))
			a, b, c, d = s.key(r + 1).mix(serpentInvS1(serpentInvLinear(a, b, c, d)))
			a, b, c, d = s.key(r).mix(serpentInvS0(serpentInvLinear(a, b, c, d)))
			if r == 0 {
				break
			}
			a, b, c, d = serpentInvLinear(a, b, c, d)
		}
		putWords(dst[at:], a, b, c, d)
	}
}

func (s *serpentBlocks) wipe() {
	_ = s.memory.Close() // the wiping is done even if unmapping fails
	s.keys = nil
}

func words(p []byte) (a, b, c, d uint32) {
	_ = p[15]
	return binary.LittleEndian.Uint32(p[0:]), binary.LittleEndian.Uint32(p[4:]),
		binary.LittleEndian.Uint32(p[8:]), binary.LittleEndian.Uint32(p[12:])
}

func putWords(p []byte, a, b, c, d uint32) {
	_ = p[15]
	binary.LittleEndian.PutUint32(p[0:], a)
	binary.LittleEndian.PutUint32(p[4:], b)
	binary.LittleEndian.PutUint32(p[8:], c)
	binary.LittleEndian.PutUint32(p[12:], d)
}
