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
	modeEach = "cbc-tcrypt"
)

// blowfish is TrueCrypt's, which takes the words of a block in the other order.
const blowfish = "blowfish_le"

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
	{"cast5", modeCBC},
	{"des3_ede", modeCBC},
	{"twofish-aes", modeCBCI},
	{"aes-serpent", modeCBCI},
	{"serpent-twofish", modeCBCI},
	{"serpent-twofish-aes", modeCBCI},
	{"aes-twofish-serpent", modeCBCI},
	{blowfish, modeEach},
	{"blowfish_le-aes", modeEach},
	{"serpent-blowfish_le-aes", modeEach},
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
	case c.Mode == modeCBCI, c.Mode == modeEach:
		return ErrMode
	case strings.Contains(c.Ciphers, kuznyechik):
		return ErrCipher
	}
	return nil
}

// cipherKey is of each cipher but the oldest, and of what comes before the keys in old modes, bytes.
const cipherKey = 32

// blockSize is of each cipher but the oldest, bytes.
const blockSize = 16

// sizes are those of a cipher's key and block, bytes.
func sizes(name string) (key, block int) {
	switch name {
	case "cast5":
		return 16, 8
	case "des3_ede":
		return 24, 8
	case blowfish:
		return 56, 8
	}
	return cipherKey, blockSize
}

// place is where the key of cipher i lies in an old mode, and its end, bytes.
func (c Chain) place(i int) (from, to int) {
	to = cipherKey
	for _, name := range c.List()[:i+1] {
		n, _ := sizes(name)
		from, to = to, to+n
	}
	return from, to
}

// keyed is how much of the derived key, or of the key area, a chain takes from its beginning, bytes.
func (c Chain) keyed() int {
	n := len(c.List())
	if c.Mode == modeXTS {
		return 2 * n * cipherKey
	}
	_, end := c.place(n - 1)
	return end
}

// Bits is the sum of the keys that the mappings get, in bits.
func (c Chain) Bits() int {
	sum := 0
	for i := range c.List() {
		sum += c.keySize(i)
	}
	return sum * 8
}

// keySize is that of cipher i as its mapping gets it, bytes. In CBC the last one has the seeds behind its key.
func (c Chain) keySize(i int) int {
	list := c.List()
	n, block := sizes(list[i])
	switch {
	case c.Mode == modeXTS:
		return 2 * n
	case c.Mode == modeLRW:
		return n + blockSize
	case i == len(list)-1:
		return n + block + blockSize
	}
	return n
}

// key writes the key of cipher i as its mapping gets it, of keySize bytes. area is laid out as the derived key is.
func (c Chain) key(to, area []byte, i int) {
	if c.Mode == modeXTS {
		copy(to, area[i*cipherKey:][:cipherKey])
		copy(to[cipherKey:], area[(len(c.List())+i)*cipherKey:][:cipherKey])
		return
	}
	from, end := c.place(i)
	copy(to, area[from:end])
	copy(to[end-from:], area[:2*blockSize]) // what there is room for
}
