// SPDX-License-Identifier: Apache-2.0

package verity

import (
	"bytes"
	"hash"

	"github.com/orthrus-luks/orthrus/dm/kernelhash"
)

// hasher computes digests of blocks; each goroutine has its own.
type hasher struct {
	state hash.Hash
	salt  []byte
	last  bool // the salt comes after the block

	zero     []byte // a block of zeros
	ofZeros  []byte // its digest
	scratch  []byte
	zeroSize int // bytes of the block that ofZeros belongs to
}

func newHasher(p *Params) *hasher {
	return &hasher{state: kernelhash.New(p.Algorithm)(), salt: p.Salt, last: p.Format == 0}
}

// digest returns the hash of a block, which is valid until the next call.
func (h *hasher) digest(block []byte) []byte {
	if block[0] == 0 && block[len(block)-1] == 0 && h.isZero(block) {
		return h.zeroDigest(len(block))
	}
	return h.compute(block)
}

func (h *hasher) isZero(block []byte) bool {
	if len(h.zero) < len(block) {
		h.zero = make([]byte, len(block))
	}
	return bytes.Equal(block, h.zero[:len(block)])
}

// zeroDigest is the digest of a block of zeros: sparse images have many.
func (h *hasher) zeroDigest(size int) []byte {
	if h.zeroSize != size {
		h.ofZeros = bytes.Clone(h.compute(make([]byte, size)))
		h.zeroSize = size
	}
	return h.ofZeros
}

func (h *hasher) compute(block []byte) []byte {
	h.state.Reset()
	if !h.last {
		h.state.Write(h.salt)
	}
	h.state.Write(block)
	if h.last {
		h.state.Write(h.salt)
	}
	h.scratch = h.state.Sum(h.scratch[:0])
	return h.scratch
}
