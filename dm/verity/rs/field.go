// SPDX-License-Identifier: Apache-2.0

package rs

import "sync"

const (
	polynomial = 0x11d
	order      = 255 // of the multiplicative group
)

// field holds powers and logarithms of alpha, and each element's products with all nibbles.
type field struct {
	exp     [2 * order]byte // twice, so that sums of two logarithms need no reduction
	log     [256]byte       // log[0] has no meaning
	nibbles [256][32]byte   // c·0 .. c·15, then c·0x00 .. c·0xf0: what a byte shuffle looks up
}

// gf is filled by the first New: a program that needs no code does not wait for it.
var gf field

var fillOnce = sync.OnceFunc(gf.fill)

func (f *field) fill() {
	x := 1
	for i := range order {
		f.exp[i], f.exp[i+order] = byte(x), byte(x)
		f.log[x] = byte(i)
		if x <<= 1; x > 0xff {
			x ^= polynomial
		}
	}
	for c := range 256 {
		for n := range 16 {
			f.nibbles[c][n] = f.mul(byte(c), byte(n))
			f.nibbles[c][16+n] = f.mul(byte(c), byte(n<<4))
		}
	}
}

func (f *field) mul(a, b byte) byte {
	if a == 0 || b == 0 {
		return 0
	}
	return f.exp[int(f.log[a])+int(f.log[b])]
}

// div divides by b, which is not 0.
func (f *field) div(a, b byte) byte {
	if a == 0 {
		return 0
	}
	return f.exp[int(f.log[a])+order-int(f.log[b])]
}

// pow is alpha to the power of n >= 0.
func (f *field) pow(n int) byte { return f.exp[n%order] }

// invert turns a square matrix into its inverse; false: it has none.
func (f *field) invert(m [][]byte) ([][]byte, bool) {
	n := len(m)
	inverse := make([][]byte, n)
	for i := range inverse {
		inverse[i] = make([]byte, n)
		inverse[i][i] = 1
	}
	for i := range n {
		pivot := i
		for pivot < n && m[pivot][i] == 0 {
			pivot++
		}
		if pivot == n {
			return nil, false
		}
		m[i], m[pivot] = m[pivot], m[i]
		inverse[i], inverse[pivot] = inverse[pivot], inverse[i]
		f.clear(m, inverse, i)
	}
	return inverse, true
}

// clear makes column i of m that of the unit matrix, and does the same steps to the inverse.
func (f *field) clear(m, inverse [][]byte, i int) {
	scale := f.div(1, m[i][i])
	f.scaleRow(m[i], scale)
	f.scaleRow(inverse[i], scale)
	for r := range m {
		if c := m[r][i]; r != i && c != 0 {
			f.addRow(m[r], m[i], c)
			f.addRow(inverse[r], inverse[i], c)
		}
	}
}

func (f *field) scaleRow(row []byte, c byte) {
	for i := range row {
		row[i] = f.mul(row[i], c)
	}
}

func (f *field) addRow(dst, src []byte, c byte) {
	for i := range dst {
		dst[i] ^= f.mul(src[i], c)
	}
}
