// SPDX-License-Identifier: Apache-2.0

//go:build amd64 || arm64

package sector

import (
	"crypto/aes"
	"encoding/binary"
	"math/bits"

	"github.com/orthrus-luks/orthrus/dm/secret"
)

// scheduleSize is that of the longest AES key schedule: 15 round keys of 16 bytes.
const scheduleSize = 15 * 16

// schedule is a key schedule. The code that reads it takes its whole size, whatever the rounds.
type schedule [scheduleSize]byte

// aesBlocks is AES by the processor's own instructions. Its round keys lie outside the Go heap.
type aesBlocks struct {
	rounds int
	memory *secret.Buffer // holds both schedules
	enc    *schedule      // FIPS 197, 5.2
	dec    *schedule      // of the equivalent inverse cipher, FIPS 197, 5.3.5; in order of use
}

func newAES(key []byte) (blockCipher, error) {
	if len(aesPaths()) == 0 {
		b, err := aes.NewCipher(key)
		return oneByOne{b}, err
	}
	return newAESBlocks(key)
}

func newAESBlocks(key []byte) (*aesBlocks, error) {
	memory, err := secret.New(2 * scheduleSize)
	if err != nil {
		return nil, err
	}
	b := &aesBlocks{
		rounds: len(key)/4 + 6,
		memory: memory,
		enc:    (*schedule)(memory.Bytes()[:scheduleSize]),
		dec:    (*schedule)(memory.Bytes()[scheduleSize:]),
	}
	b.enc.expand(key, b.rounds)
	b.dec.invert(b.enc, b.rounds)
	return b, nil
}

// expand is KeyExpansion of FIPS 197, 5.2, on little-endian words. The S-box is the processor's, so
// that the time taken says nothing about the key.
func (s *schedule) expand(key []byte, rounds int) {
	copy(s[:], key)
	words := len(key) / 4
	constant := uint32(1)
	for i := words; i < 4*(rounds+1); i++ {
		w := s.word(i - 1)
		switch {
		case i%words == 0:
			w = subWord(bits.RotateLeft32(w, -8)) ^ constant
			constant = constant<<1 ^ constant>>7*0x11b
		case words > 6 && i%words == 4:
			w = subWord(w)
		}
		binary.LittleEndian.PutUint32(s[4*i:], w^s.word(i-words))
	}
}

func (s *schedule) word(i int) uint32 { return binary.LittleEndian.Uint32(s[4*i:]) }

// invert turns the order of the round keys round, and takes those between the ends through
// InvMixColumns.
func (s *schedule) invert(enc *schedule, rounds int) {
	for i := range rounds + 1 {
		copy(s[16*i:][:16], enc[16*(rounds-i):])
	}
	for i := 1; i < rounds; i++ {
		invMixColumns(&s[16*i])
	}
}

func (b *aesBlocks) encrypt(dst, src []byte) {
	if len(src) > 0 {
		aesEncrypt(b.enc, b.rounds, &dst[:len(src)][0], &src[0], len(src)/blockSize)
	}
}

func (b *aesBlocks) decrypt(dst, src []byte) {
	if len(src) > 0 {
		aesDecrypt(b.dec, b.rounds, &dst[:len(src)][0], &src[0], len(src)/blockSize)
	}
}

func (b *aesBlocks) wipe() {
	_ = b.memory.Close() // the wiping is done even if unmapping fails
	b.enc, b.dec = nil, nil
}
