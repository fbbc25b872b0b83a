// SPDX-License-Identifier: Apache-2.0

package tcryptimage

import (
	"cmp"
	"crypto/aes"
	"crypto/cipher"
	"crypto/des"
	"crypto/subtle"
	"encoding/binary"
	"hash/crc32"
	"math/big"
	"slices"
	"strings"

	"github.com/aead/serpent"
	"golang.org/x/crypto/blowfish" //lint:ignore SA1019 volumes encrypted with it exist
	"golang.org/x/crypto/cast5"    //lint:ignore SA1019 volumes encrypted with it exist
	"golang.org/x/crypto/twofish"  //lint:ignore SA1019 volumes encrypted with it exist
	"golang.org/x/crypto/xts"

	"github.com/orthrus-luks/orthrus/luks/sector"
)

// chain are ciphers in a mode; the first encrypts first.
type chain struct{ ciphers, mode string }

func (c chain) list() []string { return strings.Split(c.ciphers, "-") }

// block is a cipher by its name.
func block(name string, key []byte) cipher.Block {
	var b cipher.Block
	var err error
	switch name {
	case "cast5":
		b, err = cast5.NewCipher(key)
	case "des3_ede":
		b, err = des.NewTripleDESCipher(key)
	case "blowfish_le":
		b, err = blowfish.NewCipher(key)
		b = turned{b}
	case "aes":
		b, err = aes.NewCipher(key)
	case "serpent":
		b, err = serpent.NewCipher(key)
	case "twofish":
		b, err = twofish.NewCipher(key)
	default:
		panic("no cipher " + name)
	}
	if err != nil {
		panic(err)
	}
	return b
}

// turned has the words of a block the other way around.
type turned struct{ cipher.Block }

func (b turned) Encrypt(to, from []byte) {
	for i := range to[:8] {
		to[i] = from[i]
	}
	turn(to)
	b.Block.Encrypt(to, to)
	turn(to)
}

func turn(p []byte) {
	slices.Reverse(p[:4])
	slices.Reverse(p[4:8])
}

// keyOf is the key of cipher i of an old mode.
func (c chain) keyOf(area []byte, i int) []byte {
	sizes := map[string]int{"cast5": 16, "des3_ede": 24, "blowfish_le": 56}
	at := 32
	for n, name := range c.list() {
		size := cmp.Or(sizes[name], 32)
		if n == i {
			return area[at : at+size]
		}
		at += size
	}
	panic("no such cipher")
}

// header encrypts what lies behind the salt.
func (c chain) header(key, plain []byte) []byte {
	out := append([]byte{}, plain...)
	body := out[64:]
	switch c.mode {
	case "xts-plain64":
		c.xts(key, body, 0)
	case "lrw-benbi":
		c.lrw(key, body, 1)
	case "cbc-tcrypt":
		for i := range c.list() {
			c.cbc(key, body, i, i+1)
			whiten(key, body)
		}
	default:
		c.cbc(key, body, 0, len(c.list()))
		whiten(key, body)
	}
	return out
}

func whiten(key, p []byte) {
	for i := range p {
		p[i] ^= key[8+i%8]
	}
}

// data encrypts sectors.
func (c chain) data(area, data []byte, number int) {
	for at := 0; at < len(data); at, number = at+sectorSize, number+1 {
		one := data[at : at+sectorSize]
		switch c.mode {
		case "xts-plain64":
			c.xts(area, one, uint64(number))
		case "lrw-benbi":
			c.lrw(area, one, int64(number)*32+1)
		default:
			c.tcw(area, one, uint64(number))
		}
	}
}

func (c chain) xts(area, p []byte, number uint64) {
	list := c.list()
	for i, name := range list {
		key := append(append([]byte{}, area[32*i:][:32]...), area[32*(len(list)+i):][:32]...)
		if name == "camellia" || name == "kuznyechik" {
			readersXTS(name, key, p, number)
			continue
		}
		x, err := xts.NewCipher(func(key []byte) (cipher.Block, error) { return block(name, key), nil }, key)
		if err != nil {
			panic(err)
		}
		x.Encrypt(p, p, number)
	}
}

// readersXTS is that of the reader: there is no other.
func readersXTS(name string, key, p []byte, number uint64) {
	c, err := sector.New(name+"-xts-plain64", key, sectorSize, sector.Kernelless())
	if err != nil {
		panic(err)
	}
	defer c.Close()
	var whole [sectorSize]byte // a header is shorter
	copy(whole[:], p)
	if err := c.Encrypt(whole[:], whole[:], number); err != nil {
		panic(err)
	}
	copy(p, whole[:])
}

// lrw multiplies with big integers.
func (c chain) lrw(area, p []byte, first int64) {
	tweak := new(big.Int).SetBytes(area[:16])
	for i, name := range c.list() {
		b := block(name, area[32*(1+i):][:32])
		for at := 0; at < len(p); at += 16 {
			t := product(tweak, first+int64(at/16)).FillBytes(make([]byte, 16))
			one := p[at : at+16]
			subtle.XORBytes(one, one, t)
			b.Encrypt(one, one)
			subtle.XORBytes(one, one, t)
		}
	}
}

// product multiplies polynomials modulo x¹²⁸+x⁷+x²+x+1.
func product(a *big.Int, n int64) *big.Int {
	out := new(big.Int)
	for bit := range 63 {
		if n>>bit&1 == 1 {
			out.Xor(out, new(big.Int).Lsh(a, uint(bit)))
		}
	}
	modulus := new(big.Int).SetBit(big.NewInt(0x87), 128, 1)
	for out.BitLen() > 128 {
		out.Xor(out, new(big.Int).Lsh(modulus, uint(out.BitLen()-129)))
	}
	return out
}

// cbc chains around a range of ciphers, with a vector from the beginning of the area.
func (c chain) cbc(area, p []byte, from, to int) { c.cbcFrom(area, p, area, from, to) }

func (c chain) cbcFrom(area, p, iv []byte, from, to int) {
	var blocks []cipher.Block
	for i := from; i < to; i++ {
		blocks = append(blocks, block(c.list()[i], c.keyOf(area, i)))
	}
	size := blocks[0].BlockSize()
	for at := 0; at < len(p); at += size {
		one := p[at : at+size]
		subtle.XORBytes(one, one, iv[:size])
		for _, b := range blocks {
			b.Encrypt(one, one)
		}
		iv = one
	}
}

func (c chain) tcw(area, p []byte, number uint64) {
	n := binary.LittleEndian.AppendUint64(nil, number)
	n = append(n, n...)
	iv, white := make([]byte, 16), make([]byte, 16)
	subtle.XORBytes(iv, area[:16], n)
	c.cbcFrom(area, p, iv, 0, 1)
	size := block(c.ciphers, c.keyOf(area, 0)).BlockSize()
	subtle.XORBytes(white, area[size:size+16], n)
	for at := 0; at < 16; at += 4 {
		sum := ^crc32.Update(^uint32(0), crc32.IEEETable, white[at:at+4])
		binary.LittleEndian.PutUint32(white[at:], sum)
	}
	subtle.XORBytes(white[:4], white[:4], white[12:])
	subtle.XORBytes(white[4:8], white[4:8], white[8:12])
	for at := range p {
		p[at] ^= white[at%8]
	}
}
