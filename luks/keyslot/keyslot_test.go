// SPDX-License-Identifier: Apache-2.0

package keyslot

import (
	"bytes"
	"context"
	"crypto/rand"
	"errors"
	"testing"

	"github.com/orthrus-luks/orthrus/luks/af"
	"github.com/orthrus-luks/orthrus/luks/kdf"
	"github.com/orthrus-luks/orthrus/luks/luks2"
	"github.com/orthrus-luks/orthrus/test/vectors"
)

func cheap(cipher string, keySize int) Spec {
	return Spec{
		KeySize: keySize, Stripes: af.Stripes, AFHash: "sha256", Cipher: cipher, CipherKeySize: 64,
		KDF: kdf.Params{Type: kdf.PBKDF2, Hash: "sha256", Iterations: 1000, Salt: make([]byte, 32)},
	}
}

func TestRecordedKeyslotsGiveTheRecordedVolumeKey(t *testing.T) {
	opened := 0
	for _, m := range vectors.All() {
		if m.LUKS1() {
			continue
		}
		image, _ := vectors.Open(m.Name)
		c, err := luks2.Decode(image, 0)
		if err != nil {
			t.Fatal(err)
		}
		slot, err := c.Metadata.Keyslot(0)
		if err != nil {
			t.Fatal(err)
		}
		spec := Spec{
			KeySize: int(slot.KeySize), Stripes: int(slot.AF.Stripes), AFHash: slot.AF.Hash,
			Cipher: slot.Area.Encryption, CipherKeySize: int(slot.Area.KeySize), KDF: kdf.Params(slot.KDF),
		}
		key, err := Open(context.Background(), spec, image[slot.Area.Offset:slot.Area.End()], []byte(vectors.K0), nil)
		if err != nil {
			t.Fatalf("%s: %v", m.Name, err)
		}
		if !key.Equal(m.VolumeKey) {
			t.Errorf("%s: another key than the recorded one", m.Name)
		}
		opened++
		if err := key.Close(); err != nil {
			t.Error(err)
		}
	}
	if opened < 5 {
		t.Errorf("only %d volumes opened", opened)
	}
}

func TestSealedKeysOpenAgainAndOnlyWithTheirPassphrase(t *testing.T) {
	for _, keySize := range []int{1, 16, 32, 64, 96, 100} {
		spec := cheap("aes-xts-plain64", keySize)
		key := bytes.Repeat([]byte{0x5a}, keySize)
		material, err := Seal(context.Background(), spec, key, []byte("p"), rand.Reader)
		if err != nil {
			t.Fatal(err)
		}
		if len(material)%SectorSize != 0 || len(material) < keySize*af.Stripes {
			t.Errorf("key of %d bytes: material of %d", keySize, len(material))
		}
		for passphrase, same := range map[string]bool{"p": true, "q": false} {
			got, err := Open(context.Background(), spec, material, []byte(passphrase), nil)
			if err != nil {
				t.Fatal(err)
			}
			if keySize > 1 && got.Equal(key) != same {
				t.Errorf("key of %d bytes, passphrase %q: same key %v", keySize, passphrase, !same)
			}
			if err := got.Close(); err != nil {
				t.Error(err)
			}
		}
	}
}

func TestImpossibleSpecsAreRefused(t *testing.T) {
	ctx := context.Background()
	spec := cheap("aes-xts-plain64", 64)
	spec.Stripes = 3999
	if _, err := Open(ctx, spec, make([]byte, 1<<20), nil, nil); !errors.Is(err, af.ErrSize) {
		t.Errorf("stripes: %v", err)
	}
	spec = cheap("aes-xts-plain64", 64)
	if _, err := Open(ctx, spec, make([]byte, 64*4000-1), nil, nil); !errors.Is(err, af.ErrSize) {
		t.Errorf("short material: %v", err)
	}
	for _, size := range []int{0, -1, MaxKeySize + 1} {
		if _, err := Seal(ctx, cheap("aes-xts-plain64", size), nil, nil, rand.Reader); !errors.Is(err, ErrKeySize) {
			t.Errorf("key of %d bytes: %v", size, err)
		}
	}
	if _, err := Seal(ctx, cheap("aes-xts-plain64", 64), make([]byte, 32), nil, rand.Reader); !errors.Is(err, ErrKeySize) {
		t.Errorf("key of another length: %v", err)
	}
}

func TestForeignBytesInMaterialAreSeenAndRandomOnesAreNot(t *testing.T) {
	material := make([]byte, 256000)
	for range 20 {
		if _, err := rand.Read(material); err != nil {
			t.Fatal(err)
		}
		if at := Damaged(material); at != -1 {
			t.Fatalf("random bytes called damaged at %d", at)
		}
	}
	clear(material[5120:5632])
	if at := Damaged(material); at != 5120 {
		t.Errorf("zeros at 5120 found at %d", at)
	}
	copy(material[1024:], bytes.Repeat([]byte("some text "), 60))
	if at := Damaged(material); at != 1024 {
		t.Errorf("text at 1024 found at %d", at)
	}
}

// A keyslot that encrypts nothing would be opened by any passphrase, and is by none but the empty one.
func TestKeyslotsThatEncryptNothingTakeTheEmptyPassphraseOnly(t *testing.T) {
	key := make([]byte, 32)
	spec := cheap("cipher_null-ecb", 32)
	if _, err := Seal(t.Context(), spec, key, []byte("x"), rand.Reader); !errors.Is(err, ErrNullPassphrase) {
		t.Errorf("sealed under a passphrase (%v)", err)
	}
	material, err := Seal(t.Context(), spec, key, nil, rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	opened, err := Open(t.Context(), spec, material, nil, nil)
	if err != nil || !opened.Equal(key) {
		t.Fatalf("sealed under the empty one, and not opened (%v)", err)
	}
	if err := opened.Close(); err != nil {
		t.Error(err)
	}
}
