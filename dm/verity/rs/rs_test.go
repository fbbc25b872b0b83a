// SPDX-License-Identifier: Apache-2.0

package rs

import (
	"bytes"
	"math/rand/v2"
	"os"
	"slices"
	"testing"

	"pgregory.net/rapid"
)

// divide is the textbook encoder: the remainder of message·x^roots by the generator.
func TestMain(m *testing.M) {
	fillOnce()
	os.Exit(m.Run())
}

func divide(message []byte, roots int) []byte {
	generator := []byte{1} // highest coefficient first
	for j := range roots {
		next := append(slices.Clone(generator), 0)
		for i, g := range generator {
			next[i+1] ^= gf.mul(g, gf.pow(j))
		}
		generator = next
	}
	rest := append(slices.Clone(message), make([]byte, roots)...)
	for i := range message {
		for j, g := range generator {
			if j > 0 {
				rest[i+j] ^= gf.mul(rest[i], g)
			}
		}
	}
	return rest[len(message):]
}

func random(r *rand.Rand, n int) []byte {
	p := make([]byte, n)
	for i := range p {
		p[i] = byte(r.Uint32())
	}
	return p
}

func zeros(n, size int) [][]byte {
	s := make([][]byte, n)
	for i := range s {
		s[i] = make([]byte, size)
	}
	return s
}

// codewords makes n random ones, as columns.
func codewords(c *Code, r *rand.Rand, n int) [][]byte {
	columns := make([][]byte, 0, Columns)
	sums := zeros(c.Roots(), n)
	for range c.MessageColumns() {
		columns = append(columns, random(r, n))
		c.Fold(sums, columns[len(columns)-1])
	}
	parity := zeros(c.Roots(), n)
	c.Parity(parity, sums)
	return append(columns, parity...)
}

func syndromes(c *Code, columns [][]byte) [][]byte {
	sums := zeros(c.Roots(), len(columns[0]))
	for _, column := range columns {
		c.Fold(sums, column)
	}
	return sums
}

func at(columns [][]byte, i int) []byte {
	p := make([]byte, len(columns))
	for t := range columns {
		p[t] = columns[t][i]
	}
	return p
}

func newCode(t interface{ Fatal(...any) }, roots int) *Code {
	c, err := New(roots)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func TestParityIsTheRemainderOfTheDivision(t *testing.T) {
	for roots := MinRoots; roots <= MaxRoots; roots++ {
		c := newCode(t, roots)
		columns := codewords(c, rand.New(rand.NewPCG(1, uint64(roots))), 77)
		for i := range 77 {
			word := at(columns, i)
			if want := divide(word[:c.MessageColumns()], roots); !bytes.Equal(word[c.MessageColumns():], want) {
				t.Fatalf("roots %d, codeword %d: parity %x, want %x", roots, i, word[c.MessageColumns():], want)
			}
		}
		for _, s := range syndromes(c, columns) {
			if !allZero(s) {
				t.Fatalf("roots %d: a sound codeword has a syndrome", roots)
			}
		}
	}
}

func TestFoldingZerosIsFoldingThemOneByOne(t *testing.T) {
	c := newCode(t, 5)
	r := rand.New(rand.NewPCG(2, 2))
	a, b := zeros(5, 64), zeros(5, 64)
	column := random(r, 64)
	c.Fold(a, column)
	c.Fold(b, column)
	for range 19 {
		c.Fold(a, make([]byte, 64))
	}
	c.FoldZeros(b, 19)
	for i := range a {
		if !bytes.Equal(a[i], b[i]) {
			t.Fatalf("sum %d differs", i)
		}
	}
}

func TestKernelsAgreeWithTheGenericOnes(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		n := rapid.IntRange(0, 200).Draw(t, "n")
		c := rapid.Byte().Draw(t, "c")
		r := rand.New(rand.NewPCG(rapid.Uint64().Draw(t, "seed"), 3))
		sums, column := random(r, n), random(r, n)
		want := slices.Clone(sums)
		for i := range want {
			want[i] = gf.mul(want[i], c) ^ column[i]
		}
		generic := slices.Clone(sums)
		hornerGeneric(generic, column, c)
		fast := slices.Clone(sums)
		horner(fast, column, c)
		if !bytes.Equal(generic, want) || !bytes.Equal(fast, want) {
			t.Fatalf("horner by %d of %d bytes: %x and %x, want %x", c, n, generic, fast, want)
		}
		for i := range want {
			want[i] = sums[i] ^ gf.mul(column[i], c)
		}
		copy(generic, sums)
		addProductGeneric(generic, column, c)
		copy(fast, sums)
		addProduct(fast, column, c)
		if !bytes.Equal(generic, want) || !bytes.Equal(fast, want) {
			t.Fatalf("addProduct by %d of %d bytes: %x and %x, want %x", c, n, generic, fast, want)
		}
	})
}

