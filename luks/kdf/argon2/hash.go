// SPDX-License-Identifier: Apache-2.0

package argon2

import (
	"encoding/binary"
	"hash"

	"golang.org/x/crypto/blake2b"

	"github.com/orthrus-luks/orthrus/dm/secret"
	"github.com/orthrus-luks/orthrus/luks/hashalg"
)

const prehashSize = 64 // bytes

// prehash returns H0 of RFC 9106, section 3.2, with room for two numbers behind it.
func (p *Params) prehash(password, salt []byte, keyLength int) *[prehashSize + 8]byte {
	h := newBlake2b(prehashSize)
	defer hashalg.Wipe(h)
	var head [24]byte
	putUint32s(head[:], p.Lanes, uint32(keyLength), p.Memory, p.Time, version, uint32(p.Variant))
	h.Write(head[:])
	for _, input := range [][]byte{password, salt, p.secret, p.data} {
		putUint32s(head[:4], uint32(len(input)))
		h.Write(head[:4])
		h.Write(input)
	}
	h0 := new([prehashSize + 8]byte)
	h.Sum(h0[:0])
	return h0
}

// longHash is H' of RFC 9106, section 3.3: BLAKE2b with output of any length. It fills out.
func longHash(out, in []byte) {
	var length [4]byte
	putUint32s(length[:], uint32(len(out)))
	if len(out) <= blake2b.Size {
		blake2bInto(out, length[:], in)
		return
	}
	var link [blake2b.Size]byte
	defer secret.Wipe(link[:])
	blake2bInto(link[:], length[:], in)
	for len(out) > blake2b.Size {
		out = out[copy(out, link[:blake2b.Size/2]):]
		if len(out) > blake2b.Size {
			blake2bInto(link[:], link[:])
		} else {
			blake2bInto(out, link[:])
		}
	}
}

// blake2bInto fills out, of at most 64 bytes, with the digest of that length. out may be one of the parts.
func blake2bInto(out []byte, parts ...[]byte) {
	h := newBlake2b(len(out))
	defer hashalg.Wipe(h)
	for _, part := range parts {
		h.Write(part)
	}
	h.Sum(out[:0])
}

func newBlake2b(size int) hash.Hash {
	h, err := blake2b.New(size, nil)
	if err != nil {
		panic(err) // only for a size or key that is too long
	}
	return h
}

func putUint32s(p []byte, values ...uint32) {
	for i, v := range values {
		binary.LittleEndian.PutUint32(p[4*i:], v)
	}
}
