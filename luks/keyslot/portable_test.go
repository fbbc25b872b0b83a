// SPDX-License-Identifier: Apache-2.0

package keyslot

import (
	"errors"
	"testing"
)

func TestNewKeyslotsTakeCiphersThatEveryReaderComputes(t *testing.T) {
	for _, c := range []struct {
		cipher string
		size   int
		fits   bool
	}{
		{"aes-xts-plain64", 64, true},
		{"aes-cbc-essiv:sha256", 32, true},
		{"aes-ctr-benbi", 32, true},
		{"aes-cbc-eboiv", 32, true},
		{"aes-ecb", 32, true},
		{"aes-cbc-essiv:sha3-256", 32, true},
		{"aes-cbc-essiv:wp256", 32, false},
		{"aes-xts-plain64:sha256", 64, false},
		{"aes-ecb-plain", 32, false},
		{"aes-xts-eboiv", 64, false},
		{"aes-xts-plain64", 48 - 1, false},
		{"aes-hctr2-plain64", 32, false},
		{"cipher_null-ecb", 16, false},
		{"capi:xts(aes)-plain64", 64, false},
		{"", 32, false},
	} {
		if err := CheckCipher(c.cipher, c.size); (err == nil) != c.fits || err != nil && !errors.Is(err, ErrCipher) {
			t.Errorf("%s: %v", c.cipher, err)
		}
	}
}