// draw picks n different columns below used or of the parity.
func draw(r *rand.Rand, c *Code, used, n int) []int {
	var columns []int
	for len(columns) < n {
		column := r.IntN(Columns)
		if (column < used || column >= c.MessageColumns()) && !slices.Contains(columns, column) {
			columns = append(columns, column)
		}
	}
	return columns
}

func TestErrorsAndErasuresWithinTheLimitAreFound(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		c := newCode(t, rapid.IntRange(MinRoots, MaxRoots).Draw(t, "roots"))
		r := rand.New(rand.NewPCG(rapid.Uint64().Draw(t, "seed"), 4))
		columns := codewords(c, r, 1)
		erasures := rapid.IntRange(0, c.Roots()).Draw(t, "erasures")
		errors := rapid.IntRange(0, (c.Roots()-erasures)/2).Draw(t, "errors")
		spoilt := draw(r, c, c.MessageColumns(), erasures+errors)
		for i, column := range spoilt {
			by := byte(r.Uint32())
			if i >= erasures {
				by |= 1 // an error differs; an erasure may happen to be right
			}
			columns[column][0] ^= by
		}
		wrong, ok := c.Correct(at(syndromes(c, columns), 0), spoilt[:erasures], c.MessageColumns())
		if !ok {
			t.Fatalf("%d erasures and %d errors are not found", erasures, errors)
		}
		for _, w := range wrong {
			columns[w.Column][0] ^= w.By
		}
		if !allZero(at(syndromes(c, columns), 0)) {
			t.Fatal("the correction gives no codeword")
		}
	})
}

// Beyond the limit a decoder may find another codeword, never something that is none.
func TestErrorsBeyondTheLimitGiveACodewordOrNothing(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		c := newCode(t, rapid.IntRange(MinRoots, MaxRoots).Draw(t, "roots"))
		r := rand.New(rand.NewPCG(rapid.Uint64().Draw(t, "seed"), 5))
		columns := codewords(c, r, 1)
		used := rapid.IntRange(0, c.MessageColumns()).Draw(t, "used")
		for _, column := range draw(r, c, c.MessageColumns(), rapid.IntRange(c.Roots()/2+1, 40).Draw(t, "errors")) {
			columns[column][0] ^= byte(r.Uint32()) | 1
		}
		wrong, ok := c.Correct(at(syndromes(c, columns), 0), nil, used)
		for _, w := range wrong {
			if ok && w.Column >= used && w.Column < c.MessageColumns() {
				t.Fatalf("column %d cannot be wrong", w.Column)
			}
			columns[w.Column][0] ^= w.By
		}
		if ok && !allZero(at(syndromes(c, columns), 0)) {
			t.Fatal("the correction gives no codeword")
		}
	})
}

func TestErasedColumnsAreComputedTogether(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		c := newCode(t, rapid.IntRange(MinRoots, MaxRoots).Draw(t, "roots"))
		r := rand.New(rand.NewPCG(rapid.Uint64().Draw(t, "seed"), 6))
		const n = 50
		columns := codewords(c, r, n)
		want := zeros(Columns, n)
		erased := draw(r, c, c.MessageColumns(), rapid.IntRange(1, c.Roots()).Draw(t, "erasures"))
		for i := range columns {
			copy(want[i], columns[i])
		}
		for _, column := range erased {
			copy(columns[column], random(r, n))
		}
		e, err := c.Eraser(erased)
		if err != nil {
			t.Fatal(err)
		}
		s := syndromes(c, columns)
		corrections := zeros(len(erased), n)
		e.Corrections(corrections, s)
		for i, column := range erased {
			addProduct(columns[column], corrections[i], 1)
			if !bytes.Equal(columns[column], want[column]) {
				t.Fatalf("column %d is not restored", column)
			}
		}
		for _, rest := range s[len(erased):] {
			if !allZero(rest) {
				t.Fatal("syndromes are left though nothing else is wrong")
			}
		}
	})
}

func TestWhatTheCodeCannotDoIsRefused(t *testing.T) {
	for _, roots := range []int{-1, 0, 1, 25, 255} {
		if _, err := New(roots); err == nil {
			t.Errorf("%d roots are taken", roots)
		}
	}
	c := newCode(t, 2)
	for _, columns := range [][]int{{1, 2, 3}, {7, 7}} {
		if _, err := c.Eraser(columns); err == nil {
			t.Errorf("erasures %v are taken", columns)
		}
	}
}

func BenchmarkFold(b *testing.B) {
	for _, roots := range []int{2, 24} {
		c := newCode(b, roots)
		r := rand.New(rand.NewPCG(7, 7))
		column := random(r, 32<<10)
		sums := zeros(roots, len(column))
		b.Run(map[int]string{2: "roots2", 24: "roots24"}[roots], func(b *testing.B) {
			b.SetBytes(int64(len(column)))
			for b.Loop() {
				c.Fold(sums, column)
			}
		})
	}
}
