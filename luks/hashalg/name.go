// SPDX-License-Identifier: Apache-2.0

package hashalg

import "strings"

// Canonical returns the usual name of a hash: in lower case, second names replaced by first
// ones. Names that are not known come back in lower case.
func Canonical(name string) string {
	name = strings.ToLower(name)
	switch name {
	case "sha-1", "ssl3-sha1":
		return "sha1"
	case "sha2-224", "sha-224":
		return "sha224"
	case "sha2-256", "sha-256":
		return "sha256"
	case "sha2-384", "sha-384":
		return "sha384"
	case "sha2-512", "sha-512":
		return "sha512"
	case "sha2-512/224", "sha-512/224":
		return "sha512-224"
	case "sha2-512/256", "sha-512/256":
		return "sha512-256"
	case "rmd160", "ripemd", "ripemd-160":
		return "ripemd160"
	case "blake2b512":
		return "blake2b-512"
	case "streebog512", "streebog-512":
		return "stribog512"
	case "blake2s256":
		return "blake2s-256"
	}
	return name
}
