// SPDX-License-Identifier: Apache-2.0

package cli

import (
	"math/bits"
	"strconv"
	"strings"
)

// parseUnsigned reads decimal digits of at most that many bits. Like strtoull it takes leading
// blanks and a plus sign; unlike it, a negative number is no number.
func parseUnsigned(text string, size int) (uint64, bool) {
	digits := strings.TrimPrefix(strings.TrimLeft(text, " \t\n\v\f\r"), "+")
	n, err := strconv.ParseUint(digits, 10, size)
	return n, err == nil
}

func parseSigned(text string) (int, bool) {
	n, err := strconv.ParseInt(strings.TrimLeft(text, " \t\n\v\f\r"), 10, 32)
	return int(n), err == nil
}

// ParseSize reads a size in bytes: digits, then nothing, s for 512-byte sectors, k m g t or KiB …
// for powers of 1024, or KB … for powers of 1000.
func ParseSize(text string) (uint64, bool) {
	end := 0
	for end < len(text) && text[end] >= '0' && text[end] <= '9' {
		end++
	}
	n, err := strconv.ParseUint(text[:end], 10, 64)
	factor, known := sizeUnit(text[end:])
	high, low := bits.Mul64(n, factor)
	return low, err == nil && known && high == 0
}

// sizeUnit returns the bytes that a suffix stands for.
func sizeUnit(suffix string) (uint64, bool) {
	if suffix == "" {
		return 1, true
	}
	if suffix == "s" || suffix == "S" {
		return 512, true
	}
	power := strings.IndexByte("kmgt", suffix[0]|0x20) + 1
	if power == 0 {
		return 0, false
	}
	base := uint64(1024)
	switch suffix[1:] {
	case "", "iB":
	case "B":
		base = 1000
	default:
		return 0, false
	}
	factor := base
	for range power - 1 {
		factor *= base
	}
	return factor, true
}
