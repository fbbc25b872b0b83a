// SPDX-License-Identifier: Apache-2.0

package pbkdf2

import (
	"crypto/subtle"
	"encoding"
	"encoding/binary"
	"hash"

	"github.com/orthrus-luks/orthrus/dm/secret"
	"github.com/orthrus-luks/orthrus/luks/hashalg"
)

// directLoop iterates HMAC with a SHA-1 or SHA-2 of the standard library, and spares the copying and
// padding of Sum: a digest and its padding fill one block, which is written whole, and the next digest
// is the beginning of the state, which AppendBinary tells.
type directLoop struct {
	inner, outer half
	block        []byte // a digest and its padding
	state        []byte // after a mark, room for a serialised state
	size         int    // of a digest, bytes
}

// half is the inner or the outer hash, which begins after the padded key.
type half struct {
	hash  hash.Hash
	start hashalg.Midstate
	tell  encoding.BinaryAppender
}

// What serialised states begin with: a mark, a byte that tells the hashes apart, and then the state. SHA-3
// has the same mark and greater bytes.
const (
	directMark = "sha"
	firstSHA1  = 1
	lastSHA2   = 7
)

// direct reports whether the hash with this serialised state is a SHA-1 or SHA-2.
func direct(state []byte, size int) bool {
	return len(state) > len(directMark)+size && string(state[:len(directMark)]) == directMark &&
		state[len(directMark)] >= firstSHA1 && state[len(directMark)] <= lastSHA2
}

// newDirectLoop takes hashes that have taken one block each. It returns nil if they are not of the kind.
func newDirectLoop(inner, outer hash.Hash) *directLoop {
	tellInner, one := inner.(encoding.BinaryAppender)
	tellOuter, other := outer.(encoding.BinaryAppender)
	if !one || !other {
		return nil
	}
	state, err := tellInner.AppendBinary(make([]byte, 0, 512))
	if err != nil || !direct(state, inner.Size()) {
		secret.Wipe(state)
		return nil
	}
	l := &directLoop{
		inner: half{inner, hashalg.Save(inner), tellInner}, outer: half{outer, hashalg.Save(outer), tellOuter},
		block: make([]byte, inner.BlockSize()), state: state, size: inner.Size(),
	}
	l.block[l.size] = 0x80
	binary.BigEndian.PutUint64(l.block[len(l.block)-8:], 8*uint64(len(l.block)+l.size))
	return l
}

// run replaces u by HMAC(u) n times and adds each to t.
func (l *directLoop) run(u, t []byte, n uint32) {
	digest := l.block[:l.size]
	copy(digest, u)
	for range n {
		l.next(&l.inner)
		l.next(&l.outer)
		subtle.XORBytes(t, t, digest)
	}
	copy(u, digest)
}

// next replaces the digest in the block by that of the block.
func (l *directLoop) next(h *half) {
	h.start.Restore()
	h.hash.Write(l.block)
	state, err := h.tell.AppendBinary(l.state[:0])
	if err != nil {
		panic(err) // it told its state when the loop was made
	}
	copy(l.block[:l.size], state[len(directMark)+1:])
}

func (l *directLoop) wipe() {
	l.inner.start.Wipe()
	l.outer.start.Wipe()
	secret.Wipe(l.block)
	secret.Wipe(l.state[:cap(l.state)])
}
