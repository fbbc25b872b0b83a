// SPDX-License-Identifier: Apache-2.0

package hashalg

import (
	"encoding/binary"
	"hash"
	"sync"
)

// streebog is Streebog with 512 bits (GOST R 34.11-2012, RFC 6986), of which VeraCrypt derives keys. Its time depends
// on what is hashed through tables in the cache.
type streebog struct {
	h, n, sum [8]uint64 // state; bits so far; sum of the blocks: words from the lowest up
	block     [64]byte
	used      int // of the block, bytes
}

func newStreebog() hash.Hash { return new(streebog) }

func (s *streebog) Size() int      { return 64 }
func (s *streebog) BlockSize() int { return 64 }
func (s *streebog) Reset()         { *s = streebog{} }

// Write never fails.
func (s *streebog) Write(p []byte) (int, error) {
	n := len(p)
	for len(p) > 0 {
		if s.used == len(s.block) {
			s.take(8 * len(s.block))
		}
		m := copy(s.block[s.used:], p)
		s.used += m
		p = p[m:]
	}
	return n, nil
}

// take compresses the block, of which so many bits are the message's.
func (s *streebog) take(bits int) {
	var m [8]uint64
	for i := range m {
		m[i] = binary.LittleEndian.Uint64(s.block[8*i:])
	}
	s.compress(&s.n, &m)
	add(&s.n, &[8]uint64{uint64(bits)})
	add(&s.sum, &m)
	s.used = 0
}

// add is addition modulo 2⁵¹².
func add(to, what *[8]uint64) {
	var carry uint64
	for i := range to {
		sum := to[i] + what[i]
		over := sum < to[i]
		to[i] = sum + carry
		over = over || to[i] < sum
		carry = 0
		if over {
			carry = 1
		}
	}
}

// Sum appends the digest.
func (s *streebog) Sum(b []byte) []byte {
	last := *s
	defer last.Reset()
	if last.used == len(last.block) {
		last.take(8 * len(last.block))
	}
	bits := 8 * last.used
	clear(last.block[last.used:])
	last.block[last.used] = 1
	last.take(bits)
	var zero [8]uint64
	last.compress(&zero, &last.n)
	last.compress(&zero, &last.sum)
	for _, w := range last.h {
		b = binary.LittleEndian.AppendUint64(b, w)
	}
	return b
}

// compress is the function g of the standard.
func (s *streebog) compress(n, m *[8]uint64) {
	table := streebogTable()
	key, t := s.h, *m
	round(table, &key, n)
	for i := range streebogRounds {
		round(table, &t, &key)
		round(table, &key, &streebogRounds[i])
	}
	for i := range s.h {
		s.h[i] ^= t[i] ^ key[i] ^ m[i]
	}
}

// round adds what to the state and puts that through the transformations S, P and L.
func round(table *[8][256]uint64, state, what *[8]uint64) {
	var x, out [8]uint64
	for i := range x {
		x[i] = state[i] ^ what[i]
	}
	for i := range out {
		for j, w := range x {
			out[i] ^= table[j][byte(w>>(8*i))]
		}
	}
	*state = out
}

// streebogTable has S and L of each byte at each place; it is made when it is first needed.
var streebogTable = sync.OnceValue(func() *[8][256]uint64 {
	table := new([8][256]uint64)
	for j := range table {
		for b := range table[j] {
			for bit := range 8 {
				if streebogBox[b]>>bit&1 == 1 {
					table[j][b] ^= streebogMatrix[63-8*j-bit]
				}
			}
		}
	}
	return table
})
