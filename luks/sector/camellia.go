// SPDX-License-Identifier: Apache-2.0

package sector

import (
	"encoding/binary"
	"math/bits"
)

// camellia is Camellia (RFC 3713), which VeraCrypt has beside AES. Its time depends on the data through the cache as
// far as a table of 256 bytes does that.
type camellia struct {
	whiten [4]uint64   // kw1 to kw4
	rounds []uint64    // k1 …, six between two layers of fl
	layers [][2]uint64 // ke1, ke2 …
}

// camelliaSigma are the constants of the key schedule.
var camelliaSigma = [6]uint64{
	0xa09e667f3bcc908b, 0xb67ae8584caa73b2, 0xc6ef372fe94f82be, 0x54ff53a5f1d36f1c, 0x10e527fade682d1d,
	0xb05688c2b3e6c1fd,
}

// newCamellia takes keys of blockKeySizes.
func newCamellia(key []byte) *camellia {
	kl := loadWord(key)
	var kr word128
	switch len(key) {
	case 24:
		kr.high = binary.BigEndian.Uint64(key[16:])
		kr.low = ^kr.high
	case 32:
		kr = loadWord(key[16:])
	}
	ka := camelliaMix(kl.plus(kr), 0)
	ka = camelliaMix(ka.plus(kl), 2)
	if len(key) == 16 {
		return camelliaShort(kl, ka)
	}
	return camelliaLong(kl, kr, ka, camelliaMix(ka.plus(kr), 4))
}

// camelliaMix are two rounds under constants.
func camelliaMix(d word128, sigma int) word128 {
	d.low ^= camelliaF(d.high, camelliaSigma[sigma])
	d.high ^= camelliaF(d.low, camelliaSigma[sigma+1])
	return d
}

func camelliaShort(kl, ka word128) *camellia {
	c := &camellia{rounds: make([]uint64, 0, 18)}
	c.whiten[0], c.whiten[1] = kl.high, kl.low
	c.add(ka, kl.rotate(15), ka.rotate(15))
	c.layer(ka, 30)
	c.add(kl.rotate(45))
	c.rounds = append(c.rounds, ka.rotate(45).high, kl.rotate(60).low)
	c.add(ka.rotate(60))
	c.layer(kl, 77)
	c.add(kl.rotate(94), ka.rotate(94), kl.rotate(111))
	last := ka.rotate(111)
	c.whiten[2], c.whiten[3] = last.high, last.low
	return c
}

func camelliaLong(kl, kr, ka, kb word128) *camellia {
	c := &camellia{rounds: make([]uint64, 0, 24)}
	c.whiten[0], c.whiten[1] = kl.high, kl.low
	c.add(kb, kr.rotate(15), ka.rotate(15))
	c.layer(kr, 30)
	c.add(kb.rotate(30), kl.rotate(45), ka.rotate(45))
	c.layer(kl, 60)
	c.add(kr.rotate(60), kb.rotate(60), kl.rotate(77))
	c.layer(ka, 77)
	c.add(kr.rotate(94), ka.rotate(94), kl.rotate(111))
	last := kb.rotate(111)
	c.whiten[2], c.whiten[3] = last.high, last.low
	return c
}

// add appends the two halves of each word.
func (c *camellia) add(words ...word128) {
	for _, w := range words {
		c.rounds = append(c.rounds, w.high, w.low)
	}
}

func (c *camellia) layer(w word128, by int) {
	w = w.rotate(by)
	c.layers = append(c.layers, [2]uint64{w.high, w.low})
}

// rotate turns to the left, by 0 to 127 bits.
func (w word128) rotate(by int) word128 {
	if by >= 64 {
		w.high, w.low = w.low, w.high
		by -= 64
	}
	return word128{w.high<<by | w.low>>(64-by), w.low<<by | w.high>>(64-by)}
}

func (c *camellia) encrypt(dst, src []byte) {
	for at := 0; at < len(src); at += blockSize {
		d := loadWord(src[at:]).plus(word128{c.whiten[0], c.whiten[1]})
		for i := 0; i < len(c.rounds); i += 2 {
			if i > 0 && i%6 == 0 {
				d.high, d.low = camelliaFL(d.high, c.layers[i/6-1][0]), camelliaFLInv(d.low, c.layers[i/6-1][1])
			}
			d.low ^= camelliaF(d.high, c.rounds[i])
			d.high ^= camelliaF(d.low, c.rounds[i+1])
		}
		d.store(dst[at:], c.whiten[2], c.whiten[3])
	}
}

