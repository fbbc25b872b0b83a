// SPDX-License-Identifier: Apache-2.0

package token

import (
	"slices"
	"strings"

	"github.com/orthrus-luks/orthrus/luks/luks2"
)

const (
	mostURI       = 1024
	mostPKCS11Key = 1024 // bytes: RSA of 8192 bits
)

// PKCS11 is what a token of type systemd-pkcs11 says.
type PKCS11 struct {
	URI     string // RFC 7512
	Key     []byte // RSA: what was encrypted; EC: the one-time key's point
	Padding string // of RSA; empty for PKCS#1 v1.5
}

type pkcs11 struct{}

// Type is systemd's name.
func (pkcs11) Type() string { return "systemd-pkcs11" }

// Kind is the word of systemd-cryptenroll.
func (pkcs11) Kind() string { return "pkcs11" }

func parsePKCS11(t luks2.Token) (PKCS11, error) {
	f := fieldsOf(t)
	v := PKCS11{
		URI: f.text("pkcs11-uri", mostURI, true), Key: f.encoded("pkcs11-key", mostPKCS11Key, true),
		Padding: f.text("pkcs11-padding", 64, false),
	}
	return v, f.err
}

// Show is what the plugin of systemd prints; nothing for what it refuses.
func (pkcs11) Show(t luks2.Token) []string {
	v, err := parsePKCS11(t)
	if err != nil {
		return nil
	}
	return append([]string{"pkcs11-uri: " + v.URI}, dump("pkcs11-key: ", v.Key)...)
}

// Read tells which card has the key.
func (pkcs11) Read(t luks2.Token) (Facts, error) {
	v, err := parsePKCS11(t)
	if err != nil {
		return Facts{}, err
	}
	f := judging(t)
	known := []string{"", "oaep-sha1", "oaep-sha256"}
	switch {
	case !strings.HasPrefix(v.URI, "pkcs11:"):
		f.fail("pkcs11-uri", noURI)
	case len(v.Key) == 0:
		f.fail("pkcs11-key", "empty")
	case !slices.Contains(known, v.Padding) && !strings.HasPrefix(v.Padding, "pkcs1"):
		f.fail("pkcs11-padding", unknown)
	}
	return factsOf(Detail{"uri", v.URI}, Detail{"padding", v.Padding}), f.err
}
