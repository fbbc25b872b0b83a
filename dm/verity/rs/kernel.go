// SPDX-License-Identifier: Apache-2.0

package rs

import (
	"crypto/subtle"
	"encoding/binary"
)

// horner does sums[i] = c·sums[i] + column[i], for slices of one length.
func horner(sums, column []byte, c byte) {
	if c == 1 {
		subtle.XORBytes(sums, sums, column)
		return
	}
	n := hornerFast(sums, column, c)
	hornerGeneric(sums[n:], column[n:], c)
}

// addProduct does dst[i] += c·src[i], for slices of one length.
func addProduct(dst, src []byte, c byte) {
	switch c {
	case 0:
		return
	case 1:
		subtle.XORBytes(dst, dst, src)
		return
	}
	n := addProductFast(dst, src, c)
	addProductGeneric(dst[n:], src[n:], c)
}

// scale does p[i] = c·p[i].
func scale(p []byte, c byte) {
	if c == 1 {
		return
	}
	row := products(c)
	for i := range p {
		p[i] = row[p[i]]
	}
}

func products(c byte) *[256]byte {
	row := new([256]byte)
	for i := range row {
		row[i] = gf().mul(byte(i), c)
	}
	return row
}

func hornerGeneric(sums, column []byte, c byte) {
	if c == 2 {
		n := hornerDouble(sums, column)
		sums, column = sums[n:], column[n:]
	}
	if len(sums) == 0 {
		return
	}
	row := products(c)
	column = column[:len(sums)]
	for i := range sums {
		sums[i] = row[sums[i]] ^ column[i]
	}
}

// hornerDouble multiplies eight bytes at once by alpha, and returns how many bytes it did.
func hornerDouble(sums, column []byte) int {
	const tops, rest = 0x8080808080808080, 0x7f7f7f7f7f7f7f7f
	n := len(sums) &^ 7
	for i := 0; i < n; i += 8 {
		v := binary.LittleEndian.Uint64(sums[i:])
		v = v&rest<<1 ^ (v&tops>>7)*(polynomial&0xff)
		binary.LittleEndian.PutUint64(sums[i:], v^binary.LittleEndian.Uint64(column[i:]))
	}
	return n
}

func addProductGeneric(dst, src []byte, c byte) {
	if len(dst) == 0 {
		return
	}
	row := products(c)
	src = src[:len(dst)]
	for i := range dst {
		dst[i] ^= row[src[i]]
	}
}