func (c *camellia) decrypt(dst, src []byte) {
	for at := 0; at < len(src); at += blockSize {
		d := loadWord(src[at:]).plus(word128{c.whiten[2], c.whiten[3]})
		for i := len(c.rounds); i > 0; i -= 2 {
			if i < len(c.rounds) && i%6 == 0 {
				d.high, d.low = camelliaFL(d.high, c.layers[i/6-1][1]), camelliaFLInv(d.low, c.layers[i/6-1][0])
			}
			d.low ^= camelliaF(d.high, c.rounds[i-1])
			d.high ^= camelliaF(d.low, c.rounds[i-2])
		}
		d.store(dst[at:], c.whiten[0], c.whiten[1])
	}
}

// store swaps the halves and whitens them.
func (w word128) store(dst []byte, first, second uint64) {
	binary.BigEndian.PutUint64(dst, w.low^first)
	binary.BigEndian.PutUint64(dst[8:], w.high^second)
}

// camelliaF is the round function: substitution, then the linear layer P.
func camelliaF(in, key uint64) uint64 {
	x := in ^ key
	s := &camelliaBox
	t1, t5 := s[x>>56], bits.RotateLeft8(s[x>>24&0xff], 1)
	t2, t6 := bits.RotateLeft8(s[x>>48&0xff], 1), bits.RotateLeft8(s[x>>16&0xff], 7)
	t3, t7 := bits.RotateLeft8(s[x>>40&0xff], 7), s[bits.RotateLeft8(byte(x>>8), 1)]
	t4, t8 := s[bits.RotateLeft8(byte(x>>32), 1)], s[x&0xff]
	return binary.BigEndian.Uint64([]byte{
		t1 ^ t3 ^ t4 ^ t6 ^ t7 ^ t8, t1 ^ t2 ^ t4 ^ t5 ^ t7 ^ t8, t1 ^ t2 ^ t3 ^ t5 ^ t6 ^ t8,
		t2 ^ t3 ^ t4 ^ t5 ^ t6 ^ t7, t1 ^ t2 ^ t6 ^ t7 ^ t8, t2 ^ t3 ^ t5 ^ t7 ^ t8, t3 ^ t4 ^ t5 ^ t6 ^ t8,
		t1 ^ t4 ^ t5 ^ t6 ^ t7,
	})
}

func camelliaFL(x, key uint64) uint64 {
	left, right := uint32(x>>32), uint32(x)
	right ^= bits.RotateLeft32(left&uint32(key>>32), 1)
	left ^= right | uint32(key)
	return uint64(left)<<32 | uint64(right)
}

func camelliaFLInv(y, key uint64) uint64 {
	left, right := uint32(y>>32), uint32(y)
	left ^= right | uint32(key)
	right ^= bits.RotateLeft32(left&uint32(key>>32), 1)
	return uint64(left)<<32 | uint64(right)
}

func (c *camellia) wipe() {
	clear(c.whiten[:])
	clear(c.rounds)
	clear(c.layers)
}

// camelliaBox is the first of the four boxes; the others are it with its input or output rotated.
var camelliaBox = [256]byte{
	112, 130, 44, 236, 179, 39, 192, 229, 228, 133, 87, 53, 234, 12, 174, 65, 35, 239, 107, 147, 69, 25, 165, 33, 237,
	14, 79, 78, 29, 101, 146, 189, 134, 184, 175, 143, 124, 235, 31, 206, 62, 48, 220, 95, 94, 197, 11, 26, 166, 225,
	57, 202, 213, 71, 93, 61, 217, 1, 90, 214, 81, 86, 108, 77, 139, 13, 154, 102, 251, 204, 176, 45, 116, 18, 43, 32,
	240, 177, 132, 153, 223, 76, 203, 194, 52, 126, 118, 5, 109, 183, 169, 49, 209, 23, 4, 215, 20, 88, 58, 97, 222,
	27, 17, 28, 50, 15, 156, 22, 83, 24, 242, 34, 254, 68, 207, 178, 195, 181, 122, 145, 36, 8, 232, 168, 96, 252, 105,
	80, 170, 208, 160, 125, 161, 137, 98, 151, 84, 91, 30, 149, 224, 255, 100, 210, 16, 196, 0, 72, 163, 247, 117, 219,
	138, 3, 230, 218, 9, 63, 221, 148, 135, 92, 131, 2, 205, 74, 144, 51, 115, 103, 246, 243, 157, 127, 191, 226, 82,
	155, 216, 38, 200, 55, 198, 59, 129, 150, 111, 75, 19, 190, 99, 46, 233, 121, 167, 140, 159, 110, 188, 142, 41,
	245, 249, 182, 47, 253, 180, 89, 120, 152, 6, 106, 231, 70, 113, 186, 212, 37, 171, 66, 136, 162, 141, 250, 114, 7,
	185, 85, 248, 238, 172, 10, 54, 73, 42, 104, 60, 56, 241, 164, 64, 40, 211, 123, 187, 201, 67, 193, 21, 227, 173,
	244, 119, 199, 128, 158,
}
