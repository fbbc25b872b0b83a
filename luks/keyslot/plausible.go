// SPDX-License-Identifier: Apache-2.0

package keyslot

// randomLimit bounds the chi-squared statistic of one sector's byte values against the even
// distribution. With 255 degrees of freedom random bytes stay around 255 with a deviation of 23;
// 600 is out of reach for them, while text, tables and zeros go into the thousands.
const randomLimit = 600

// Damaged returns the first byte offset of a sector in the material that cannot be encrypted data:
// overwritten with zeros, text or a file system's structures. Encrypted material looks random, so
// finding none (-1) proves nothing.
func Damaged(material []byte) int {
	for at := 0; at+SectorSize <= len(material); at += SectorSize {
		if chiSquared(material[at:at+SectorSize]) > randomLimit {
			return at
		}
	}
	return -1
}

// chiSquared uses that the sum of (n-e)^2/e over all values is the sum of n^2/e, less the length.
func chiSquared(p []byte) float64 {
	var counts [256]uint16
	squares := 0
	for _, b := range p {
		squares += 2*int(counts[b]) + 1
		counts[b]++
	}
	return float64(squares)*256/float64(len(p)) - float64(len(p))
}
