// SPDX-License-Identifier: Apache-2.0

package witness

import (
	"bytes"
	"crypto/aes"
	"crypto/pbkdf2"
	"crypto/sha1"
	"crypto/sha256"
	"crypto/sha512"
	"encoding/binary"
	"fmt"
	"hash"

	"golang.org/x/crypto/xts"
)

const sectorSize = 512

var hashes = map[string]func() hash.Hash{"sha1": sha1.New, "sha256": sha256.New, "sha512": sha512.New}

// lock is one keyslot: how its passphrase opens it, and what verifies the key.
type lock struct {
	salt       []byte
	hash       string
	iterations int
	areaKey    int // bytes of the key that encrypts the area
	cipher     string
	stripes    int
	afHash     string
	keySize    int // bytes of the key inside

	digestHash       string
	digestIterations int
	digestSalt       []byte
	digest           []byte
}

// open returns the key that a passphrase opens, nil where it is the wrong one. An error means that no
// passphrase could.
func (l lock) open(passphrase string, area []byte) ([]byte, error) {
	kdf, afHash, digestHash := hashes[l.hash], hashes[l.afHash], hashes[l.digestHash]
	if kdf == nil || afHash == nil || digestHash == nil || l.cipher != "aes-xts-plain64" {
		return nil, fmt.Errorf("unknown algorithm: %s %s %s %s", l.hash, l.afHash, l.digestHash, l.cipher)
	}
	material := l.keySize * l.stripes
	if len(area) < roundUp(material, sectorSize) || l.stripes < 1 || l.keySize < 1 {
		return nil, fmt.Errorf("area of %d bytes for %d bytes of material", len(area), material)
	}
	key, err := pbkdf2.Key(kdf, passphrase, l.salt, l.iterations, l.areaKey)
	if err != nil {
		return nil, err
	}
	c, err := xts.NewCipher(aes.NewCipher, key)
	if err != nil {
		return nil, err
	}
	split := make([]byte, roundUp(material, sectorSize))
	for n := 0; n < len(split); n += sectorSize {
		c.Decrypt(split[n:n+sectorSize], area[n:n+sectorSize], uint64(n/sectorSize))
	}
	found := merge(split[:material], l.keySize, afHash())
	sum, err := pbkdf2.Key(digestHash, string(found), l.digestSalt, l.digestIterations, len(l.digest))
	if err != nil || !bytes.Equal(sum, l.digest) {
		return nil, err
	}
	return found, nil
}

func roundUp(n, to int) int { return (n + to - 1) / to * to }

// merge undoes the anti-forensic split.
func merge(split []byte, size int, h hash.Hash) []byte {
	state := make([]byte, size)
	for n := 0; n < len(split); n += size {
		for i := range state {
			state[i] ^= split[n+i]
		}
		if n+size < len(split) {
			diffuse(state, h)
		}
	}
	return state
}

func diffuse(state []byte, h hash.Hash) {
	var number [4]byte
	var sum [sha512.Size]byte
	for i := 0; i*h.Size() < len(state); i++ {
		block := state[i*h.Size() : min((i+1)*h.Size(), len(state))]
		binary.BigEndian.PutUint32(number[:], uint32(i))
		h.Reset()
		h.Write(number[:])
		h.Write(block)
		copy(block, h.Sum(sum[:0]))
	}
}
