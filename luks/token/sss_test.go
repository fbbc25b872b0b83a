// SPDX-License-Identifier: Apache-2.0

package token

import (
	"bytes"
	"errors"
	"math/big"
	"testing"

	"github.com/orthrus-luks/orthrus/dm/secret"
	"github.com/orthrus-luks/orthrus/luks/token/modular"
)

// TestSharesGiveTheConstant of 7 + 3x + 11x² modulo a prime of 256 bits, from any three of them.
func TestSharesGiveTheConstant(t *testing.T) {
	p, _ := new(big.Int).SetString("115792089210356248762697446949407573530086143415290314195533631308867097853951", 10)
	m, err := modular.New(p.Bytes())
	if err != nil {
		t.Fatal(err)
	}
	share := func(x int64) *secret.Buffer {
		y := big.NewInt(7 + 3*x + 11*x*x)
		b := make([]byte, 64)
		big.NewInt(x).FillBytes(b[:32])
		y.FillBytes(b[32:])
		s, err := secret.From(b)
		if err != nil {
			t.Fatal(err)
		}
		return s
	}
	want := big.NewInt(7).FillBytes(make([]byte, 32))
	for _, xs := range [][]int64{{1, 2, 3}, {5, 1, 9}, {1000, 77, 3}} {
		key, err := combine(m, []*secret.Buffer{share(xs[0]), share(xs[1]), share(xs[2])})
		if err != nil || !bytes.Equal(key.Bytes(), want) {
			t.Errorf("%v: %x, %v", xs, key.Bytes(), err)
		}
	}
	if _, err := combine(m, []*secret.Buffer{share(1)}); err != nil {
		t.Errorf("a threshold of one: %v", err)
	}
	short, _ := secret.New(63)
	if _, err := combine(m, []*secret.Buffer{short}); !errors.Is(err, ErrBroken) {
		t.Errorf("a short share: %v", err)
	}
}

// TestKeyInJSONIsFoundWithoutAString: what clevis seals in a TPM is a JSON Web Key.
func TestKeyInJSONIsFoundWithoutAString(t *testing.T) {
	key, err := octetKey([]byte(`{"alg":"A256GCM","k":"AQID","key_ops":["encrypt"],"kty":"oct"}` + "\n"))
	if err != nil || !bytes.Equal(key.Bytes(), []byte{1, 2, 3}) {
		t.Errorf("%x, %v", key.Bytes(), err)
	}
	for _, text := range []string{"", "{}", `{"k":1}`, `{"k":"*"}`} {
		if _, err := octetKey([]byte(text)); !errors.Is(err, ErrBroken) {
			t.Errorf("%s: %v", text, err)
		}
	}
}
