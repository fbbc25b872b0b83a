// SPDX-License-Identifier: Apache-2.0

package fvault2

import (
	"crypto/subtle"
	"encoding/binary"

	"github.com/orthrus-luks/orthrus/luks/sector"
)

// metadataBlock is a block of metadata, and the unit of their encryption, bytes.
const metadataBlock = 8192

// metadataCipher decrypts AES-XTS in units that are larger than a sector. Its key lies open in the header.
type metadataCipher struct {
	data, tweak *sector.Cipher
	tweaks      [metadataBlock]byte
}

func newMetadataCipher(key []byte) (c *metadataCipher, err error) {
	c = &metadataCipher{}
	if c.data, err = sector.New("aes-ecb", key[:16], sector.MinSize); err == nil {
		c.tweak, err = sector.New("aes-ecb", key[16:], sector.MinSize)
	}
	return c, err
}

func (c *metadataCipher) close() {
	c.data.Close()
	c.tweak.Close()
}

// decrypt decrypts the block of that number in place.
func (c *metadataCipher) decrypt(p []byte, number uint64) error {
	le, tweaks := binary.LittleEndian, c.tweaks[:]
	clear(tweaks)
	le.PutUint64(tweaks, number)
	if err := c.tweak.Encrypt(tweaks, tweaks[:sector.MinSize], 0); err != nil {
		return err
	}
	low, high := le.Uint64(tweaks), le.Uint64(tweaks[8:])
	for at := 0; at < len(tweaks); at += 16 {
		le.PutUint64(tweaks[at:], low)
		le.PutUint64(tweaks[at+8:], high)
		low, high = low<<1^high>>63*0x87, high<<1|low>>63
	}
	subtle.XORBytes(p, p, tweaks)
	err := c.data.Decrypt(p, p, 0)
	subtle.XORBytes(p, p, tweaks)
	return err
}

// wrappedSize is that of a wrapped key of 16 bytes.
const wrappedSize = half + 8

// unwrap takes the key out of what wraps it (RFC 3394, 2.2.2) and puts it into out, which may be the key. block is room
// for a sector. The error is ErrKey for the wrong key.
func unwrap(out, key, wrapped, block []byte) error {
	c, err := sector.New("aes-ecb", key, sector.MinSize)
	if err != nil {
		return err
	}
	defer c.Close()
	copy(block, wrapped[:8])
	copy(out, wrapped[8:])
	for step := 6 * 2; step > 0; step-- {
		part := out[(step+1)%2*8:][:8]
		block[7] ^= byte(step)
		copy(block[8:], part)
		if err := c.Decrypt(block, block, 0); err != nil {
			return err
		}
		copy(part, block[8:16])
	}
	if subtle.ConstantTimeCompare(block[:8], []byte("\xa6\xa6\xa6\xa6\xa6\xa6\xa6\xa6")) != 1 {
		return ErrKey
	}
	return nil
}
