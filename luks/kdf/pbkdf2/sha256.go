// SPDX-License-Identifier: Apache-2.0

package pbkdf2

import (
	"encoding"
	"encoding/binary"
	"hash"

	"github.com/orthrus-luks/orthrus/dm/secret"
)

// words is a state or digest of SHA-256.
type words = [8]uint32

// sha256Loop iterates HMAC-SHA-256 without leaving the processor's registers: about twice as fast as
// through hash.Hash, whose padding and copying cost as much as the compression.
type sha256Loop struct {
	iterate            func(inner, outer, u, t *words, n uint64)
	inner, outer, u, t words
}

// newSHA256Loop takes the states of inner and outer, hashes that have taken one block each. It
// returns nil if they are not SHA-256 or the processor has no instructions for it.
func newSHA256Loop(inner, outer hash.Hash) *sha256Loop {
	l := &sha256Loop{iterate: sha256Iterator()}
	if l.iterate == nil || !sha256State(&l.inner, inner) || !sha256State(&l.outer, outer) {
		return nil
	}
	return l
}

// sha256State reads the state out of h's serialised form: a mark, then eight words.
func sha256State(w *words, h hash.Hash) bool {
	const mark = "sha\x03"
	a, ok := h.(encoding.BinaryAppender)
	if !ok {
		return false
	}
	text, err := a.AppendBinary(make([]byte, 0, 128))
	defer secret.Wipe(text)
	if err != nil || len(text) < len(mark)+32 || string(text[:len(mark)]) != mark {
		return false
	}
	load(w, text[len(mark):])
	return true
}

// run replaces u by HMAC(u) n times and adds each to t.
func (l *sha256Loop) run(u, t []byte, n uint32) {
	load(&l.u, u)
	load(&l.t, t)
	l.iterate(&l.inner, &l.outer, &l.u, &l.t, uint64(n))
	store(u, &l.u)
	store(t, &l.t)
}

func load(w *words, p []byte) {
	for i := range w {
		w[i] = binary.BigEndian.Uint32(p[4*i:])
	}
}

func store(p []byte, w *words) {
	for i, v := range w {
		binary.BigEndian.PutUint32(p[4*i:], v)
	}
}

func (l *sha256Loop) wipe() { *l = sha256Loop{} }
