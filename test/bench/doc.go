// SPDX-License-Identifier: Apache-2.0

// Command bench compares whole processes of orthrus with those of the installed cryptsetup on the
// same headers: the two run in turn (A B A B …), and the table, in markdown, gives medians of wall
// time, the median of the ratios pair by pair, and peak memory. It judges nothing.
//
//	go run ./test/bench [-pairs 5] [-only unlock]
package main
