// SPDX-License-Identifier: Apache-2.0

// Package argon2 derives keys by Argon2i and Argon2id, version 0x13 (RFC 9106), as LUKS2 keyslots
// use them: on memory of its own, which is mapped with huge pages where they are cheap to get, locked
// where that is allowed, wiped and unmapped.
//
// The memory is a matrix of 1024-byte blocks with a row for each lane, filled from left to right,
// once per pass:
//
//	            slice 0         slice 1         slice 2         slice 3
//	lane 0  [][][] … [][]   [][][] … [][]   [][][] … [][]   [][][] … [][]
//	lane 1  [][][] … [][]   [][][] … [][]   [][][] … [][]   [][][] … [][]
//	                        └─ segment ─┘
//
//	block = G(previous block of the lane, reference block)  XOR old content, from pass 1 on
//
// Within a slice the lanes do not see each other's new blocks, so each lane may have a thread
// (Workers), and all threads meet at the end of each slice. Where the reference block lies is, in
// Argon2i and in the first half of Argon2id's first pass, a function of the position; otherwise of
// the previous block. It is nearly always a cache miss, which costs several times what G costs with
// wide registers. So where the place is known early it is prefetched; and where it is not, and a
// thread has several lanes, they take turns block by block, each fetching while the others compute.
package argon2
