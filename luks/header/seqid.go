// SPDX-License-Identifier: Apache-2.0

package header

// wrapWindow: a sequence number this close to the end of its range is older than one this close
// to the start.
const wrapWindow = 1 << 16

// Newer tells whether sequence number a is newer than b: plainly greater, as cryptsetup decides,
// except across the wrap from 2^64-1 to 0.
func Newer(a, b uint64) bool {
	const end = 1<<64 - wrapWindow
	switch {
	case a < wrapWindow && b >= end:
		return true
	case b < wrapWindow && a >= end:
		return false
	}
	return a > b
}
