// SPDX-License-Identifier: Apache-2.0

package authentic

import (
	"errors"
	"testing"
)

func TestSchemesAreNamedAsTheKernelNamesThem(t *testing.T) {
	for _, c := range []struct {
		cipher, kind, kernel, table string
		key, tag                    int
	}{
		{"aes-xts-plain64", "hmac(sha256)", "capi:authenc(hmac(sha256),xts(aes))-plain64", "aead", 96, 32},
		{"aes-xts-plain64", "hmac(sha512)", "capi:authenc(hmac(sha512),xts(aes))-plain64", "aead", 128, 64},
		{"aes-xts-random", "hmac(sha256)", "capi:authenc(hmac(sha256),xts(aes))-random", "aead", 96, 48},
		{"serpent-xts-plain64", "hmac(sha1)", "capi:authenc(hmac(sha1),xts(serpent))-plain64", "aead", 84, 20},
		{"aes-cbc-essiv:sha256", "hmac(sha256)", "capi:authenc(hmac(sha256),cbc(aes))-essiv:sha256", "aead", 64, 32},
		{"aes-xts-random", "none", "capi:xts(aes)-random", "none", 64, 16},
		{"aes-gcm-random", "aead", "capi:gcm(aes)-random", "aead", 32, 28},
		{"aes-gcm-plain64", "aead", "capi:gcm(aes)-plain64", "aead", 32, 16},
		{"aes-ccm-random", "aead", "capi:rfc4309(ccm(aes))-random", "aead", 35, 24},
		{"aegis128-random", "aead", "capi:aegis128-random", "aead", 16, 32},
		{"chacha20-random", "poly1305", "capi:rfc7539(chacha20,poly1305)-random", "aead", 32, 28},
		{"chacha20-plain64", "poly1305", "capi:rfc7539(chacha20,poly1305)-plain64", "aead", 32, 16},
	} {
		s, err := Of(c.cipher, c.kind, 0)
		if err != nil {
			t.Errorf("%s %s: %v", c.cipher, c.kind, err)
			continue
		}
		if s.Kernel != c.kernel || s.Kind != c.table || s.DefaultKey() != c.key || s.TagSize() != c.tag {
			t.Errorf("%s %s: %+v, a key of %d", c.cipher, c.kind, s, s.DefaultKey())
		}
		if err := s.CheckKey(c.key); err != nil {
			t.Error(err)
		}
		cipher, kind, ok := Parse(s.Kernel, s.Kind)
		if !ok || cipher != c.cipher || kind != c.kind {
			t.Errorf("%s is read as %s %s", s.Kernel, cipher, kind)
		}
	}
}

func TestCombinationsThatCannotOpenAreRefused(t *testing.T) {
	for _, c := range []struct {
		cipher, kind string
		mac          int
	}{
		{"aes-gcm-random", "hmac(sha256)", 0},
		{"aes-xts-plain64", "aead", 0},
		{"aes-xts-plain64", "poly1305", 0},
		{"aes-xts-plain64", "none", 0},
		{"aes-xts-plain64", "cmac(aes)", 0},
		{"aes-xts-plain64", "hmac(sha256)", 8},
		{"aes-xts-random", "none", 32},
		{"chacha20-random", "aead", 0},
		{"aegis256-random", "aead", 0},
		{"xchacha12,aes-adiantum-plain64", "hmac(sha256)", 0},
		{"aes", "hmac(sha256)", 0},
		{"-random", "aead", 0},
		{"", "", 0},
		{"capi:gcm(aes)-random", "aead", 0},
	} {
		if s, err := Of(c.cipher, c.kind, c.mac); !errors.Is(err, ErrScheme) {
			t.Errorf("%s %s: %+v, %v", c.cipher, c.kind, s, err)
		}
	}
}

func TestNewVolumesAreNotGivenWhatIsUnsafe(t *testing.T) {
	for cipher, kind := range map[string]string{
		"aes-gcm-plain64": "aead", "chacha20-plain64": "poly1305", "aes-cbc-essiv:sha256": "hmac(sha256)",
		"aes-xts-plain": "hmac(sha256)",
	} {
		s, err := Of(cipher, kind, 0)
		if err != nil {
			t.Errorf("%s %s does not open: %v", cipher, kind, err)
		}
		if err := s.ForNew(); !errors.Is(err, ErrScheme) {
			t.Errorf("%s %s for a new volume: %v", cipher, kind, err)
		}
	}
	s, err := Of("aes-xts-plain64", "hmac(sha256)", 48)
	if err != nil || !s.Unusual || s.MACKey != 48 || s.ForNew() != nil || s.CheckKey(96) == nil || s.CheckKey(112) != nil {
		t.Errorf("%+v, %v", s, err)
	}
}

func FuzzSchemes(f *testing.F) {
	f.Add("aes-xts-plain64", "hmac(sha256)", 0)
	f.Add("aes-gcm-random", "aead", 16)
	f.Fuzz(func(t *testing.T, cipher, kind string, mac int) {
		s, err := Of(cipher, kind, mac)
		if err != nil {
			return
		}
		if back, integrity, ok := Parse(s.Kernel, s.Kind); !ok || back != cipher || integrity != kind {
			t.Errorf("%+v is read as %s %s", s, back, integrity)
		}
	})
}
