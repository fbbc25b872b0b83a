// SPDX-License-Identifier: Apache-2.0

package rs

import "fmt"

// Eraser computes what a set of columns is wrong by, where nothing else is wrong.
type Eraser struct {
	code    *Code
	columns []int
	solve   [][]byte // solve[i][t]: the share of syndrome t in the correction of columns[i]
}

// Eraser prepares for errors in the given columns (different ones, at most as many as roots).
func (c *Code) Eraser(columns []int) (*Eraser, error) {
	if len(columns) > c.roots {
		return nil, fmt.Errorf("rs: %d columns are erased, and %d parity bytes restore as many", len(columns), c.roots)
	}
	m := make([][]byte, len(columns))
	for t := range m {
		m[t] = make([]byte, len(columns))
		for i, column := range columns {
			m[t][i] = power(locator(column), t)
		}
	}
	solve, ok := gf().invert(m)
	if !ok {
		return nil, fmt.Errorf("rs: a column is erased twice: %v", columns)
	}
	return &Eraser{c, columns, solve}, nil
}

// Corrections computes from the syndromes of many codewords what is to be added to each erased
// column (corrections[i] to the i-th one), and takes that out of the syndromes from len(columns) on:
// a codeword where one of those is not 0 afterwards has errors elsewhere, and its corrections are worth nothing.
func (e *Eraser) Corrections(corrections, syndromes [][]byte) {
	known := len(e.columns)
	for i, correction := range corrections {
		clear(correction)
		for t := range known {
			addProduct(correction, syndromes[t], e.solve[i][t])
		}
	}
	for t := known; t < e.code.roots; t++ {
		for i, column := range e.columns {
			addProduct(syndromes[t], corrections[i], power(locator(column), t))
		}
	}
}

// power is x to the n.
func power(x byte, n int) byte { return gf().pow(int(gf().log[x]) * n) }
