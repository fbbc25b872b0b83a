// SPDX-License-Identifier: Apache-2.0

package argon2

// engine is an implementation of the compression function G for some kind of processor.
type engine struct {
	name     string
	mix      func(dst, prev, ref *block) // dst = G(prev, ref); dst may be prev or ref
	mixAdd   func(dst, prev, ref *block) // dst ^= G(prev, ref)
	prefetch func(b *block)              // b will be used soon
}

// best returns the fastest engine for this processor.
func best() engine { return engines()[0] }

func generic() engine {
	return engine{name: "generic", mix: mixGeneric, mixAdd: mixAddGeneric, prefetch: func(*block) {}}
}
