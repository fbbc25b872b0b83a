// SPDX-License-Identifier: Apache-2.0

package plain

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"testing"

	"github.com/orthrus-luks/orthrus/luks/hashalg"
)

func TestStretchGoesOnWithLeadingAs(t *testing.T) {
	first, second := sha256.Sum256([]byte("secret")), sha256.Sum256([]byte("Asecret"))
	for _, c := range []struct {
		hash string
		size int
		want string
	}{
		{"sha256", 16, hex.EncodeToString(first[:16])},
		{"sha256", 32, hex.EncodeToString(first[:])},
		{"sha256", 48, hex.EncodeToString(first[:]) + hex.EncodeToString(second[:16])},
		{NoHash, 8, "7365637265740000"},
		{NoHash, 3, "736563"},
		{"sha256:20", 32, hex.EncodeToString(first[:20]) + "000000000000000000000000"},
		{"sha256:0", 2, "0000"},
		{"plain:2", 8, "7365000000000000"},
	} {
		key, err := Stretch(c.hash, []byte("secret"), c.size)
		if err != nil {
			t.Fatal(err)
		}
		if got := hex.EncodeToString(key.Bytes()); got != c.want {
			t.Errorf("%s to %d bytes: %s, want %s", c.hash, c.size, got, c.want)
		}
		if err := key.Close(); err != nil {
			t.Error(err)
		}
	}
	if _, err := Stretch("md0", []byte("secret"), 16); !errors.Is(err, hashalg.ErrUnknown) {
		t.Errorf("an unknown hash: %v", err)
	}
}

func TestLengthsBehindAHashAreChecked(t *testing.T) {
	for hash, want := range map[string]error{
		"sha256:33": ErrHashLength, "sha256:": ErrHashLength, "sha256:x": ErrHashLength, "sha256:-1": ErrHashLength,
		"plain:33": ErrHashLength, "plain:7": ErrShort, "md0:8": hashalg.ErrUnknown,
	} {
		if key, err := Stretch(hash, []byte("secret"), 32); !errors.Is(err, want) {
			t.Errorf("%s: %d bytes, %v", hash, key.Len(), err)
		}
	}
}

func TestCiphersAreNamedInFull(t *testing.T) {
	for text, want := range map[string]string{
		"aes": "aes-cbc-plain", "aes-plain": "aes-cbc-plain", "aes-xts-plain64": "aes-xts-plain64",
		"capi:xts(aes)-plain64": "capi:xts(aes)-plain64", "aes-": "aes-", "null": "cipher_null-ecb",
	} {
		if got := FullCipher(text); got != want {
			t.Errorf("%s: %s", text, got)
		}
	}
}

func TestADeviceOfOddSizeIsNotRounded(t *testing.T) {
	for _, c := range []struct {
		size, offset uint64
		sector       int
		refused      bool
	}{
		{65534 * 512, 0, 2048, true},
		{65534 * 512, 1024, 2048, false},
		{65534 * 512, 0, 1024, false},
		{65535 * 512, 0, 512, false},
		{512, 1024, 4096, false},
	} {
		if err := CheckSize(c.size, c.offset, c.sector); errors.Is(err, ErrSectors) != c.refused {
			t.Errorf("%+v: %v", c, err)
		}
	}
}
