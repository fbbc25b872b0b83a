// SPDX-License-Identifier: Apache-2.0

package af

import (
	"bytes"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"testing"

	"pgregory.net/rapid"

	"github.com/orthrus-luks/orthrus/luks/hashalg"
)

// pattern is the material that the vectors were made from.
func pattern(n int) []byte {
	p := make([]byte, n)
	for i := range p {
		p[i] = byte(i*31 + (i>>8)*7)
	}
	return p
}

// The vectors come from an independent implementation in another language.
func TestMergeGivesKnownKeys(t *testing.T) {
	for _, v := range []struct {
		hash         string
		size, stripe int
		key          string
	}{
		{"sha1", 32, 4000, "09d9cc0cc4768ae4c4da0ae7f12ef0a0be28660e0dd240b4a61364e0f50a5f22"},
		{"sha256", 64, 4000, "ed185cbcee3fe223be58c77e85ad9433ca07a12267738baf7ac3e43a291a8194248478139fea7578c50dadf6dc994b8c9851ab27e825f84ab204ed60486227cf"},
		{"sha512", 64, 4000, "47e2c3bc979cf5d0f31cf6c7c35abbda1216dce8c0f6c221c279a82869160d21d902a7a68a6ea3944565846d502558566ac886c05b5a954b68e0de6033803a30"},
		{"sha256", 16, 4000, "4b2fe14ff73f95558482c9c7f3b2cb96"},
		{"whirlpool", 64, 40, "13c0a5776c94580f7b1161a47cf4fe2c4561927df198fec3ea7e5e27d80cb1c9f2086763f861e46194b8faeb7b1306ee164539dce6c55f3de9a365bf568fd66d"},
		{"ripemd160", 32, 40, "9f5b4f394dc062ef9facbdcff633c620a4a870bcb797727ffedbdc35e34711c3"},
		{"sha256", 33, 7, "78a44317b20216a5904cb9b8dd62e17777677b02c619f0ac86a26f2b832b3cc2e5"},
		{"sha256", 32, 1, "001f3e5d7c9bbad9f81736557493b2d1f00f2e4d6c8baac9e80726456483a2c1"},
	} {
		key := make([]byte, v.size)
		if err := Merge(key, pattern(v.size*v.stripe), v.stripe, v.hash); err != nil {
			t.Fatal(err)
		}
		if got := hex.EncodeToString(key); got != v.key {
			t.Errorf("%s %d×%d: %s, want %s", v.hash, v.size, v.stripe, got, v.key)
		}
	}
}

func TestMergeUndoesSplit(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		key := rapid.SliceOfN(rapid.Byte(), 1, 100).Draw(t, "key")
		stripes := rapid.IntRange(1, 20).Draw(t, "stripes")
		hash := rapid.SampledFrom(hashalg.Names()).Draw(t, "hash")
		random := rapid.SliceOfN(rapid.Byte(), len(key)*(stripes-1), len(key)*(stripes-1)).Draw(t, "random")
		material, back := make([]byte, len(key)*stripes), make([]byte, len(key))
		if err := Split(material, key, stripes, hash, bytes.NewReader(random)); err != nil {
			t.Fatal(err)
		}
		if !bytes.Equal(material[:len(random)], random) {
			t.Fatal("the first stripes are not the random ones")
		}
		if err := Merge(back, material, stripes, hash); err != nil {
			t.Fatal(err)
		}
		if !bytes.Equal(back, key) {
			t.Fatalf("got %x, want %x", back, key)
		}
	})
}

func TestOneWrongBitSpoilsTheKey(t *testing.T) {
	key, back, material := pattern(32), make([]byte, 32), make([]byte, 32*Stripes)
	if err := Split(material, key, Stripes, "sha256", bytes.NewReader(pattern(len(material)))); err != nil {
		t.Fatal(err)
	}
	for _, at := range []int{0, 5000, len(material) - 1} {
		material[at] ^= 1
		if err := Merge(back, material, Stripes, "sha256"); err != nil || bytes.Equal(back, key) {
			t.Errorf("a bit flipped in byte %d changes nothing (%v)", at, err)
		}
		material[at] ^= 1
	}
}

func TestBadInputIsRefused(t *testing.T) {
	for _, v := range []struct{ key, material, stripes int }{
		{0, 0, 4000}, {32, 32 * 3999, 4000}, {32, 0, 0}, {32, 32, -1}, {16, 1 << 20, 1 << 30},
	} {
		key, material := make([]byte, v.key), make([]byte, v.material)
		if err := Merge(key, material, v.stripes, "sha256"); !errors.Is(err, ErrSize) {
			t.Errorf("Merge %+v: %v", v, err)
		}
		if err := Split(material, key, v.stripes, "sha256", bytes.NewReader(material)); !errors.Is(err, ErrSize) {
			t.Errorf("Split %+v: %v", v, err)
		}
	}
	if err := Merge(make([]byte, 8), make([]byte, 16), 2, "nope"); !errors.Is(err, hashalg.ErrUnknown) {
		t.Error(err)
	}
	if err := Split(make([]byte, 16), make([]byte, 8), 2, "sha1", bytes.NewReader(nil)); !errors.Is(err, io.EOF) {
		t.Error(err)
	}
}

func BenchmarkMerge(b *testing.B) {
	for _, hash := range []string{"sha256", "sha512"} {
		b.Run(fmt.Sprintf("64bytes/%s", hash), func(b *testing.B) {
			key, material := make([]byte, 64), pattern(64*Stripes)
			b.SetBytes(int64(len(material)))
			for b.Loop() {
				if err := Merge(key, material, Stripes, hash); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
