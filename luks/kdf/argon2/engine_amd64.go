// SPDX-License-Identifier: Apache-2.0

//go:build !purego

package argon2

import "golang.org/x/sys/cpu"

// engines returns what this processor can run, fastest first.
func engines() []engine {
	var e []engine
	if cpu.X86.HasAVX512F {
		e = append(e, engine{"avx512", mixAVX512, mixAddAVX512, prefetch})
	}
	if cpu.X86.HasAVX2 {
		e = append(e, engine{"avx2", mixAVX2, mixAddAVX2, prefetch})
	}
	if cpu.X86.HasSSSE3 {
		e = append(e, engine{"ssse3", mixSSSE3, mixAddSSSE3, prefetch})
	}
	return append(e, generic())
}

//go:noescape
func mixAVX512(dst, prev, ref *block)

//go:noescape
func mixAddAVX512(dst, prev, ref *block)

//go:noescape
func mixAVX2(dst, prev, ref *block)

//go:noescape
func mixAddAVX2(dst, prev, ref *block)

//go:noescape
func mixSSSE3(dst, prev, ref *block)

//go:noescape
func mixAddSSSE3(dst, prev, ref *block)

//go:noescape
func prefetch(b *block)
