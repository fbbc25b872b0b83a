// SPDX-License-Identifier: Apache-2.0

package cli

// Checks of one option by itself. Each returns the reason to refuse, or "".

const sector = 512

func reduceSize(size uint64) string {
	switch {
	case size > 1<<30:
		return "Maximum device reduce size is 1 GiB."
	case size%sector != 0:
		return "Reduce size must be multiple of 512 bytes sector."
	}
	return ""
}

func wholeBytes(bits uint32) string {
	return Refuse(bits%8 != 0, "Key size must be a multiple of 8 bits")
}

// keySizes looks at the last of the sizes that were given so far.
func keySizes(bits []uint32) string {
	if len(bits) > 2 {
		return "At most 2 key size specifications can be supplied."
	}
	return wholeBytes(bits[len(bits)-1])
}

func sectorSize(size uint32) string {
	switch size {
	case 512, 1024, 2048, 4096:
		return ""
	}
	return "Unsupported encryption sector size."
}
