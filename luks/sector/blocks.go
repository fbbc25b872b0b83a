// SPDX-License-Identifier: Apache-2.0

package sector

import (
	"crypto/cipher"
	"slices"

	"golang.org/x/crypto/twofish" //lint:ignore SA1019 volumes encrypted with it exist
)

// blockCipher transforms blocks of 16 bytes, each by itself. dst is as long as src, a whole number of
// blocks, and is src itself or does not overlap it.
type blockCipher interface {
	encrypt(dst, src []byte)
	decrypt(dst, src []byte)
	wipe()
}

// kuznyechikName is the cipher that is here although no kernel has it: see Kernelless.
const kuznyechikName = "kuznyechik"

const blockSize = 16 // of all ciphers computed here, in bytes

// blockKeySizes are the key sizes that the ciphers computed here take, in bytes.
func blockKeySizes() []int { return []int{16, 24, 32} }

func builtinCipher(name string) bool {
	return name == "aes" || name == "serpent" || name == "twofish" || name == "camellia"
}

// blockSize returns the bytes in a block of the cipher.
func (s Spec) blockSize() int {
	switch s.Cipher {
	case "cast5", "blowfish", "des", "des3_ede":
		return 8
	}
	return blockSize
}

func newBlockCipher(s Spec, key []byte) (blockCipher, error) {
	sizes := blockKeySizes()
	if s.Cipher == kuznyechikName {
		sizes = []int{kuznyechikSize}
	}
	if !slices.Contains(sizes, len(key)) {
		return nil, &KeySizeError{Spec: s.String(), Bytes: len(key), Want: sizes}
	}
	switch s.Cipher {
	case kuznyechikName:
		return newKuznyechik(key), nil
	case "serpent":
		return newSerpent(key)
	case "camellia":
		return newCamellia(key), nil
	case "twofish":
		b, err := twofish.NewCipher(key)
		return twofishBlocks{oneByOne{b}, b}, err
	}
	return newAES(key)
}

// oneByOne makes a blockCipher of a standard one.
type oneByOne struct{ block cipher.Block }

func (o oneByOne) encrypt(dst, src []byte) {
	for at := 0; at < len(src); at += blockSize {
		o.block.Encrypt(dst[at:at+blockSize], src[at:at+blockSize])
	}
}

func (o oneByOne) decrypt(dst, src []byte) {
	for at := 0; at < len(src); at += blockSize {
		o.block.Decrypt(dst[at:at+blockSize], src[at:at+blockSize])
	}
}

func (o oneByOne) wipe() {}

// twofishBlocks can wipe its keys because the type is exported.
type twofishBlocks struct {
	oneByOne
	keys *twofish.Cipher
}

func (t twofishBlocks) wipe() { *t.keys = twofish.Cipher{} }
