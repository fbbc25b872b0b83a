// SPDX-License-Identifier: Apache-2.0

package sector

import (
	"bytes"
	"encoding/hex"
	"math/big"
	"testing"

	"pgregory.net/rapid"
)

func unhex(t *testing.T, text string) []byte {
	t.Helper()
	p, err := hex.DecodeString(text)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// RFC 8452, appendix A.
func TestPolyvalOfTheRFC(t *testing.T) {
	h := polyval{key: newPolyvalKey(unhex(t, "25629347589242761d31f826ba4b757b"))}
	h.write(unhex(t, "4f4f95668c83dfb6401762bb2d01a262d1a24ddd2721d006bbe45f20d3c9f362"))
	sum := make([]byte, blockSize)
	h.sum(sum)
	if got := hex.EncodeToString(sum); got != "f7a3b47b846119fae5b7866cf5e5b77e" {
		t.Errorf("%s", got)
	}
}

// field multiplies as the definition says: a·b·x⁻¹²⁸, with big numbers for polynomials.
func field(a, b []byte) []byte {
	number := func(p []byte) *big.Int {
		reversed := bytes.Clone(p)
		for i, j := 0, len(p)-1; i < j; i, j = i+1, j-1 {
			reversed[i], reversed[j] = reversed[j], reversed[i]
		}
		return new(big.Int).SetBytes(reversed)
	}
	modulus := new(big.Int)
	for _, bit := range []int{128, 127, 126, 121, 0} {
		modulus.SetBit(modulus, bit, 1)
	}
	x, y, product := number(a), number(b), new(big.Int)
	for i := range 128 {
		if y.Bit(i) == 1 {
			product.Xor(product, new(big.Int).Lsh(x, uint(i)))
		}
	}
	for range 128 { // divide by x: where the last bit is set, add the modulus first
		if product.Bit(0) == 1 {
			product.Xor(product, modulus)
		}
		product.Rsh(product, 1)
	}
	for i := product.BitLen() - 1; i >= 128; i-- {
		if product.Bit(i) == 1 {
			product.Xor(product, new(big.Int).Lsh(modulus, uint(i-128)))
		}
	}
	out := make([]byte, blockSize)
	product.FillBytes(out)
	for i, j := 0, len(out)-1; i < j; i, j = i+1, j-1 {
		out[i], out[j] = out[j], out[i]
	}
	return out
}

func TestPolyvalMultipliesInItsField(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		key := rapid.SliceOfN(rapid.Byte(), blockSize, blockSize).Draw(t, "key")
		block := rapid.SliceOfN(rapid.Byte(), blockSize, blockSize).Draw(t, "block")
		h := polyval{key: newPolyvalKey(key)}
		h.write(block)
		sum := make([]byte, blockSize)
		h.sum(sum)
		if want := field(block, key); !bytes.Equal(sum, want) {
			t.Fatalf("%x, want %x", sum, want)
		}
	})
}

// The first of the vectors that Linux tests its own implementation with (crypto/testmgr.h,
// aes_hctr2_tv_template, made by the authors of HCTR2).
func TestHCTR2OfLinux(t *testing.T) {
	key := unhex(t, "e115663c8dc63affef41d747a2cc8aba")
	iv := unhex(t, "c3be2acbb53986f191ad6cf4de7445635c7ad5cc8b76ef0ecf2c606937fd0796")
	plain := unhex(t, "6575aed3e2bc435cb31ad805c3d05629")
	m, err := newHCTR2(Spec{Cipher: "aes", Mode: "hctr2", IV: "plain64"}, key)
	if err != nil {
		t.Fatal(err)
	}
	defer m.wipe()
	got := make([]byte, len(plain))
	if err := m.encrypt(got, plain, bytes.Clone(iv), len(plain), new([MaxSize]byte)); err != nil {
		t.Fatal(err)
	}
	if hex.EncodeToString(got) != "1191ea7458ccd5a2d0559e3dfe7fc8fe" {
		t.Errorf("%x", got)
	}
}

func TestHCTR2IsUndoneAndMixesTheWholeSector(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		size := rapid.SampledFrom([]int{512, 1024, 4096}).Draw(t, "size")
		key := rapid.SliceOfN(rapid.Byte(), 32, 32).Draw(t, "key")
		c, err := New("aes-hctr2-plain64", key, size)
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close()
		plain := bytes.Repeat(rapid.SliceOfN(rapid.Byte(), 16, 16).Draw(t, "plain"), 2*size/16)
		number := rapid.Uint64().Draw(t, "number")
		cipher, other, back := make([]byte, len(plain)), make([]byte, len(plain)), bytes.Clone(plain)
		for i, err := range []error{c.Encrypt(cipher, plain, number), c.Decrypt(back, cipher, number)} {
			if err != nil {
				t.Fatal(i, err)
			}
		}
		if !bytes.Equal(back, plain) {
			t.Fatal("does not come back")
		}
		at := rapid.IntRange(0, size-1).Draw(t, "at")
		plain[at] ^= 1
		if err := c.Encrypt(other, plain, number); err != nil {
			t.Fatal(err)
		}
		if !bytes.Equal(other[size:], cipher[size:]) {
			t.Fatal("reaches into the next sector")
		}
		for block := 0; block < size; block += blockSize {
			if bytes.Equal(other[block:block+blockSize], cipher[block:block+blockSize]) {
				t.Fatalf("byte %d leaves the block at %d as it is", at, block)
			}
		}
	})
}
