// SPDX-License-Identifier: Apache-2.0

package sector

import (
	"encoding/binary"
	"math/bits"
)

// polyvalKey is an element of POLYVAL's field (RFC 8452, 3), GF(2¹²⁸) modulo x¹²⁸+x¹²⁷+x¹²⁶+x¹²¹+1, with what
// multiplying by it needs: its halves, their sum, and the bits of each in reverse order.
type polyvalKey struct {
	low, high, both    uint64
	lowR, highR, bothR uint64
}

func newPolyvalKey(key []byte) *polyvalKey {
	k := &polyvalKey{low: binary.LittleEndian.Uint64(key), high: binary.LittleEndian.Uint64(key[8:])}
	k.both = k.low ^ k.high
	k.lowR, k.highR, k.bothR = bits.Reverse64(k.low), bits.Reverse64(k.high), bits.Reverse64(k.both)
	return k
}

// polyval hashes whole blocks: each is added, and the sum multiplied by key·x⁻¹²⁸.
type polyval struct {
	key       *polyvalKey
	low, high uint64
}

func (p *polyval) write(blocks []byte) {
	for ; len(blocks) >= blockSize; blocks = blocks[blockSize:] {
		p.low ^= binary.LittleEndian.Uint64(blocks)
		p.high ^= binary.LittleEndian.Uint64(blocks[8:])
		p.multiply()
	}
}

func (p *polyval) sum(out []byte) {
	binary.LittleEndian.PutUint64(out, p.low)
	binary.LittleEndian.PutUint64(out[8:], p.high)
}

// multiply is Karatsuba's product of 256 bits, whose lower half is then folded into the upper one, which
// divides by x¹²⁸. No step depends on secrets in its time.
func (p *polyval) multiply() {
	k := p.key
	lowR, highR := bits.Reverse64(p.low), bits.Reverse64(p.high)
	low, high := carryless(p.low, k.low), carryless(p.high, k.high)
	middle := carryless(p.low^p.high, k.both) ^ low ^ high
	lowTop := topHalf(lowR, k.lowR)
	highTop := topHalf(highR, k.highR)
	middleTop := topHalf(lowR^highR, k.bothR) ^ lowTop ^ highTop

	v0, v1, v2, v3 := low, lowTop^middle, high^middleTop, highTop
	v2 ^= v0 ^ v0>>1 ^ v0>>2 ^ v0>>7
	v1 ^= v0<<63 ^ v0<<62 ^ v0<<57
	v3 ^= v1 ^ v1>>1 ^ v1>>2 ^ v1>>7
	v2 ^= v1<<63 ^ v1<<62 ^ v1<<57
	p.low, p.high = v2, v3
}

// topHalf is the upper half of a product, from factors whose bits are in reverse order.
func topHalf(x, y uint64) uint64 { return bits.Reverse64(carryless(x, y)) >> 1 }

// carryless is the lower half of the product of two polynomials over GF(2). Integers are multiplied whose
// bits stand four apart, so that no carry reaches the next bit that counts.
func carryless(x, y uint64) uint64 {
	const (
		m0 = 0x1111111111111111
		m1 = m0 << 1
		m2 = m0 << 2
		m3 = m0 << 3
	)
	x0, x1, x2, x3 := x&m0, x&m1, x&m2, x&m3
	y0, y1, y2, y3 := y&m0, y&m1, y&m2, y&m3
	return (x0*y0^x1*y3^x2*y2^x3*y1)&m0 |
		(x0*y1^x1*y0^x2*y3^x3*y2)&m1 |
		(x0*y2^x1*y1^x2*y0^x3*y3)&m2 |
		(x0*y3^x1*y2^x2*y1^x3*y0)&m3
}
