// SPDX-License-Identifier: Apache-2.0

package bitlk

import (
	"crypto/subtle"
	"encoding/binary"
	"errors"

	"github.com/orthrus-luks/orthrus/dm/secret"
	"github.com/orthrus-luks/orthrus/luks/sector"
)

const (
	nonceSize = 12
	tagSize   = 16
	blockSize = 16 // of AES
	// maxSealed is what fits a sector beside the first counter; a sealed key has 76 bytes at most.
	maxSealed = sector.MinSize - blockSize
)

// openCCM opens sealed data: AES-256 in CCM (RFC 3610) with M = 16, L = 3 and no associated data. A sector of
// 512 bytes holds all of it, so that ciphers that wipe their keys do the work: ECB over the counters, and CBC with a
// vector of zeros for the tag. The error is errTag for a wrong key.
func openCCM(key []byte, s *Sealed) (*secret.Buffer, error) {
	work, err := secret.New(sector.MinSize)
	if err != nil {
		return nil, err
	}
	defer work.Close()
	stream, n := work.Bytes(), len(s.data)
	s.counters(stream)
	if err := encrypt("aes-ecb", key, stream); err != nil {
		return nil, err
	}
	plain, err := secret.Copy(s.data)
	if err != nil {
		return nil, err
	}
	subtle.XORBytes(plain.Bytes(), s.data, stream[blockSize:])
	var tag [tagSize]byte
	subtle.XORBytes(tag[:], s.tag, stream)
	s.authenticated(stream, plain.Bytes())
	if err := encrypt("aes-cbc-null", key, stream); err != nil {
		return nil, errors.Join(err, plain.Close())
	}
	last := (n + blockSize - 1) / blockSize * blockSize
	if subtle.ConstantTimeCompare(tag[:], stream[last:last+tagSize]) != 1 {
		return nil, errors.Join(errTag, plain.Close())
	}
	return plain, nil
}

// counters fills p with the counter blocks from 0 on: flags, nonce, 24-bit number.
func (s *Sealed) counters(p []byte) {
	for at := 0; at < len(p); at += blockSize {
		block := p[at : at+blockSize]
		binary.BigEndian.PutUint32(block[blockSize-4:], uint32(at/blockSize))
		block[0] = 2 // L - 1
		copy(block[1:], s.nonce)
	}
}

// authenticated fills p with what the tag is of: flags, nonce, length, then the plaintext, padded with zeros.
func (s *Sealed) authenticated(p, plain []byte) {
	clear(p)
	binary.BigEndian.PutUint32(p[blockSize-4:], uint32(len(plain)))
	p[0] = 0x3a // (M - 2) / 2 in bits 3 to 5, L - 1 in the lowest
	copy(p[1:], s.nonce)
	copy(p[blockSize:], plain)
}

// encrypt encrypts p, a sector, in place.
func encrypt(spec string, key, p []byte) error {
	c, err := sector.New(spec, key, len(p))
	if err != nil {
		return err
	}
	defer c.Close()
	return c.Encrypt(p, p, 0)
}
