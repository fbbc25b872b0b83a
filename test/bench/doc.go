// SPDX-License-Identifier: Apache-2.0

// Command bench measures what people wait for, and prints tables in markdown: whole processes of
// orthrus against those of the installed cryptsetup on the same headers, run in turn (A B A B …);
// what Argon2 costs as memory and lanes grow; the choice of costs for a new keyslot; PBKDF2 against
// the standard library; sector encryption against openssl. Medians, ratios pair by pair, and peak
// memory. It judges nothing: where a row has an aim, the aim stands beside the figure.
//
//	go run ./test/bench [-pairs 5] [-only unlock] [-part processes] [-out bin/bench.md] [-readme cmd/pages/speed.md]
//
// A new comparison is a line in contests (contests.go); it may set any two commands against each
// other. A new kind of measurement is a part (main.go).
package main
