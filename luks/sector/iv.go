// SPDX-License-Identifier: Apache-2.0

package sector

import (
	"encoding/binary"
	"math/bits"

	"github.com/orthrus-luks/orthrus/dm/secret"
	"github.com/orthrus-luks/orthrus/luks/hashalg"
)

// maxIVSize is that of the wide-block modes adiantum and hctr2, in bytes.
const maxIVSize = 32

// ivGenerator makes initialisation vectors; see the package comment for what they look like.
type ivGenerator struct {
	size  int                            // bytes in a vector; 0: none
	put   func(iv []byte, number uint64) // writes one vector over zeros
	salts blockCipher                    // essiv: encrypts the vectors; else nil
}

// fill writes consecutive vectors for the numbers first, first+step, … over all of ivs.
func (g *ivGenerator) fill(ivs []byte, first, step uint64) {
	if g.size == 0 || g.put == nil {
		return
	}
	clear(ivs)
	for at := 0; at < len(ivs); at += g.size {
		g.put(ivs[at:at+g.size], first)
		first += step
	}
	if g.salts != nil {
		g.salts.encrypt(ivs, ivs)
	}
}

func (g *ivGenerator) wipe() {
	if g.salts != nil {
		g.salts.wipe()
	}
}

// checkIV refuses vectors that need more than the sector's number and the key.
func (s Spec) checkIV() error {
	switch s.IV {
	case "", "null", "plain", "plain64", "plain64be", "benbi", "essiv":
		return nil
	case "eboiv":
		if s.Mode == "cbc" && s.builtin() {
			return nil
		}
	}
	// lmk, tcw and elephant change data or keys besides; random stores the vector elsewhere.
	return &UnsupportedError{Spec: s.String(), Part: "IV", Name: s.IV}
}

func newIV(s Spec, key []byte, size int) (g ivGenerator, err error) {
	g = plainIV(s, size)
	switch {
	case size == 0:
	case s.IV == "essiv":
		g.salts, err = newSalts(s, key)
	case s.IV == "eboiv":
		g.salts, err = newBlockCipher(s, key)
	}
	return g, err
}

// count makes benbi's vectors: the numbers count blocks, from 1.
func (g *ivGenerator) count(shift int) {
	g.put = func(iv []byte, n uint64) { binary.BigEndian.PutUint64(iv[len(iv)-8:], n<<shift+1) }
}

// cipherShift is benbiShift without the kernel's exception.
func (s Spec) cipherShift() int { return sectorShift - bits.TrailingZeros(uint(s.blockSize())) }

// byteOffsets makes eboiv's vectors of the numbers: what counts is where the sector begins, as BitLocker has
// it, which dm-crypt takes to be the number times the sector size.
func (g *ivGenerator) byteOffsets(sectorSize int) {
	g.put = func(iv []byte, n uint64) { binary.LittleEndian.PutUint64(iv, n*uint64(sectorSize)) }
}

// plainIV returns the generator for s; for essiv without the encryption.
func plainIV(s Spec, size int) ivGenerator {
	g := ivGenerator{size: size}
	switch s.IV {
	case "plain":
		g.put = func(iv []byte, n uint64) { binary.LittleEndian.PutUint32(iv, uint32(n)) }
	case "plain64", "essiv":
		g.put = binary.LittleEndian.PutUint64
	case "plain64be":
		g.put = func(iv []byte, n uint64) { binary.BigEndian.PutUint64(iv[len(iv)-8:], n) }
	case "benbi":
		g.count(s.benbiShift())
	default:
		g.put = func([]byte, uint64) {}
	}
	return g
}

// benbiShift is log2 of the blocks in 512 bytes. The kernel's counter modes have blocks of one byte;
// keyslots are encrypted without it, by programs that count the cipher's blocks.
func (s Spec) benbiShift() int {
	if s.Mode == "ctr" {
		return sectorShift
	}
	return s.cipherShift()
}

// newSalts returns the cipher that encrypts essiv vectors: keyed by the hash of the whole key.
func newSalts(s Spec, key []byte) (blockCipher, error) {
	h, err := hashalg.New(s.IVHash)
	if err != nil {
		return nil, &UnsupportedError{Spec: s.String(), Part: "hash", Name: s.IVHash, Err: err}
	}
	defer hashalg.Wipe(h)
	h.Write(key)
	salt := h.Sum(make([]byte, 0, h.Size()))
	defer secret.Wipe(salt)
	return newBlockCipher(s, salt)
}
