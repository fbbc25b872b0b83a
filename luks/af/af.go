// SPDX-License-Identifier: Apache-2.0

// Package af is the anti-forensic splitter of LUKS ("luks1" in LUKS2 headers; TKS1 and the LUKS1
// on-disk format specification, section 2.4): key material is inflated so that the loss of any
// part of it loses the key.
//
// Material of n stripes of a k-byte key is n*k bytes:
//
//	stripe 0 … n-2   random
//	stripe n-1       key XOR state, where state = 0 and for each of the stripes before:
//	                 state = diffuse(state XOR stripe)
//
// diffuse replaces each digest-size piece i of the state by H(be32(i) || piece), the last piece
// by as much of its digest as fits.
package af

import (
	"crypto/subtle"
	"encoding/binary"
	"errors"
	"fmt"
	"hash"
	"io"

	"github.com/orthrus-luks/orthrus/dm/secret"
	"github.com/orthrus-luks/orthrus/luks/hashalg"
)

// Stripes is the number of stripes in every keyslot that exists.
const Stripes = 4000

// ErrSize is returned when key, material and stripes do not fit together.
var ErrSize = errors.New("anti-forensic material has the wrong size")

// Split fills dst, of stripes*len(key) bytes, with material from which Merge makes key again.
// The random stripes are read from rand.
func Split(dst, key []byte, stripes int, hash string, rand io.Reader) error {
	d, err := newDiffuser(dst, key, stripes, hash)
	if err != nil {
		return err
	}
	defer d.wipe()
	random, last := dst[:len(dst)-len(key)], dst[len(dst)-len(key):]
	if _, err := io.ReadFull(rand, random); err != nil {
		return fmt.Errorf("reading random anti-forensic stripes: %w", err)
	}
	subtle.XORBytes(last, d.absorb(random), key)
	return nil
}

// Merge fills key from material of stripes*len(key) bytes.
func Merge(key, material []byte, stripes int, hash string) error {
	d, err := newDiffuser(material, key, stripes, hash)
	if err != nil {
		return err
	}
	defer d.wipe()
	random, last := material[:len(material)-len(key)], material[len(material)-len(key):]
	subtle.XORBytes(key, d.absorb(random), last)
	return nil
}

// diffuser holds the running state of a split or merge.
type diffuser struct {
	hash  hash.Hash
	state []byte // as long as the key
	piece []byte // be32(i) || piece, then room for the digest
}

func newDiffuser(material, key []byte, stripes int, name string) (*diffuser, error) {
	if len(key) == 0 || stripes < 1 || int64(len(material)) != int64(stripes)*int64(len(key)) {
		return nil, fmt.Errorf("%w: %d bytes for %d stripes of %d", ErrSize, len(material), stripes, len(key))
	}
	h, err := hashalg.New(name)
	if err != nil {
		return nil, err
	}
	return &diffuser{hash: h, state: make([]byte, len(key)), piece: make([]byte, 4+2*h.Size())}, nil
}

// absorb runs the state over all stripes of random and returns it.
func (d *diffuser) absorb(random []byte) []byte {
	for ; len(random) > 0; random = random[len(d.state):] {
		subtle.XORBytes(d.state, d.state, random[:len(d.state)])
		d.diffuse()
	}
	return d.state
}

func (d *diffuser) diffuse() {
	size := d.hash.Size()
	index, input, digest := d.piece[:4], d.piece[4:4+size], d.piece[4+size:]
	for i, rest := uint32(0), d.state; len(rest) > 0; i++ {
		binary.BigEndian.PutUint32(index, i)
		n := copy(input, rest)
		d.hash.Reset()
		d.hash.Write(d.piece[:4+n])
		d.hash.Sum(digest[:0])
		copy(rest[:n], digest)
		rest = rest[n:]
	}
}

func (d *diffuser) wipe() {
	hashalg.Wipe(d.hash)
	secret.Wipe(d.state)
	secret.Wipe(d.piece)
}
