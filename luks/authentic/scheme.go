// SPDX-License-Identifier: Apache-2.0

// Package authentic says how the sectors of a LUKS2 volume with integrity are encrypted and authenticated: which cipher
// goes with which kind of integrity, how long keys and tags are, and what the kernel calls it.
//
// Each sector has a tag in the layer of dm-integrity below. It begins with what authenticates the sector, and ends with
// the vector where that is random:
//
//	+----------------+-------------+
//	| authentication | vector      |
//	| 0 to 64 bytes  | 0, 8 to 16  |
//	+----------------+-------------+
//
// The volume key is the cipher's, and behind it that of the MAC. Sources: LUKS2 On-Disk Format Specification 1.1.4,
// section "Authenticated encryption"; Documentation/admin-guide/device-mapper/dm-crypt.rst of the kernel.
package authentic

import (
	"errors"
	"fmt"
	"slices"
	"strings"
)

// ErrScheme is the kind of SchemeError.
var ErrScheme = errors.New("cipher and integrity cannot be combined")

// SchemeError names a combination that there is not, or that a new volume is not given.
type SchemeError struct{ Cipher, Type, Why string }

func (e *SchemeError) Error() string {
	return fmt.Sprintf("cipher %s with integrity %s: %s", e.Cipher, e.Type, e.Why)
}

func (e *SchemeError) Unwrap() error { return ErrScheme }

// Scheme is how the sectors of a volume are protected.
type Scheme struct {
	_         [0]func() // it is never compared, and no code is made for that
	Cipher    string    // in the header: "aes-xts-plain64"
	Type      string    // in the header: "hmac(sha256)", "aead", "poly1305", "none"
	Kernel    string    // in the crypt line: "capi:authenc(hmac(sha256),xts(aes))-plain64"
	Kind      string    // there, behind the size of the tag: "aead", "none"
	CipherKey []int     // lengths that the cipher's key can have, bytes; nil: nobody here knows
	MACKey    int       // bytes
	Unusual   bool      // MACKey is not the hash's own length, and the crypt line has to name it
	Auth, IV  int       // of a tag, bytes
}

// TagSize is the length of a tag, bytes.
func (s *Scheme) TagSize() int { return s.Auth + s.IV }

// CheckKey refuses a volume key of a length, in bytes, that cannot be.
func (s *Scheme) CheckKey(size int) error {
	n := size - s.MACKey
	if n > 0 && (s.CipherKey == nil || slices.Contains(s.CipherKey, n)) {
		return nil
	}
	return s.refuse(fmt.Sprintf("it takes no key of %d bits, but one of %d bytes", max(n, 0)*8, s.CipherKey))
}

// DefaultKey is the length of a new volume key, bytes: the longest that the cipher takes, and that of the MAC.
func (s *Scheme) DefaultKey() int {
	if n := len(s.CipherKey); n > 0 {
		return s.CipherKey[n-1] + s.MACKey
	}
	return 32 + s.MACKey
}

func (s *Scheme) refuse(why string) error { return &SchemeError{s.Cipher, s.Type, why} }

// aead is a cipher that authenticates by itself.
type aead struct {
	name, kind string // in the header
	kernel     string
	iv         int // bytes
	keys       []int
}

// authOfAEAD is the length of what each of them authenticates a sector with, bytes.
const authOfAEAD = 16

var aeads = []aead{
	{"aes-gcm", "aead", "gcm(aes)", 12, []int{16, 24, 32}},
	{"aes-ccm", "aead", "rfc4309(ccm(aes))", 8, []int{19, 27, 35}}, // the last 3 bytes are of the nonce
	{"aegis128", "aead", "aegis128", 16, []int{16}},
	{"chacha20", "poly1305", "rfc7539(chacha20,poly1305)", 12, []int{32}},
}

// blocks are the ciphers that are combined with a MAC.
var blocks = []string{"aes", "serpent", "twofish", "camellia", "sm4"}

// macSize is the length of a MAC, bytes; 0 for none.
func macSize(kind string) int {
	switch kind {
	case "hmac(sha1)":
		return 20
	case "hmac(sha256)":
		return 32
	case "hmac(sha512)":
		return 64
	}
	return 0
}

