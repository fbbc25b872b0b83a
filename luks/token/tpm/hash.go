// SPDX-License-Identifier: Apache-2.0

package tpm

import (
	"crypto/aes"
	"crypto/sha1"
	"crypto/sha256"
	"crypto/sha512"
	"encoding/binary"
	"hash"

	"github.com/orthrus-luks/orthrus/dm/secret"
)

// Hash is the number of a hash algorithm (TPM_ALG_ID).
type Hash uint16

// The hashes that banks of registers have.
const (
	SHA1   Hash = 0x04
	SHA256 Hash = 0x0b
	SHA384 Hash = 0x0c
	SHA512 Hash = 0x0d
)

// hashes are those by name, in the order in which a bank is looked for.
var hashes = [...]struct {
	name string
	hash Hash
	size int
	make func() hash.Hash
}{
	{"sha256", SHA256, sha256.Size, sha256.New},
	{"sha384", SHA384, sha512.Size384, sha512.New384},
	{"sha512", SHA512, sha512.Size, sha512.New},
	{"sha1", SHA1, sha1.Size, sha1.New},
}

// HashNamed is the one of a name as "sha256"; false for others.
func HashNamed(name string) (Hash, bool) {
	for _, h := range hashes {
		if h.name == name {
			return h.hash, true
		}
	}
	return 0, false
}

// String is its name.
func (h Hash) String() string {
	for _, known := range hashes {
		if known.hash == h {
			return known.name
		}
	}
	return "unknown hash"
}

// Size is the digest's length, bytes; 0 for a hash that is not known.
//
//go:noinline
func (h Hash) Size() int {
	for _, known := range hashes {
		if known.hash == h {
			return known.size
		}
	}
	return 0
}

func (h Hash) new() hash.Hash {
	for _, known := range hashes {
		if known.hash == h {
			return known.make()
		}
	}
	return sha256.New() // callers have asked for the size
}

// Sum hashes parts, one after another.
func (h Hash) Sum(parts ...[]byte) []byte {
	d := h.new()
	for _, p := range parts {
		_, _ = d.Write(p)
	}
	return d.Sum(nil)
}

// HMAC is that of parts (RFC 2104).
func (h Hash) HMAC(key []byte, parts ...[]byte) []byte {
	inner := h.new()
	block := make([]byte, inner.BlockSize())
	if len(key) > len(block) {
		copy(block, h.Sum(key))
	} else {
		copy(block, key)
	}
	defer secret.Wipe(block)
	for i := range block {
		block[i] ^= 0x36
	}
	_, _ = inner.Write(block)
	for _, p := range parts {
		_, _ = inner.Write(p)
	}
	for i := range block {
		block[i] ^= 0x36 ^ 0x5c
	}
	return h.Sum(block, inner.Sum(nil))
}

// kdfa derives size bytes (Part 1, 11.4.10.2: SP 800-108 in counter mode).
func (h Hash) kdfa(key []byte, label string, u, v []byte, size int) []byte {
	return expand(size, func(counter []byte) []byte {
		return h.HMAC(key, counter, []byte(label), []byte{0}, u, v, number(uint32(size)*8))
	})
}

// kdfe derives size bytes from a shared secret (Part 1, 11.4.10.3: SP 800-56A).
func (h Hash) kdfe(z []byte, label string, u, v []byte, size int) []byte {
	return expand(size, func(counter []byte) []byte {
		return h.Sum(counter, z, []byte(label), []byte{0}, u, v)
	})
}

// expand joins blocks that count from 1.
func expand(size int, block func(counter []byte) []byte) []byte {
	var out []byte
	for i := uint32(1); len(out) < size; i++ {
		out = append(out, block(number(i))...)
	}
	return out[:size:size]
}

//go:noinline
func number(n uint32) []byte { return binary.BigEndian.AppendUint32(nil, n) }

// cfb runs AES in CFB mode over p, in place; secrets is a key of 16 bytes and the IV of 16.
func cfb(secrets, p []byte, decrypt bool) error {
	block, err := aes.NewCipher(secrets[:16])
	if err != nil {
		return err
	}
	var last, mask [aes.BlockSize]byte
	copy(last[:], secrets[16:])
	for len(p) > 0 {
		block.Encrypt(mask[:], last[:])
		n := min(len(p), aes.BlockSize)
		for i := range n {
			in := p[i]
			p[i] ^= mask[i]
			last[i] = p[i]
			if decrypt {
				last[i] = in
			}
		}
		p = p[n:]
	}
	secret.Wipe(mask[:])
	return nil
}
