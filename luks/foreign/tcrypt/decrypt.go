// SPDX-License-Identifier: Apache-2.0

package tcrypt

import (
	"crypto/subtle"

	"github.com/orthrus-luks/orthrus/dm/secret"
	"github.com/orthrus-luks/orthrus/luks/sector"
)

// saltSize is that of a header's salt, bytes; the rest is encrypted.
const saltSize = 64

// unit is a data unit: a sector of 512 bytes, whatever the header says.
const unit = sector.MinSize

// decryptHeader decrypts what lies behind the salt, 448 bytes at the beginning of a sector of which the rest means
// nothing. derived has as many bytes as the chain takes.
func (c Chain) decryptHeader(block *[unit]byte, derived []byte) error {
	switch c.Mode {
	case modeXTS, modeLRW:
		return c.eachCipher(block[:], derived, c.Mode)
	}
	for i := range block {
		block[i] ^= derived[8+i%8]
	}
	if c.Mode == modeCBC {
		return c.chainedCBC(block[:], derived, derived[:blockSize])
	}
	return c.outerCBC(block[:], derived, derived[:blockSize])
}

// eachCipher decrypts with one cipher after the other, the innermost first, each in the mode and as sector 0.
func (c Chain) eachCipher(block, area []byte, mode string) error {
	list := c.List()
	for i := len(list) - 1; i >= 0; i-- {
		one, err := c.cipher(area, i, list[i]+"-"+mode)
		if err != nil {
			return err
		}
		err = one.Decrypt(block, block, 0)
		one.Close()
		if err != nil {
			return err
		}
	}
	return nil
}

// cipher is cipher i by a specification of package sector, without what follows the key in CBC.
func (c Chain) cipher(area []byte, i int, spec string) (*sector.Cipher, error) {
	key, err := secret.New(c.keySize(i))
	if err != nil {
		return nil, err
	}
	defer key.Close()
	c.key(key.Bytes(), area, i)
	if c.Mode != modeXTS && c.Mode != modeLRW {
		key.Truncate(cipherKey)
	}
	return sector.New(spec, key.Bytes(), unit, sector.Kernelless())
}

// chainedCBC decrypts with the one cipher of the chain.
func (c Chain) chainedCBC(block, area, iv []byte) error {
	one, err := c.cipher(area, 0, c.Ciphers+"-cbc-null")
	if err != nil {
		return err
	}
	defer one.Close()
	if err := one.Decrypt(block, block, 0); err != nil {
		return err
	}
	subtle.XORBytes(block, block, iv)
	return nil
}

// outerCBC decrypts block by block with all ciphers; what is chained is their result.
func (c Chain) outerCBC(block, area, iv []byte) error {
	before := make([]byte, 0, unit)
	before = append(append(before, iv...), block[:len(block)-blockSize]...)
	defer clear(before)
	if err := c.eachCipher(block, area, "ecb"); err != nil {
		return err
	}
	subtle.XORBytes(block, block, before)
	return nil
}
