// SPDX-License-Identifier: Apache-2.0

package sector

import (
	"slices"

	"github.com/orthrus-luks/orthrus/luks/hashalg"
)

// modeRow is all that is known of a mode beside its arithmetic.
type modeRow struct {
	name    string
	ciphers []string // it is used with; with those of them that blocks.go has it is computed here
	make    func(s Spec, key []byte) (mode, error)
	ivSize  int // bytes in a vector, or ofBlock

	keys       int      // of the cipher that a key consists of
	inKeyslots bool     // other programs open keyslots whose areas are encrypted with it
	boot       []string // vectors that a boot accepts unless told otherwise, "*" for anything
	modules    []string // what its kernel module asks for by name, which no dependency tells
}

// ofBlock is the vector size of modes whose vector is a block of the cipher.
const ofBlock = -1

// blockCiphers are those of 16-byte blocks that nobody has broken.
var blockCiphers = []string{"aes", "serpent", "twofish", "camellia", "aria", "sm4"}

// modes are the ones with something to know about. What has no make is asked of the kernel, as is every
// mode that is not here. Those that show equal blocks, or with ctr that something changed, have no boot.
var modes = []modeRow{
	{
		name: "xts", ciphers: blockCiphers, make: newXTS, ivSize: ofBlock, keys: 2, inKeyslots: true,
		boot: []string{"plain64", "plain", "essiv:*"},
	},
	{
		name: "cbc", ciphers: blockCiphers, make: newCBC, ivSize: ofBlock, keys: 1, inKeyslots: true,
		boot: []string{"essiv:*", "plain64", "plain"},
	},
	{name: "ctr", ciphers: blockCiphers, make: newCTR, ivSize: ofBlock, keys: 1, inKeyslots: true},
	{name: "ecb", ciphers: blockCiphers, make: newECB, ivSize: 0, keys: 1, inKeyslots: true},
	{
		name: "lrw", ciphers: blockCiphers, make: newLRW, ivSize: ofBlock, keys: 1, inKeyslots: true,
		boot: []string{"benbi"},
	},
	{
		name: "adiantum", ciphers: []string{"xchacha12,aes", "xchacha20,aes"}, ivSize: maxIVSize, keys: 1,
		inKeyslots: true, boot: []string{"plain64"}, modules: []string{"nhpoly1305"},
	},
	{
		name: "hctr2", ciphers: []string{"aes"}, make: newHCTR2, ivSize: maxIVSize, keys: 1,
		boot: []string{"plain64"}, modules: []string{"xctr", "polyval"},
	},
}

// rowOf returns the row of a mode; for one that is not in the table, what most are like.
func rowOf(mode string) modeRow {
	for _, r := range modes {
		if r.name == mode {
			return r
		}
	}
	return modeRow{name: mode, ivSize: ofBlock, keys: 1, inKeyslots: true}
}

// builtin: cipher, mode and what makes the vectors are computed here. Essiv encrypts a vector of one block.
func (s Spec) builtin() bool {
	row := rowOf(s.Mode)
	return row.make != nil && builtinCipher(s.Cipher) && slices.Contains(row.ciphers, s.Cipher) &&
		(s.IV != "essiv" || row.ivSize != maxIVSize) && s.knownHash()
}

// knownHash: the kernel may have one that is not known here, and does the rest with it then.
func (s Spec) knownHash() bool {
	if s.IV != "essiv" || s.Mode == "ecb" {
		return true
	}
	_, err := hashalg.Size(s.IVHash)
	return err == nil
}

// kernelIVSize returns the bytes in a vector; the kernel does not tell, and takes no other length.
func (s Spec) kernelIVSize() int {
	if size := rowOf(s.Mode).ivSize; size != ofBlock {
		return size
	}
	return s.blockSize()
}

// KeyCount is how many keys of the cipher the mode takes where nobody names a size: 2 for xts. In the kernel's
// notation it is one, of which xts makes two, as other programs have it.
func (s Spec) KeyCount() int {
	if s.Algorithm != "" {
		return 1
	}
	return rowOf(s.Mode).keys
}

// InKeyslots tells whether other programs open keyslots whose areas are encrypted so, by what is known of
// the mode. They hash the key of a vector themselves, whatever the kernel knows.
func (s Spec) InKeyslots() bool { return rowOf(s.Mode).inKeyslots && s.knownHash() }

// BootPatterns are the specifications that hide equal blocks, with ciphers that nobody has broken, in both
// of dm-crypt's notations; "*" stands for anything.
func BootPatterns() []string {
	var patterns []string
	for _, r := range modes {
		for _, cipher := range r.ciphers {
			for _, iv := range r.boot {
				patterns = append(patterns, cipher+"-"+r.name+"-"+iv)
			}
			if slices.Contains(r.boot, "plain64") {
				patterns = append(patterns, capiPrefix+r.name+"("+cipher+")-plain64")
			}
		}
	}
	return patterns
}