const (
	random    = "random"
	prefix    = "capi:"
	blockIV   = 16 // of the block ciphers that are combined with a MAC, bytes
	leastMAC  = 16 // of its key, bytes
	authenc   = "authenc("
	kindAEAD  = "aead"
	kindNone  = "none"
	modeOfXTS = "xts"
)

// Of is the scheme of a cipher and a type of integrity, as a header names them, with a MAC key of so many bytes, 0 for
// the hash's own length. Errors are of kind ErrScheme.
func Of(cipher, kind string, macKey int) (*Scheme, error) {
	s := &Scheme{Cipher: cipher, Type: kind, Kind: kindAEAD}
	cut := strings.LastIndexByte(cipher, '-')
	if cut <= 0 || strings.ContainsAny(cipher, "() ,") {
		return s, s.refuse("no cipher with a vector")
	}
	name, iv := cipher[:cut], cipher[cut+1:]
	for i := range aeads {
		if aeads[i].name == name {
			return s.aead(&aeads[i], iv)
		}
	}
	block, mode, found := strings.Cut(name, "-")
	if !found || !slices.Contains(blocks, block) {
		return s, s.refuse("the cipher is not known with integrity")
	}
	if mode == modeOfXTS {
		s.CipherKey = []int{32, 64}
	}
	if iv == random {
		s.IV = blockIV
	}
	s.Kernel = mode + "(" + block + ")"
	if kind == kindNone {
		if s.IV == 0 || macKey != 0 {
			return s, s.refuse("without a tag there is only a random vector to store")
		}
		s.Kind = kindNone
		return s.named(iv), nil
	}
	if s.Auth = macSize(kind); s.Auth == 0 {
		return s, s.refuse("it is none of hmac(sha256), hmac(sha512), hmac(sha1) and none")
	}
	if s.MACKey = s.Auth; macKey != 0 {
		s.MACKey, s.Unusual = macKey, macKey != s.Auth
	}
	if s.MACKey < leastMAC {
		return s, s.refuse("Integrity key size is too small.")
	}
	s.Kernel = authenc + kind + "," + s.Kernel + ")"
	return s.named(iv), nil
}

func (s *Scheme) aead(a *aead, iv string) (*Scheme, error) {
	if a.kind != s.Type {
		return s, s.refuse("the cipher takes integrity " + a.kind + " and no other")
	}
	s.Kernel, s.Auth, s.CipherKey = a.kernel, authOfAEAD, a.keys
	if iv == random {
		s.IV = a.iv
	}
	return s.named(iv), nil
}

func (s *Scheme) named(iv string) *Scheme {
	s.Kernel = prefix + s.Kernel + "-" + iv
	return s
}

// ForNew refuses what opens, and is not safe: an AEAD whose nonces come back when a sector is written again.
func (s *Scheme) ForNew() error {
	switch {
	case s.MACKey == 0 && s.Auth > 0 && s.IV == 0:
		return s.refuse("a sector that is written twice gives the cipher away, unless the vector is random")
	case s.IV == 0 && !strings.HasSuffix(s.Cipher, "-plain64"):
		return s.refuse("a new volume has the vector plain64, or a random one")
	}
	return nil
}

// Parse finds the header's names of what a crypt line says: cipher and type of integrity.
func Parse(kernel, kind string) (cipher, integrity string, ok bool) {
	text, found := strings.CutPrefix(kernel, prefix)
	cut := strings.LastIndexByte(text, '-')
	if !found || cut < 0 {
		return "", "", false
	}
	algorithm, iv := text[:cut], text[cut:]
	for i := range aeads {
		if a := &aeads[i]; a.kernel == algorithm {
			return a.name + iv, a.kind, true
		}
	}
	integrity = kind
	if inner, found := strings.CutPrefix(algorithm, authenc); found {
		if integrity, algorithm, found = strings.Cut(inner, ","); !found {
			return "", "", false
		}
		algorithm = strings.TrimSuffix(algorithm, ")")
	}
	mode, block, found := strings.Cut(algorithm, "(")
	return strings.TrimSuffix(block, ")") + "-" + mode + iv, integrity, found
}
