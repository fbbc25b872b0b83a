// SPDX-License-Identifier: Apache-2.0

//go:build !purego

package pbkdf2

import "golang.org/x/sys/cpu"

// sha256Iterator returns a function that replaces u by HMAC-SHA-256(u) n times and adds each to t, all
// as words, where inner and outer are the states after the padded key; nil where the processor has
// no instructions for it.
func sha256Iterator() func(inner, outer, u, t *[8]uint32, n uint64) {
	if cpu.X86.HasSSE41 && hasSHANI() {
		return iterateSHANI
	}
	return nil
}

//go:noescape
func iterateSHANI(inner, outer, u, t *[8]uint32, n uint64)

// hasSHANI asks CPUID for the SHA extensions, which x/sys/cpu does not report.
func hasSHANI() bool
