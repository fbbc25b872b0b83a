// SPDX-License-Identifier: Apache-2.0

package sector

import (
	"encoding/binary"
	"slices"
)

// lrwMode is LRW (Liskov, Rivest, Wagner: "Tweakable Block Ciphers", 2002; draft of IEEE 1619): block i of the device
// is whitened on both sides with i times a second key, in GF(2¹²⁸) with x¹²⁸ = x⁷+x²+x+1. The vector of a sector is
// the number of its first block. All numbers are big-endian.
type lrwMode struct {
	data  blockCipher
	tweak word128
	steps *[128]word128 // tweak times 2ᵏ⁺¹-1: what a step changes that carries through k bits
}

// word128 is a polynomial; x⁰ is the lowest bit of low.
type word128 struct{ high, low uint64 }

func newLRW(s Spec, key []byte) (mode, error) {
	sizes := []int{32, 40, 48}
	if !slices.Contains(sizes, len(key)) {
		return nil, &KeySizeError{Spec: s.String(), Bytes: len(key), Want: sizes}
	}
	own := len(key) - blockSize
	data, err := newBlockCipher(s, key[:own])
	if err != nil {
		return nil, err
	}
	m := lrwMode{data: data, tweak: loadWord(key[own:]), steps: new([128]word128)}
	sum, power := word128{}, m.tweak
	for k := range m.steps {
		sum = sum.plus(power)
		m.steps[k] = sum
		power = power.double()
	}
	return m, nil
}

func (m lrwMode) encrypt(dst, src, ivs []byte, size int, work *[MaxSize]byte) error {
	whitened(dst, src, size, work, m.data.encrypt, func(tweaks []byte, at int) { m.fill(tweaks, ivs[at:]) })
	return nil
}

func (m lrwMode) decrypt(dst, src, ivs []byte, size int, work *[MaxSize]byte) error {
	whitened(dst, src, size, work, m.data.decrypt, func(tweaks []byte, at int) { m.fill(tweaks, ivs[at:]) })
	return nil
}

// fill writes the tweaks of a sector's blocks. Time depends on the blocks' numbers, which are no secret.
func (m lrwMode) fill(tweaks, first []byte) {
	number := loadWord(first)
	product := m.times(number)
	for at := 0; at < len(tweaks); at += blockSize {
		binary.BigEndian.PutUint64(tweaks[at:], product.high)
		binary.BigEndian.PutUint64(tweaks[at+8:], product.low)
		product = product.plus(m.steps[number.trailingOnes()])
		number = number.next()
	}
}

// times multiplies the tweak by a number.
func (m lrwMode) times(n word128) (product word128) {
	power := m.tweak
	for bit := range 128 {
		half := n.low
		if bit >= 64 {
			half = n.high
		}
		mask := -(half >> (bit % 64) & 1)
		product = product.plus(word128{power.high & mask, power.low & mask})
		power = power.double()
	}
	return product
}

func loadWord(p []byte) word128 {
	return word128{binary.BigEndian.Uint64(p), binary.BigEndian.Uint64(p[8:])}
}

func (w word128) plus(o word128) word128 { return word128{w.high ^ o.high, w.low ^ o.low} }

func (w word128) double() word128 {
	carry := -(w.high >> 63) & 0x87 // no branch: the tweak is a key
	return word128{w.high<<1 | w.low>>63, w.low<<1 ^ carry}
}

func (w word128) next() word128 {
	w.low++
	if w.low == 0 {
		w.high++
	}
	return w
}

// trailingOnes is at most 127: the number of a block is never all ones before it is counted up for the last time.
func (w word128) trailingOnes() int {
	for bit := range 64 {
		if w.low>>bit&1 == 0 {
			return bit
		}
	}
	for bit := range 63 {
		if w.high>>bit&1 == 0 {
			return 64 + bit
		}
	}
	return 127
}

func (m lrwMode) ivSize() int { return blockSize }

func (m lrwMode) wipe() {
	m.data.wipe()
	*m.steps = [128]word128{}
}
