// SPDX-License-Identifier: Apache-2.0

//go:build amd64 || arm64

package sector

// aesXTS is xtsMode for AES with the tweaks and the blocks of all sectors of a call done by one
// routine.
type aesXTS struct {
	path  aesPath
	data  *aesBlocks // under the first half of the key
	tweak *aesBlocks // under the second half
}

// fasterXTS returns m, or the same in processor instructions if it is AES and there are such.
func fasterXTS(m xtsMode) mode {
	data, isAES := m.data.(*aesBlocks)
	if !isAES {
		return m
	}
	return aesXTS{path: aesPaths()[0], data: data, tweak: m.tweak.(*aesBlocks)}
}

func (m aesXTS) encrypt(dst, src, ivs []byte, size int, _ *[MaxSize]byte) error {
	m.tweak.encrypt(ivs, ivs)
	m.path.xtsEncrypt(m.data, dst[:len(src)], src, ivs, size)
	return nil
}

func (m aesXTS) decrypt(dst, src, ivs []byte, size int, _ *[MaxSize]byte) error {
	m.tweak.encrypt(ivs, ivs)
	m.path.xtsDecrypt(m.data, dst[:len(src)], src, ivs, size)
	return nil
}

func (m aesXTS) ivSize() int { return blockSize }

func (m aesXTS) wipe() {
	m.data.wipe()
	m.tweak.wipe()
}
