// SPDX-License-Identifier: Apache-2.0

package tcrypt

import (
	"strings"
)

// Chain is a cascade of ciphers in a mode.
type Chain struct {
	Ciphers string // of the kernel, joined by dashes; the first is the outermost, which decrypts last
	Mode    string // as dm-crypt calls it: "xts-plain64"
}

// The modes.
const (
	modeXTS  = "xts-plain64"
	modeLRW  = "lrw-benbi"
	modeCBC  = "cbc-tcw"
	modeCBCI = "cbci-tcrypt"
)

// kuznyechik is a cipher of VeraCrypt that no kernel has.
const kuznyechik = "kuznyechik"

// chains are all that are read, the likeliest first.
var chains = []Chain{
	{"aes", modeXTS},
	{"serpent", modeXTS},
	{"twofish", modeXTS},
	{"camellia", modeXTS},
	{"twofish-aes", modeXTS},
	{"aes-serpent", modeXTS},
	{"serpent-twofish", modeXTS},
	{"serpent-camellia", modeXTS},
	{"serpent-twofish-aes", modeXTS},
	{"aes-twofish-serpent", modeXTS},
	{kuznyechik, modeXTS},
	{"kuznyechik-camellia", modeXTS},
	{"twofish-kuznyechik", modeXTS},
	{"aes-kuznyechik", modeXTS},
	{"camellia-serpent-kuznyechik", modeXTS},
	{"aes", modeLRW},
	{"serpent", modeLRW},
	{"twofish", modeLRW},
	{"twofish-aes", modeLRW},
	{"aes-serpent", modeLRW},
	{"serpent-twofish", modeLRW},
	{"serpent-twofish-aes", modeLRW},
	{"aes-twofish-serpent", modeLRW},
	{"aes", modeCBC},
	{"serpent", modeCBC},
	{"twofish", modeCBC},
	{"twofish-aes", modeCBCI},
	{"aes-serpent", modeCBCI},
	{"serpent-twofish", modeCBCI},
	{"serpent-twofish-aes", modeCBCI},
	{"aes-twofish-serpent", modeCBCI},
}

// Specifications are what dm-crypt calls the ciphers that volumes of today have, each by itself.
func Specifications() (list []string) {
	for _, c := range chains {
		if c.Mode == modeXTS && !strings.Contains(c.Ciphers, "-") && c.Mappable() == nil {
			list = append(list, c.String())
		}
	}
	return list
}

// List are the ciphers one by one, the outermost first.
func (c Chain) List() []string { return strings.Split(c.Ciphers, "-") }

// String is the chain with its mode, "twofish-aes-xts-plain64".
func (c Chain) String() string { return c.Ciphers + "-" + c.Mode }

// Mappable fails for what no kernel maps: ErrMode, ErrCipher.
func (c Chain) Mappable() error {
	switch {
	case c.Mode == modeCBCI:
		return ErrMode
	case strings.Contains(c.Ciphers, kuznyechik):
		return ErrCipher
	}
	return nil
}

// cipherKey is of each cipher, bytes.
const cipherKey = 32

// keyed is how much of the derived key, or of the key area, a chain takes from its beginning, bytes.
func (c Chain) keyed() int {
	n := len(c.List()) * cipherKey
	if c.Mode == modeXTS {
		return 2 * n
	}
	return cipherKey + n
}

// Bits is the sum of the keys that the mappings get, in bits.
func (c Chain) Bits() int {
	sum := 0
	for i := range c.List() {
		sum += c.keySize(i)
	}
	return sum * 8
}

// keySize is that of cipher i as its mapping gets it, bytes.
func (c Chain) keySize(i int) int {
	last := i == len(c.List())-1
	switch {
	case c.Mode == modeXTS:
		return 2 * cipherKey
	case c.Mode == modeLRW:
		return cipherKey + blockSize
	case last:
		return cipherKey + 2*blockSize
	}
	return cipherKey
}

const blockSize = 16 // of all ciphers here

// key writes the key of cipher i as its mapping gets it, of keySize bytes. area is laid out as the derived key is.
func (c Chain) key(to, area []byte, i int) {
	n := len(c.List())
	switch c.Mode {
	case modeXTS:
		copy(to, area[i*cipherKey:][:cipherKey])
		copy(to[cipherKey:], area[(n+i)*cipherKey:][:cipherKey])
	case modeLRW:
		copy(to, area[(1+i)*cipherKey:][:cipherKey])
		copy(to[cipherKey:], area[:blockSize])
	default:
		copy(to, area[(1+i)*cipherKey:][:cipherKey])
		copy(to[cipherKey:], area[:2*blockSize]) // the last one alone has room for it
	}
}
