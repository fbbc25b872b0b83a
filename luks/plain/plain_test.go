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
