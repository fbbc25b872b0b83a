// SPDX-License-Identifier: Apache-2.0

package sector

import "golang.org/x/sys/cpu"

// aesPath is a way to compute AES-XTS.
type aesPath string

const pathNEON aesPath = "ARMv8 AES" // 8 blocks at a time

// aesPaths returns what this processor can do, the fastest first.
func aesPaths() []aesPath {
	if !cpu.ARM64.HasAES || !cpu.ARM64.HasASIMD {
		return nil
	}
	return []aesPath{pathNEON}
}

func (p aesPath) xtsEncrypt(b *aesBlocks, dst, src, tweaks []byte, size int) {
	if len(src) > 0 {
		xtsEncryptNEON(b.enc, b.rounds, &dst[0], &src[0], &tweaks[0], len(src)/size, size/MinSize)
	}
}

func (p aesPath) xtsDecrypt(b *aesBlocks, dst, src, tweaks []byte, size int) {
	if len(src) > 0 {
		xtsDecryptNEON(b.dec, b.rounds, &dst[0], &src[0], &tweaks[0], len(src)/size, size/MinSize)
	}
}

// subWord is SubWord of FIPS 197, 5.2.
//
//go:noescape
func subWord(w uint32) uint32

// invMixColumns is InvMixColumns of FIPS 197, 5.3.3, on the 16 bytes at key, in place.
//
//go:noescape
func invMixColumns(key *byte)

// aesEncrypt and aesDecrypt transform blocks of 16 bytes, each by itself.
//
//go:noescape
func aesEncrypt(keys *schedule, rounds int, dst, src *byte, blocks int)

//go:noescape
func aesDecrypt(keys *schedule, rounds int, dst, src *byte, blocks int)

// The XTS routines transform sectors of chunks · 512 bytes. tweaks holds the encrypted vector of each
// sector, 16 bytes.
//
//go:noescape
func xtsEncryptNEON(keys *schedule, rounds int, dst, src, tweaks *byte, sectors, chunks int)

//go:noescape
func xtsDecryptNEON(keys *schedule, rounds int, dst, src, tweaks *byte, sectors, chunks int)
