// SPDX-License-Identifier: Apache-2.0

package digest

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"testing"

	"github.com/orthrus-luks/orthrus/luks/hashalg"
	"github.com/orthrus-luks/orthrus/luks/kdf/pbkdf2"
)

func unhex(t *testing.T, s string) []byte {
	t.Helper()
	p, err := hex.DecodeString(s)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func TestVerifyTellsTheRightKey(t *testing.T) {
	salt := make([]byte, 32)
	for i := range salt {
		salt[i] = byte(i)
	}
	key := []byte("correct horse battery staple")
	for _, v := range []struct{ hash, sum string }{ // from an independent implementation
		{"sha256", "22c37d144ef39fba5ac507f839d901d04719c150"},
		{"sha256", "22c37d144ef39fba5ac507f839d901d04719c150d9ea44177a60adf6c8b073f8"},
		{"sha1", "e6a94d73e7a94b2099ed6b595c6e2969a6cc75f6"},
		{"ripemd160", "45c26795ed53297f6d186c044a2cca2c5c8e95d2"},
	} {
		d := &Digest{Hash: v.hash, Iterations: 1000, Salt: salt, Sum: unhex(t, v.sum)}
		if ok, err := d.Verify(t.Context(), key); !ok || err != nil {
			t.Errorf("%s: %v, %v", v.hash, ok, err)
		}
		if ok, err := d.Verify(t.Context(), key[1:]); ok || err != nil {
			t.Errorf("%s: wrong key: %v, %v", v.hash, ok, err)
		}
	}
}

func TestNewMakesDigestsThatVerify(t *testing.T) {
	key := bytes.Repeat([]byte{0xa5}, 64)
	for _, hash := range hashalg.Names() {
		for _, size := range []int{0, LUKS1Size} {
			d, err := New(t.Context(), key, hash, 10, size, rand.Reader)
			if err != nil {
				t.Fatal(err)
			}
			full, _ := hashalg.Size(hash)
			if want := max(size, full*(1-size/LUKS1Size)); len(d.Sum) != want || len(d.Salt) != SaltSize {
				t.Errorf("%s: %d bytes of digest, want %d, %d of salt", hash, len(d.Sum), want, len(d.Salt))
			}
			if ok, err := d.Verify(t.Context(), key); !ok || err != nil {
				t.Errorf("%s/%d: %v, %v", hash, size, ok, err)
			}
		}
	}
}

func TestBadDigestsAreErrorsRatherThanMismatches(t *testing.T) {
	cancelled, cancel := context.WithCancel(t.Context())
	cancel()
	for _, v := range []struct {
		ctx  context.Context
		d    Digest
		want error
	}{
		{t.Context(), Digest{Hash: "sha256", Iterations: 1, Sum: make([]byte, 19)}, ErrSize},
		{t.Context(), Digest{Hash: "sha256", Iterations: 1}, ErrSize},
		{t.Context(), Digest{Hash: "md5", Iterations: 1, Sum: make([]byte, 20)}, ErrSize},
		{t.Context(), Digest{Hash: "x", Iterations: 1, Sum: make([]byte, 20)}, hashalg.ErrUnknown},
		{t.Context(), Digest{Hash: "sha1", Sum: make([]byte, 20)}, pbkdf2.ErrIterations},
		{cancelled, Digest{Hash: "sha1", Iterations: 1, Sum: make([]byte, 20)}, context.Canceled},
	} {
		if ok, err := v.d.Verify(v.ctx, []byte("key")); ok || !errors.Is(err, v.want) {
			t.Errorf("%+v: %v, %v, want %v", v.d, ok, err, v.want)
		}
	}
	if _, err := New(t.Context(), nil, "md5", 1, LUKS1Size, rand.Reader); !errors.Is(err, ErrSize) {
		t.Errorf("LUKS1 digest with md5: %v", err)
	}
	if _, err := New(t.Context(), nil, "sha1", 1, 0, bytes.NewReader(nil)); err == nil {
		t.Error("a digest without randomness")
	}
}
