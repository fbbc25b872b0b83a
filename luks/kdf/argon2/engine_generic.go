// SPDX-License-Identifier: Apache-2.0

//go:build purego || (!amd64 && !arm64)

package argon2

// engines returns what this processor can run, fastest first.
func engines() []engine { return []engine{generic()} }
