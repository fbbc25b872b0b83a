// SPDX-License-Identifier: Apache-2.0

// Package modular calculates with numbers modulo an odd one, in Montgomery's form: what the keys of TPMs, the curves
// of servers and shared secrets need of arithmetic. How long a calculation takes depends on the lengths of its numbers
// alone, not on their values, but for the exponent of Power, which is public everywhere here.
//
// A number x of k words of 64 bits, least significant first, stands for x*R^-1 mod n with R = 2^(64k).
// Source: Montgomery, "Modular multiplication without trial division", 1985; Koç, Acar, Kaliski, "Analyzing and
// comparing Montgomery multiplication algorithms", 1996 (CIOS).
package modular

import (
	"errors"
	"math/bits"
)

// mostWords bounds a modulus: 4096 bits.
const mostWords = 64

// ErrModulus: an even modulus, 1, or one of more than 4096 bits.
var ErrModulus = errors.New("not an odd modulus of at most 4096 bits")

// Modulus is what numbers are taken modulo of.
type Modulus struct {
	n      []uint64
	negInv uint64 // -n^-1 mod 2^64
	square Number // R^2 mod n
	size   int
}

// Number is one in Montgomery's form, less than its modulus.
type Number []uint64

// New takes a modulus, big-endian.
func New(p []byte) (*Modulus, error) {
	for len(p) > 0 && p[0] == 0 {
		p = p[1:]
	}
	if len(p) == 0 || p[len(p)-1]&1 == 0 || len(p) > mostWords*8 || len(p) == 1 && p[0] == 1 {
		return nil, ErrModulus
	}
	m := &Modulus{n: words(p, (len(p)+7)/8), size: len(p)}
	inverse := m.n[0] // right in 3 bits, each round doubles them
	for range 5 {
		inverse *= 2 - m.n[0]*inverse
	}
	m.negInv = -inverse
	m.square = m.Zero()
	m.square[0] = 1
	for range 2 * 64 * len(m.n) {
		m.Add(m.square, m.square, m.square)
	}
	return m, nil
}

// words are those of a number, big-endian, that has no more.
func words(p []byte, count int) []uint64 {
	w := make([]uint64, count)
	for i, b := range p {
		at := len(p) - 1 - i
		w[at/8] |= uint64(b) << (at % 8 * 8)
	}
	return w
}

// Size is the modulus' length, bytes.
func (m *Modulus) Size() int { return m.size }

// Zero is a new 0.
func (m *Modulus) Zero() Number { return make(Number, len(m.n)) }

// One is a new 1.
func (m *Modulus) One() Number {
	z := m.Zero()
	z[0] = 1
	m.Multiply(z, z, m.square)
	return z
}

// Number reads one, big-endian and of at most the modulus' length; false for one that is not less than the modulus.
func (m *Modulus) Number(p []byte) (Number, bool) {
	if len(p) > m.size {
		return nil, false
	}
	x := Number(words(p, len(m.n)))
	var borrow uint64
	for i, w := range m.n {
		_, borrow = bits.Sub64(x[i], w, borrow)
	}
	if borrow == 0 {
		return nil, false
	}
	m.Multiply(x, x, m.square)
	return x, true
}

// Bytes fills out, of the modulus' length, with a number, big-endian.
func (m *Modulus) Bytes(out []byte, x Number) {
	plain, one := m.Zero(), m.Zero()
	one[0] = 1
	m.Multiply(plain, x, one)
	for i := range out {
		at := len(out) - 1 - i
		out[i] = byte(plain[at/8] >> (at % 8 * 8))
	}
	clear(plain)
}

// Add sets z = x + y. Operands may be the same here and below.
func (m *Modulus) Add(z, x, y Number) {
	var carry uint64
	for i := range m.n {
		z[i], carry = bits.Add64(x[i], y[i], carry)
	}
	m.reduce(z, z, carry)
}

// Subtract sets z = x - y.
func (m *Modulus) Subtract(z, x, y Number) {
	var borrow, carry uint64
	for i := range m.n {
		z[i], borrow = bits.Sub64(x[i], y[i], borrow)
	}
	for i, w := range m.n {
		z[i], carry = bits.Add64(z[i], w&-borrow, carry)
	}
}

// reduce sets z to t, or to t - n where t, with its carry, is not less than n.
func (m *Modulus) reduce(z, t []uint64, carry uint64) {
	var space [mostWords]uint64
	less, borrow := space[:len(m.n)], uint64(0)
	for i, w := range m.n {
		less[i], borrow = bits.Sub64(t[i], w, borrow)
	}
	keep := -(borrow &^ carry)
	for i := range less {
		z[i] = t[i]&keep | less[i]&^keep
	}
}

// Multiply sets z = x * y.
func (m *Modulus) Multiply(z, x, y Number) {
	var space [mostWords + 2]uint64
	k := len(m.n)
	t := space[:k+2]
	for i := range k {
		carry := addProduct(t[:k], x, y[i])
		t[k], carry = bits.Add64(t[k], carry, 0)
		t[k+1] = carry
		carry = addProduct(t[:k], m.n, t[0]*m.negInv) // makes t[0] zero
		t[k], carry = bits.Add64(t[k], carry, 0)
		t[k+1] += carry
		copy(t, t[1:])
		t[k+1] = 0
	}
	m.reduce(z, t[:k], t[k])
}

// addProduct adds x*y to t and returns the word above.
func addProduct(t, x []uint64, y uint64) (carry uint64) {
	for i := range t {
		high, low := bits.Mul64(x[i], y)
		sum, c := bits.Add64(low, t[i], 0)
		high += c
		t[i], c = bits.Add64(sum, carry, 0)
		carry = high + c
	}
	return carry
}

// Power sets z = x to a public exponent, big-endian.
func (m *Modulus) Power(z, x Number, exponent []byte) {
	result, base := m.One(), append(Number(nil), x...)
	for i := range 8 * len(exponent) {
		m.Multiply(result, result, result)
		if exponent[i/8]>>(7-i%8)&1 == 1 {
			m.Multiply(result, result, base)
		}
	}
	copy(z, result)
	clear(result)
	clear(base)
}

// Invert sets z = 1/x for a modulus that is a prime, and 0 for 0.
func (m *Modulus) Invert(z, x Number) {
	exponent := make([]byte, 8*len(m.n))
	borrow := uint64(2)
	for i, w := range m.n {
		w, borrow = bits.Sub64(w, borrow, 0)
		for j := range 8 {
			exponent[len(exponent)-1-8*i-j] = byte(w >> (8 * j))
		}
	}
	m.Power(z, x, exponent)
}
