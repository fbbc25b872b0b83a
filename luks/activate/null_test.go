// SPDX-License-Identifier: Apache-2.0

package activate

import (
	"testing"

	"github.com/orthrus-luks/orthrus/dm/secret"
)

// The kernel takes no key for a cipher that encrypts nothing: cryptsetup's table has "-" there.
func TestAMappingThatEncryptsNothingHasNoKey(t *testing.T) {
	key, err := secret.Copy(make([]byte, 32))
	if err != nil {
		t.Fatal(err)
	}
	defer key.Close()
	for cipher, keyless := range map[string]bool{
		"cipher_null-ecb": true, "capi:ecb(cipher_null)-plain": true, "aes-xts-plain64": false, "capi:xts(aes)-plain64": false,
	} {
		m := Mapping{Name: "x", Cipher: cipher, SectorSize: 512, Key: key, KeyDescription: "cryptsetup:x-d0"}
		err := withKey(m, func(byRing bool) error {
			line, err := m.Target(byRing)
			if err == nil && (line.Key.Size() == 0) != keyless {
				t.Errorf("%s: a key of %d bytes in the table", cipher, line.Key.Size())
			}
			if err == nil {
				err = line.Key.Close()
			}
			return err
		})
		if err != nil {
			t.Errorf("%s: %v", cipher, err)
		}
	}
}
