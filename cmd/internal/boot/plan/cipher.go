// SPDX-License-Identifier: Apache-2.0

package plan

import (
	"path"
	"strings"
)

// DefaultCiphers are what a boot accepts unless told otherwise: modes that hide equal blocks, with the
// block ciphers that nobody has broken. Null ciphers and ecb are not among them.
func DefaultCiphers() []string {
	var patterns []string
	for _, cipher := range []string{"aes", "serpent", "twofish", "camellia", "aria", "sm4"} {
		patterns = append(patterns, cipher+"-xts-plain64", cipher+"-xts-plain", cipher+"-cbc-essiv:*",
			cipher+"-cbc-plain64", cipher+"-cbc-plain", cipher+"-lrw-benbi", cipher+"-xts-essiv:*")
	}
	return append(patterns, "xchacha12,aes-adiantum-plain64", "xchacha20,aes-adiantum-plain64", "aes-hctr2-plain64",
		"capi:xts(aes)-plain64", "capi:adiantum(xchacha12,aes)-plain64", "capi:adiantum(xchacha20,aes)-plain64")
}

// AllowedCipher tells whether one of the patterns fits: the cipher's name, in which "*" stands for
// anything. Without patterns DefaultCiphers count.
func AllowedCipher(patterns []string, cipher string) bool {
	if len(patterns) == 0 {
		patterns = DefaultCiphers()
	}
	for _, p := range patterns {
		if ok, err := path.Match(p, cipher); err == nil && ok {
			return true
		}
	}
	return false
}

// Modules are the names and aliases of kernel modules that mapping a volume of that cipher takes:
// dm-crypt, and what it asks the kernel's crypto layer for. Of those that the kernel does not have as
// modules it may have the algorithm built in.
func Modules(cipher string) []string {
	names := []string{"dm-mod", "dm-crypt"}
	if rest, found := strings.CutPrefix(cipher, "capi:"); found {
		if i := strings.LastIndexByte(rest, '-'); i >= 0 {
			rest = rest[:i]
		}
		return append(names, "crypto-"+rest)
	}
	parts := strings.SplitN(cipher, "-", 3)
	cipher, mode, iv := parts[0], "", ""
	if len(parts) > 1 {
		mode = parts[1]
	}
	if len(parts) > 2 {
		iv = parts[2]
	}
	if mode != "" {
		names = append(names, "crypto-"+mode+"("+cipher+")", "crypto-"+mode)
	}
	for one := range strings.SplitSeq(cipher, ",") {
		names = append(names, "crypto-"+one)
	}
	if mode == "adiantum" {
		names = append(names, "crypto-nhpoly1305")
	}
	if hash, found := strings.CutPrefix(iv, "essiv:"); found {
		names = append(names, "crypto-essiv", "crypto-"+hash)
	}
	return names
}
