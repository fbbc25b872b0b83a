// SPDX-License-Identifier: Apache-2.0

package sector

import (
	"crypto/subtle"
	"encoding/binary"
	"slices"
)

// xtsMode is XTS (IEEE 1619-2018, 5; NIST SP 800-38E) over whole blocks: a sector is a data unit,
// its vector the unit's number.
type xtsMode struct {
	data  blockCipher // under the first half of the key
	tweak blockCipher // under the second half
}

func newXTS(s Spec, key []byte) (mode, error) {
	if !slices.Contains(xtsKeySizes(), len(key)) {
		return nil, &KeySizeError{Spec: s.String(), Bytes: len(key), Want: xtsKeySizes()}
	}
	half := len(key) / 2
	data, err := newBlockCipher(s, key[:half])
	if err != nil {
		return nil, err
	}
	tweak, err := newBlockCipher(s, key[half:])
	if err != nil {
		data.wipe()
		return nil, err
	}
	return fasterXTS(xtsMode{data: data, tweak: tweak}), nil
}

func xtsKeySizes() []int { return []int{32, 48, 64} }

func (m xtsMode) encrypt(dst, src, ivs []byte, size int, work *[MaxSize]byte) error {
	m.whiten(dst, src, ivs, size, work, m.data.encrypt)
	return nil
}

func (m xtsMode) decrypt(dst, src, ivs []byte, size int, work *[MaxSize]byte) error {
	m.whiten(dst, src, ivs, size, work, m.data.decrypt)
	return nil
}

func (m xtsMode) whiten(dst, src, ivs []byte, size int, work *[MaxSize]byte, blocks func(dst, src []byte)) {
	m.tweak.encrypt(ivs, ivs)
	whitened(dst, src, size, work, blocks, func(tweaks []byte, at int) { fillTweaks(tweaks, ivs[at:]) })
}

// whitened adds tweaks to the blocks of each sector before and after they go through the cipher. fill makes those of
// a sector, whose vector begins at byte `at` of the vectors.
func whitened(dst, src []byte, size int, work *[MaxSize]byte, blocks func(dst, src []byte),
	fill func(tweaks []byte, at int),
) {
	tweaks := work[:size]
	defer clear(tweaks)
	for at := 0; at < len(src); at += size {
		fill(tweaks, at/size*blockSize)
		out := dst[at : at+size]
		subtle.XORBytes(out, src[at:at+size], tweaks)
		blocks(out, out)
		subtle.XORBytes(out, out, tweaks)
	}
}

// fillTweaks writes the tweaks of a sector's blocks: each is the one before times x in GF(2¹²⁸) with
// x¹²⁸ = x⁷+x²+x+1, bits and bytes in little-endian order.
func fillTweaks(tweaks, first []byte) {
	low := binary.LittleEndian.Uint64(first)
	high := binary.LittleEndian.Uint64(first[8:])
	for at := 0; at < len(tweaks); at += blockSize {
		binary.LittleEndian.PutUint64(tweaks[at:], low)
		binary.LittleEndian.PutUint64(tweaks[at+8:], high)
		carry := -(high >> 63) & 0x87 // no branch: tweaks depend on the key
		high = high<<1 | low>>63
		low = low<<1 ^ carry
	}
}

func (m xtsMode) ivSize() int { return blockSize }

func (m xtsMode) wipe() {
	m.data.wipe()
	m.tweak.wipe()
}
