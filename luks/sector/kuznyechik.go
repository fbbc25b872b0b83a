// SPDX-License-Identifier: Apache-2.0

package sector

import (
	"crypto/subtle"
	"sync"

	"github.com/orthrus-luks/orthrus/luks/hashalg"
)

// kuznyechik is Kuznyechik (GOST R 34.12-2015, RFC 7801), which VeraCrypt has and no kernel. Its time depends on the
// data through tables in the cache.
type kuznyechik struct{ rounds [10][blockSize]byte }

// kuznyechikSize is that of its keys, bytes.
const kuznyechikSize = 32

// kuznyechikTables are the substitution and what undoes it, and the products by each coefficient of the linear
// transformation (RFC 7801, 4.1 and 4.2).
type kuznyechikTables struct {
	box, back [256]byte
	products  [blockSize]*[256]byte
}

var kuznyechikTable = sync.OnceValue(func() (t kuznyechikTables) {
	t.box = hashalg.GOSTBox()
	for x, y := range t.box {
		t.back[y] = byte(x)
	}
	for i, coefficient := range []byte{148, 32, 133, 16, 194, 192, 1, 251} {
		row := new([256]byte)
		for x := range row {
			row[x] = kuznyechikProduct(byte(x), coefficient)
		}
		t.products[i] = row
		if i < 7 {
			t.products[14-i] = row
		}
	}
	t.products[15] = t.products[6] // by 1
	return t
})

// kuznyechikProduct multiplies modulo x⁸ + x⁷ + x⁶ + x + 1.
func kuznyechikProduct(a, b byte) (product byte) {
	for ; b > 0; b >>= 1 {
		product ^= a & -(b & 1)
		a = a<<1 ^ 0xc3&-(a>>7)
	}
	return product
}

// newKuznyechik takes a key of kuznyechikSize.
func newKuznyechik(key []byte) *kuznyechik {
	c := &kuznyechik{}
	t := kuznyechikTable()
	copy(c.rounds[0][:], key)
	copy(c.rounds[1][:], key[blockSize:])
	for i := byte(1); i <= 32; i++ {
		at := (i-1)/8*2 + 2 // of the pair that comes about
		if i%8 == 1 {
			copy(c.rounds[at:at+2], c.rounds[at-2:at])
		}
		pair := c.rounds[at : at+2]
		constant := [blockSize]byte{blockSize - 1: i}
		t.mix(&constant)
		mixed := pair[0]
		xorBlock(&mixed, &constant)
		t.forward(&mixed)
		xorBlock(&mixed, &pair[1])
		pair[1], pair[0] = pair[0], mixed
	}
	return c
}

func xorBlock(to, with *[blockSize]byte) { subtle.XORBytes(to[:], to[:], with[:]) }

// mix is the linear transformation.
func (t *kuznyechikTables) mix(b *[blockSize]byte) {
	for range blockSize {
		x := b[15]
		for i := 14; i >= 0; i-- {
			x ^= t.products[i][b[i]]
			b[i+1] = b[i]
		}
		b[0] = x
	}
}

// unmix undoes mix.
func (t *kuznyechikTables) unmix(b *[blockSize]byte) {
	for range blockSize {
		x := b[0]
		for i := range 15 {
			b[i] = b[i+1]
			x ^= t.products[i][b[i]]
		}
		b[15] = x
	}
}

func (t *kuznyechikTables) forward(b *[blockSize]byte) {
	for i, x := range b {
		b[i] = t.box[x]
	}
	t.mix(b)
}

func (c *kuznyechik) encrypt(dst, src []byte) {
	t := kuznyechikTable()
	for at := 0; at < len(src); at += blockSize {
		b := [blockSize]byte(src[at:])
		for i := range 9 {
			xorBlock(&b, &c.rounds[i])
			t.forward(&b)
		}
		xorBlock(&b, &c.rounds[9])
		copy(dst[at:], b[:])
	}
}

func (c *kuznyechik) decrypt(dst, src []byte) {
	t := kuznyechikTable()
	for at := 0; at < len(src); at += blockSize {
		b := [blockSize]byte(src[at:])
		xorBlock(&b, &c.rounds[9])
		for i := 8; i >= 0; i-- {
			t.unmix(&b)
			for j, x := range b {
				b[j] = t.back[x]
			}
			xorBlock(&b, &c.rounds[i])
		}
		copy(dst[at:], b[:])
	}
}

func (c *kuznyechik) wipe() { *c = kuznyechik{} }
