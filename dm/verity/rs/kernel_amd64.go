// SPDX-License-Identifier: Apache-2.0

//go:build !purego

package rs

import "golang.org/x/sys/cpu"

// hornerFast does the beginning of horner, and returns how many bytes it did.
func hornerFast(sums, column []byte, c byte) int {
	n := len(sums) &^ 31
	if n == 0 || !cpu.X86.HasAVX2 {
		return 0
	}
	hornerAVX2(&sums[0], &column[:n][0], n, &gf().nibbles[c])
	return n
}

// addProductFast does the beginning of addProduct, and returns how many bytes it did.
func addProductFast(dst, src []byte, c byte) int {
	n := len(dst) &^ 31
	if n == 0 || !cpu.X86.HasAVX2 {
		return 0
	}
	addProductAVX2(&dst[0], &src[:n][0], n, &gf().nibbles[c])
	return n
}

//go:noescape
func hornerAVX2(sums, column *byte, n int, table *[32]byte)

//go:noescape
func addProductAVX2(dst, src *byte, n int, table *[32]byte)
