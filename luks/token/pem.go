// SPDX-License-Identifier: Apache-2.0

package token

import (
	"bytes"
	"encoding/base64"
)

// A public key in PEM is base64 between two lines, of a SubjectPublicKeyInfo in DER (RFC 5280, RFC 8017):
//
//	SEQUENCE { SEQUENCE { OID rsaEncryption, NULL }, BIT STRING { SEQUENCE { INTEGER n, INTEGER e } } }
const (
	pemBegin = "-----BEGIN PUBLIC KEY-----"
	pemEnd   = "-----END PUBLIC KEY-----"
)

// The tags of DER in it.
const (
	derInteger  = 0x02
	derBits     = 0x03
	derSequence = 0x30
)

// rsaAlgorithm is the content of the inner sequence: 1.2.840.113549.1.1.1 and NULL.
var rsaAlgorithm = []byte{0x06, 0x09, 0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x01, 0x01, 0x05, 0x00}

// isRSA tells RSA keys of lengths that sign policies from all else.
func isRSA(text []byte) bool {
	k, ok := parseRSA(text)
	return ok && bits(k.modulus) >= 2048 && bits(k.modulus) <= 4096
}

// rsaKey is a public key.
type rsaKey struct {
	der               []byte // the inner sequence: RSAPublicKey of PKCS #1
	modulus, exponent []byte
}

// parseRSA reads a public key in PEM.
func parseRSA(text []byte) (rsaKey, bool) {
	text, begins := bytes.CutPrefix(bytes.TrimSpace(text), []byte(pemBegin))
	text, ends := bytes.CutSuffix(text, []byte(pemEnd))
	der, err := base64.StdEncoding.DecodeString(string(text))
	if !begins || !ends || err != nil {
		return rsaKey{}, false
	}
	return rsaOf(der)
}

// bits is the length of a number whose first byte is not 0.
func bits(p []byte) int {
	if len(p) == 0 {
		return 0
	}
	n := len(p) * 8
	for b := p[0]; b < 0x80 && b > 0; b <<= 1 {
		n--
	}
	return n
}

func rsaOf(der []byte) (k rsaKey, ok bool) {
	key, rest, ok := element(der, derSequence)
	if !ok || len(rest) > 0 {
		return k, false
	}
	algorithm, key, ok := element(key, derSequence)
	if !ok || !bytes.Equal(algorithm, rsaAlgorithm) {
		return k, false
	}
	key, rest, ok = element(key, derBits)
	if !ok || len(rest) > 0 || len(key) == 0 || key[0] != 0 {
		return k, false
	}
	k.der = key[1:]
	key, rest, ok = element(k.der, derSequence)
	if !ok || len(rest) > 0 {
		return k, false
	}
	k.modulus, key, ok = element(key, derInteger)
	if !ok {
		return k, false
	}
	k.exponent, rest, ok = element(key, derInteger)
	k.modulus, k.exponent = bytes.TrimLeft(k.modulus, "\x00"), bytes.TrimLeft(k.exponent, "\x00")
	return k, ok && len(rest) == 0 && len(k.exponent) <= 4
}

// element cuts off one element of DER.
func element(p []byte, tag byte) (content, rest []byte, ok bool) {
	if len(p) < 2 || p[0] != tag {
		return nil, nil, false
	}
	n, at := int(p[1]), 2
	if n > 0x80 && n <= 0x82 && len(p) >= 2+n-0x80 {
		at = 2 + n - 0x80
		n = 0
		for _, b := range p[2:at] {
			n = n<<8 | int(b)
		}
	}
	if n > len(p)-at || p[1] == 0x80 || p[1] > 0x82 {
		return nil, nil, false
	}
	return p[at : at+n], p[at+n:], true
}
