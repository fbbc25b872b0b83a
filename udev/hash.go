// SPDX-License-Identifier: Apache-2.0

package udev

import "encoding/binary"

// murmur2 is MurmurHash2 (Austin Appleby, public domain) with seed 0. It reads words in the byte
// order of the processor, as udevd's does, so its values differ on big-endian machines.
func murmur2(s string) uint32 {
	const m = 0x5bd1e995
	h := uint32(len(s))
	b := []byte(s)
	for ; len(b) >= 4; b = b[4:] {
		k := binary.NativeEndian.Uint32(b) * m
		h = h*m ^ (k^k>>24)*m
	}
	for i := len(b) - 1; i >= 0; i-- {
		h ^= uint32(b[i]) << (8 * i)
	}
	if len(b) > 0 {
		h *= m
	}
	h = (h ^ h>>13) * m
	return h ^ h>>15
}

// bloom is the Bloom filter of one tag: four bits, from six bits of its hash each. The filter of a
// device is that of all its tags, ORed.
func bloom(tag string) uint64 {
	h := murmur2(tag)
	return 1<<(h&63) | 1<<(h>>6&63) | 1<<(h>>12&63) | 1<<(h>>18&63)
}
