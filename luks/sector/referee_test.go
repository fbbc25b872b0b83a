// SPDX-License-Identifier: Apache-2.0

package sector

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"testing"

	"github.com/aead/serpent"
	"golang.org/x/crypto/twofish" //lint:ignore SA1019 volumes encrypted with it exist
	"golang.org/x/crypto/xts"
)

// The referee is a second, plain implementation: one sector at a time, on the standard library's
// modes and x/crypto/xts.

// refereeSpecs are what it can do; the shortest key in bytes goes with each.
var refereeSpecs = []struct {
	spec string
	keys []int
}{
	{"aes-xts-plain64", []int{32, 48, 64}},
	{"aes-xts-plain", []int{32, 64}},
	{"serpent-xts-plain64", []int{32, 48, 64}},
	{"twofish-xts-plain64", []int{32, 48, 64}},
	{"aes-cbc-essiv:sha256", []int{16, 24, 32}},
	{"aes-cbc-plain64", []int{16, 24, 32}},
	{"aes-cbc-plain64be", []int{32}},
	{"aes-cbc-benbi", []int{32}},
	{"aes-cbc-null", []int{32}},
	{"aes-cbc-plain", []int{16, 32}},
	{"serpent-cbc-plain64", []int{16, 32}},
	{"twofish-cbc-essiv:sha256", []int{16, 32}},
	{"aes-ctr-plain64", []int{16, 32}},
	{"aes-ctr-plain64be", []int{16, 32}},
	{"aes-ecb", []int{16, 24, 32}},
}

func refereeBlock(t testing.TB, name string) func([]byte) (cipher.Block, error) {
	t.Helper()
	switch name {
	case "aes":
		return aes.NewCipher
	case "serpent":
		return serpent.NewCipher
	case "twofish":
		return func(key []byte) (cipher.Block, error) { return twofish.NewCipher(key) }
	}
	t.Fatalf("no referee for %s", name)
	return nil
}

func refereeIV(t testing.TB, s Spec, key []byte, n uint64) []byte {
	t.Helper()
	iv := make([]byte, 16)
	switch s.IV {
	case "plain":
		binary.LittleEndian.PutUint32(iv, uint32(n))
	case "plain64":
		binary.LittleEndian.PutUint64(iv, n)
	case "plain64be":
		binary.BigEndian.PutUint64(iv[8:], n)
	case "benbi":
		binary.BigEndian.PutUint64(iv[8:], n*32+1)
	case "essiv":
		if s.IVHash != "sha256" {
			t.Fatalf("no referee for %s", s)
		}
		salt := sha256.Sum256(key)
		block, err := refereeBlock(t, s.Cipher)(salt[:])
		if err != nil {
			t.Fatal(err)
		}
		binary.LittleEndian.PutUint64(iv, n)
		block.Encrypt(iv, iv)
	}
	return iv
}

// refereeEncrypt encrypts src into a new slice.
func refereeEncrypt(t testing.TB, spec string, key []byte, size int, src []byte, sector uint64) []byte {
	t.Helper()
	s, err := ParseSpec(spec)
	if err != nil {
		t.Fatal(err)
	}
	dst := make([]byte, len(src))
	for at := 0; at < len(src); at += size {
		refereeSector(t, s, key, dst[at:at+size], src[at:at+size], sector)
		sector += uint64(size / 512)
	}
	return dst
}

func refereeSector(t testing.TB, s Spec, key, dst, src []byte, n uint64) {
	t.Helper()
	if s.Mode == "xts" {
		if s.IV == "plain" {
			n = uint64(uint32(n))
		}
		x, err := xts.NewCipher(refereeBlock(t, s.Cipher), key)
		if err != nil {
			t.Fatal(err)
		}
		x.Encrypt(dst, src, n)
		return
	}
	block, err := refereeBlock(t, s.Cipher)(key)
	if err != nil {
		t.Fatal(err)
	}
	iv := refereeIV(t, s, key, n)
	switch s.Mode {
	case "cbc":
		cipher.NewCBCEncrypter(block, iv).CryptBlocks(dst, src)
	case "ctr":
		cipher.NewCTR(block, iv).XORKeyStream(dst, src)
	case "ecb":
		for at := 0; at < len(src); at += 16 {
			block.Encrypt(dst[at:at+16], src[at:at+16])
		}
	default:
		t.Fatalf("no referee for %s", s)
	}
}

func mustNew(t testing.TB, spec string, key []byte, size int, options ...Option) *Cipher {
	t.Helper()
	c, err := New(spec, key, size, options...)
	if err != nil {
		t.Fatalf("New(%q, %d bytes, %d): %v", spec, len(key), size, err)
	}
	t.Cleanup(c.Close)
	return c
}

// pattern returns n bytes that differ from block to block, made from a label.
func pattern(label string, n int) []byte {
	var out []byte
	for i := 0; len(out) < n; i++ {
		sum := sha256.Sum256(fmt.Appendf(nil, "%s %d", label, i))
		out = append(out, sum[:]...)
	}
	return out[:n]
}
