// SPDX-License-Identifier: Apache-2.0

package sector

import "golang.org/x/sys/cpu"

// aesPath is a way to compute AES-XTS.
type aesPath string

const (
	pathAVX512 aesPath = "VAES with AVX-512" // 4 blocks a register, 32 at a time
	pathAVX2   aesPath = "VAES with AVX2"    // 2 blocks a register, 16 at a time
	pathAESNI  aesPath = "AES-NI"            // 1 block a register, 8 at a time; wants SSE2 only
)

// aesPaths returns what this processor can do, the fastest first.
func aesPaths() []aesPath {
	var paths []aesPath
	x86 := &cpu.X86
	if x86.HasAVX512F && x86.HasAVX512BW && x86.HasAVX512VAES && x86.HasAVX512VPCLMULQDQ {
		paths = append(paths, pathAVX512)
	}
	if x86.HasAVX2 && hasVAES() {
		paths = append(paths, pathAVX2)
	}
	if x86.HasAES && x86.HasSSE2 {
		paths = append(paths, pathAESNI)
	}
	return paths
}

// hasVAES asks for VAES and VPCLMULQDQ; x/sys/cpu tells only where there is AVX-512 too. There must be
// AVX2, which says that leaf 7 exists and the system saves the registers.
func hasVAES() bool {
	const both = 1<<9 | 1<<10
	return cpuidLeaf7()&both == both
}

func (p aesPath) xtsEncrypt(b *aesBlocks, dst, src, tweaks []byte, size int) {
	if len(src) == 0 {
		return
	}
	sectors, chunks := len(src)/size, size/MinSize
	switch p {
	case pathAVX512:
		xtsEncryptAVX512(b.enc, b.rounds, &dst[0], &src[0], &tweaks[0], sectors, chunks)
	case pathAVX2:
		xtsEncryptAVX2(b.enc, b.rounds, &dst[0], &src[0], &tweaks[0], sectors, chunks)
	default:
		xtsEncryptAESNI(b.enc, b.rounds, &dst[0], &src[0], &tweaks[0], sectors, chunks)
	}
}

func (p aesPath) xtsDecrypt(b *aesBlocks, dst, src, tweaks []byte, size int) {
	if len(src) == 0 {
		return
	}
	sectors, chunks := len(src)/size, size/MinSize
	switch p {
	case pathAVX512:
		xtsDecryptAVX512(b.dec, b.rounds, &dst[0], &src[0], &tweaks[0], sectors, chunks)
	case pathAVX2:
		xtsDecryptAVX2(b.dec, b.rounds, &dst[0], &src[0], &tweaks[0], sectors, chunks)
	default:
		xtsDecryptAESNI(b.dec, b.rounds, &dst[0], &src[0], &tweaks[0], sectors, chunks)
	}
}

// cpuidLeaf7 returns ECX of CPUID with EAX 7, ECX 0.
//
//go:noescape
func cpuidLeaf7() uint32

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
func xtsEncryptAESNI(keys *schedule, rounds int, dst, src, tweaks *byte, sectors, chunks int)

//go:noescape
func xtsDecryptAESNI(keys *schedule, rounds int, dst, src, tweaks *byte, sectors, chunks int)

//go:noescape
func xtsEncryptAVX2(keys *schedule, rounds int, dst, src, tweaks *byte, sectors, chunks int)

//go:noescape
func xtsDecryptAVX2(keys *schedule, rounds int, dst, src, tweaks *byte, sectors, chunks int)

//go:noescape
func xtsEncryptAVX512(keys *schedule, rounds int, dst, src, tweaks *byte, sectors, chunks int)

//go:noescape
func xtsDecryptAVX512(keys *schedule, rounds int, dst, src, tweaks *byte, sectors, chunks int)
