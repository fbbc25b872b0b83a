// SPDX-License-Identifier: Apache-2.0

package tcrypt

import (
	"crypto/subtle"
	"encoding/binary"

	"github.com/orthrus-luks/orthrus/dm/secret"
	"github.com/orthrus-luks/orthrus/luks/sector"
)

// saltSize is that of a header's salt, bytes; the rest is encrypted.
const saltSize = 64

// unit is a data unit: a sector of 512 bytes, whatever the header says.
const unit = sector.MinSize

// decryptHeader decrypts what lies behind the salt, 448 bytes at the beginning of a sector of which the rest means
// nothing. derived has as many bytes as the chain takes. The error is package sector's: the oldest ciphers are the
// kernel's to compute.
func (c Chain) decryptHeader(block *[unit]byte, derived []byte) error {
	list := c.List()
	switch c.Mode {
	case modeXTS, modeLRW:
		return c.eachCipher(block[:], derived, c.Mode)
	case modeCBCI:
		return c.chained(block[:], derived, 0, len(list))
	}
	for i := len(list) - 1; i >= 0; i-- {
		if err := c.chained(block[:], derived, i, i+1); err != nil {
			return err
		}
	}
	return nil
}

// chained decrypts CBC around the ciphers of a range, whitened with bytes 8 to 15 of the seeds: block by block by all
// of them, and then what is chained are their results.
func (c Chain) chained(block, area []byte, from, to int) error {
	for i := range block {
		block[i] ^= area[8+i%8]
	}
	_, size := sizes(c.List()[from])
	before := make([]byte, 0, unit)
	before = append(append(before, area[:size]...), block[:len(block)-size]...)
	defer clear(before)
	for i := to - 1; i >= from; i-- {
		if err := c.decryptBlocks(block, area, i); err != nil {
			return err
		}
	}
	subtle.XORBytes(block, block, before)
	return nil
}

// decryptBlocks decrypts each block by itself with cipher i.
func (c Chain) decryptBlocks(block, area []byte, i int) error {
	name := c.List()[i]
	if name != blowfish {
		return c.byCipher(block, area, i, name+"-ecb")
	}
	swap(block)
	err := c.byCipher(block, area, i, "blowfish-ecb")
	swap(block)
	return err
}

// swap turns the words of 32 bits around.
func swap(p []byte) {
	for ; len(p) > 0; p = p[4:] {
		binary.BigEndian.PutUint32(p, binary.LittleEndian.Uint32(p))
	}
}

// eachCipher decrypts with one cipher after the other, the innermost first, each in the mode and as sector 0.
func (c Chain) eachCipher(block, area []byte, mode string) error {
	list := c.List()
	for i := len(list) - 1; i >= 0; i-- {
		if err := c.byCipher(block, area, i, list[i]+"-"+mode); err != nil {
			return err
		}
	}
	return nil
}

// byCipher decrypts with cipher i as sector 0.
func (c Chain) byCipher(block, area []byte, i int, spec string) error {
	one, err := c.cipher(area, i, spec)
	if err != nil {
		return err
	}
	defer one.Close()
	return one.Decrypt(block, block, 0)
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
		n, _ := sizes(c.List()[i])
		key.Truncate(n)
	}
	return sector.New(spec, key.Bytes(), unit, sector.Kernelless())
}
