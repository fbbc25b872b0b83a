// SPDX-License-Identifier: Apache-2.0

// Package rs is the Reed-Solomon code of dm-verity's forward error correction: systematic
// RS(255, 255-roots) over GF(2^8) with the polynomial x^8+x^4+x^3+x^2+1 (0x11d), alpha = 2 and the
// generator (x-1)(x-alpha)...(x-alpha^(roots-1)).
//
//	column    0                    k-1   k         254
//	        +---+---+-- ... --+---+----+----+ ... +----+      k = 255 - roots
//	        |      message bytes       |  parity bytes |
//	        +---+---+-- ... --+---+----+----+ ... +----+
//	power    254 253            roots   roots-1       0       of x
//
// Codewords are worked on by the thousand: byte i of a "column" slice belongs to codeword i. Sums
// are the values of all codewords at the generator's roots, built column by column with Horner's
// rule; they give the parity bytes of a message and the syndromes of a codeword.
//
// Source: drivers/md/dm-verity-fec.c and lib/reed_solomon of the Linux kernel, as facts.
//
// Stability: v0, like the rest of the module.
package rs
