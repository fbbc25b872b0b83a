// SPDX-License-Identifier: Apache-2.0

package rs

import "fmt"

// Columns is the length of a codeword in bytes.
const Columns = order

// The parity bytes that dm-verity allows in a codeword.
const (
	MinRoots = 2
	MaxRoots = 24
)

// Code is the code with a number of parity bytes. It may be used by many goroutines.
type Code struct {
	roots  int
	parity [][]byte // parity[i][t]: the share of sum t in parity byte i
}

// New returns the code with 2 to 24 parity bytes in a codeword.
func New(roots int) (*Code, error) {
	fillOnce()
	if roots < MinRoots || roots > MaxRoots {
		return nil, fmt.Errorf("rs: %d parity bytes: dm-verity has %d to %d", roots, MinRoots, MaxRoots)
	}
	// With the parity bytes p appended, every sum is to be 0:
	// sum_t · alpha^(t·roots) = p_0 · alpha^(t·(roots-1)) + ... + p_(roots-1).
	m := make([][]byte, roots)
	for t := range m {
		m[t] = make([]byte, roots)
		for i := range roots {
			m[t][i] = gf.pow(t * (roots - 1 - i))
		}
	}
	parity, _ := gf.invert(m) // a Vandermonde matrix of different powers
	for i := range parity {
		for t := range parity[i] {
			parity[i][t] = gf.mul(parity[i][t], gf.pow(t*roots))
		}
	}
	return &Code{roots: roots, parity: parity}, nil
}

// Roots is the number of parity bytes in a codeword.
func (c *Code) Roots() int { return c.roots }

// MessageColumns is the number of message bytes in a codeword.
func (c *Code) MessageColumns() int { return Columns - c.roots }

// Fold takes the next column into the sums, which are as many slices as the code has roots, each as
// long as column. Sums start as zeros.
func (c *Code) Fold(sums [][]byte, column []byte) {
	for t := range c.roots {
		horner(sums[t], column, gf.pow(t))
	}
}

// FoldZeros takes n columns of zeros into the sums.
func (c *Code) FoldZeros(sums [][]byte, n int) {
	for t := range c.roots {
		scale(sums[t], gf.pow(t*n))
	}
}

// Parity computes the parity columns from the sums over all message columns. Its slices are as many
// and as long as those of sums, and lie elsewhere.
func (c *Code) Parity(parity, sums [][]byte) {
	for i, column := range parity {
		clear(column)
		for t, share := range c.parity[i] {
			addProduct(column, sums[t], share)
		}
	}
}

// locator is the value that stands for a column: alpha to the power of its x.
func locator(column int) byte { return gf.pow(Columns - 1 - column) }

// Shift adds to the sums what a change of one column of the codeword adds to them. With the parity columns folded in
// as well, sums are the syndromes.
func (c *Code) Shift(syndromes [][]byte, change []byte, column int) {
	for t := range c.roots {
		addProduct(syndromes[t], change, power(locator(column), t))
	}
}
