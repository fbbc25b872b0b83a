// SPDX-License-Identifier: Apache-2.0

//go:build !purego

package argon2

import "golang.org/x/sys/cpu"

// engines returns what this processor can run, fastest first.
func engines() []engine {
	var e []engine
	if cpu.ARM64.HasASIMD {
		e = append(e, engine{"neon", mixNEON, mixAddNEON, prefetch})
	}
	return append(e, generic())
}

//go:noescape
func mixNEON(dst, prev, ref *block)

//go:noescape
func mixAddNEON(dst, prev, ref *block)

//go:noescape
func prefetch(b *block)
