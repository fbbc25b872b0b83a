// SPDX-License-Identifier: Apache-2.0

//go:build amd64 || arm64

package sector

import (
	"bytes"
	"crypto/aes"
	"crypto/cipher"
	"crypto/subtle"
	"testing"

	"golang.org/x/crypto/xts"
	"pgregory.net/rapid"
)

// withPath is an AES-XTS cipher on one path.
func withPath(t testing.TB, path aesPath, key []byte, size int) *Cipher {
	t.Helper()
	c := mustNew(t, "aes-xts-plain64", key, size)
	m, isFast := c.mode.(aesXTS)
	if !isFast {
		t.Fatalf("%T is not the fast mode", c.mode)
	}
	m.path = path
	c.mode = m
	return c
}

// withoutPath is one on no path at all, as on a processor that this package has no code for.
func withoutPath(t testing.TB, key []byte, size int) *Cipher {
	t.Helper()
	c := mustNew(t, "aes-xts-plain64", key, size)
	c.mode.wipe()
	half := len(key) / 2
	c.mode = xtsMode{data: standardAES(t, key[:half]), tweak: standardAES(t, key[half:])}
	return c
}

func standardAES(t testing.TB, key []byte) blockCipher {
	t.Helper()
	b, err := aes.NewCipher(key)
	if err != nil {
		t.Fatal(err)
	}
	return oneByOne{b}
}

// everyPath runs a test with ciphers of each path that this processor has, and of none.
func everyPath(t *testing.T, test func(t *testing.T, make func(key []byte, size int) *Cipher)) {
	for _, path := range aesPaths() {
		t.Run(string(path), func(t *testing.T) {
			test(t, func(key []byte, size int) *Cipher { return withPath(t, path, key, size) })
		})
	}
	t.Run("standard library", func(t *testing.T) {
		test(t, func(key []byte, size int) *Cipher { return withoutPath(t, key, size) })
	})
}

func TestEveryPathAgreesWithXCryptoXTS(t *testing.T) {
	everyPath(t, func(t *testing.T, newCipher func([]byte, int) *Cipher) {
		rapid.Check(t, func(r *rapid.T) {
			key := rapid.SliceOfN(rapid.Byte(), 64, 64).Draw(r, "key")
			key = key[:rapid.SampledFrom([]int{32, 48, 64}).Draw(r, "key size")]
			size := 512 << rapid.IntRange(0, 3).Draw(r, "size")
			count := rapid.IntRange(1, 12).Draw(r, "sectors")
			seed := rapid.String().Draw(r, "data")
			checkXTS(r, newCipher(key, size), key, pattern(seed, count*size), rapid.Uint64().Draw(r, "sector"))
		})
	})
}

// checkXTS compares a cipher's work with that of x/crypto/xts, apart and in place, at odd addresses.
func checkXTS(t interface {
	Fatalf(string, ...any)
	Fatal(...any)
}, c *Cipher, key, plain []byte, sector uint64,
) {
	referee, err := xts.NewCipher(aes.NewCipher, key)
	if err != nil {
		t.Fatal(err)
	}
	want := make([]byte, len(plain))
	for at, n := 0, sector; at < len(plain); at += c.size {
		referee.Encrypt(want[at:at+c.size], plain[at:at+c.size], n)
		n += uint64(c.size / 512)
	}
	got := make([]byte, len(plain)+2)
	work := got[1 : 1+len(plain)]
	if err := c.Encrypt(work, plain, sector); err != nil || !bytes.Equal(work, want) {
		t.Fatalf("encryption is wrong (%v)", err)
	}
	if err := c.Decrypt(work, work, sector); err != nil || !bytes.Equal(work, plain) {
		t.Fatalf("decryption in place is wrong (%v)", err)
	}
	if got[0] != 0 || got[len(got)-1] != 0 {
		t.Fatal("bytes beside the destination were written")
	}
}

// Tweaks at the edges of the field: carries out of either half, and of all bits at once.
func TestEveryPathMultipliesEdgeTweaks(t *testing.T) {
	for _, path := range aesPaths() {
		for _, first := range [][]byte{
			make([]byte, 16),
			bytes.Repeat([]byte{0xff}, 16),
			append(make([]byte, 15), 0x80),
			append(make([]byte, 7), 0x80, 0, 0, 0, 0, 0, 0, 0, 0),
			append([]byte{1}, make([]byte, 15)...),
			append(make([]byte, 12), 0xff, 0xff, 0xff, 0xff),
		} {
			checkTweak(t, path, first)
		}
	}
}

// checkTweak compares a path with blocks whitened by hand.
func checkTweak(t *testing.T, path aesPath, first []byte) {
	t.Helper()
	key, plain := pattern("key", 32), pattern("data", 4096)
	data := ourAES(t, key)
	tweaks, want, got := make([]byte, 4096), make([]byte, 4096), make([]byte, 4096)
	fillTweaks(tweaks, first)
	subtle.XORBytes(want, plain, tweaks)
	standardAES(t, key).encrypt(want, want)
	subtle.XORBytes(want, want, tweaks)
	if path.xtsEncrypt(data, got, plain, first, len(plain)); !bytes.Equal(got, want) {
		t.Errorf("%s: tweak %x: encryption is wrong", path, first)
	}
	if path.xtsDecrypt(data, got, got, first, len(plain)); !bytes.Equal(got, plain) {
		t.Errorf("%s: tweak %x: decryption is wrong", path, first)
	}
}

// ourAES wants a processor that has a path.
func ourAES(t *testing.T, key []byte) *aesBlocks {
	t.Helper()
	b, err := newAESBlocks(key)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(b.wipe)
	return b
}

func TestBlocksAgreeWithTheStandardLibrary(t *testing.T) {
	for range aesPaths() {
		rapid.Check(t, func(r *rapid.T) {
			key := rapid.SliceOfN(rapid.Byte(), 32, 32).Draw(r, "key")
			key = key[:rapid.SampledFrom(blockKeySizes()).Draw(r, "key size")]
			plain := pattern("data", 16*rapid.IntRange(0, 40).Draw(r, "blocks"))
			ours := ourAES(t, key)
			want, got := make([]byte, len(plain)), make([]byte, len(plain))
			standardAES(t, key).encrypt(want, plain)
			if ours.encrypt(got, plain); !bytes.Equal(got, want) {
				r.Fatal("encryption is wrong")
			}
			if ours.decrypt(got, got); !bytes.Equal(got, plain) {
				r.Fatal("decryption is wrong")
			}
		})
		return // blocks are the same on all paths
	}
}

func TestClosingWipesTheRoundKeys(t *testing.T) {
	for range aesPaths() {
		b := ourAES(t, make([]byte, 32))
		if *b.enc == (schedule{}) || *b.dec == (schedule{}) {
			t.Fatal("no round keys")
		}
		if b.wipe(); b.memory.Len() != 0 || b.enc != nil || b.dec != nil {
			t.Error("round keys are still there")
		}
	}
}

func FuzzEveryPath(f *testing.F) {
	f.Add(pattern("key", 64), pattern("data", 1024), uint64(1), uint8(0))
	f.Fuzz(func(t *testing.T, key, data []byte, sector uint64, shape uint8) {
		size := 512 << (shape & 3)
		key = append(key, make([]byte, 64)...)[:[]int{32, 48, 64, 64}[shape>>2&3]]
		data = append(data, make([]byte, size)...)
		data = data[:len(data)/size*size]
		for _, path := range aesPaths() {
			checkXTS(t, withPath(t, path, key, size), key, data, sector)
		}
		checkXTS(t, withoutPath(t, key, size), key, data, sector)
	})
}

func BenchmarkXTS(b *testing.B) {
	key := pattern("key", 64)
	for _, size := range []int{512, 4096} {
		for _, path := range aesPaths() {
			b.Run(sizeName(size)+"/encrypt/"+string(path), func(b *testing.B) {
				benchmark(b, withPath(b, path, key, size).Encrypt)
			})
			b.Run(sizeName(size)+"/decrypt/"+string(path), func(b *testing.B) {
				benchmark(b, withPath(b, path, key, size).Decrypt)
			})
		}
		b.Run(sizeName(size)+"/encrypt/standard library", func(b *testing.B) {
			benchmark(b, withoutPath(b, key, size).Encrypt)
		})
		b.Run(sizeName(size)+"/encrypt/x-crypto-xts", func(b *testing.B) { benchmarkReferee(b, key, size) })
	}
}

func sizeName(size int) string {
	if size == 512 {
		return "512"
	}
	return "4096"
}

const benchmarkBytes = 64 << 10 // stays in the second-level cache: the cipher's speed, not memory's

func benchmark(b *testing.B, crypt func(dst, src []byte, sector uint64) error) {
	data := make([]byte, benchmarkBytes)
	b.SetBytes(benchmarkBytes)
	for b.Loop() {
		if err := crypt(data, data, 0); err != nil {
			b.Fatal(err)
		}
	}
}

func benchmarkReferee(b *testing.B, key []byte, size int) {
	referee, err := xts.NewCipher(func(key []byte) (cipher.Block, error) { return aes.NewCipher(key) }, key)
	if err != nil {
		b.Fatal(err)
	}
	data := make([]byte, benchmarkBytes)
	b.SetBytes(benchmarkBytes)
	for b.Loop() {
		for at := 0; at < len(data); at += size {
			referee.Encrypt(data[at:at+size], data[at:at+size], uint64(at))
		}
	}
}

// BenchmarkOneSector is how reads through the library come: one sector in each call.
func BenchmarkOneSector(b *testing.B) {
	for _, size := range []int{512, 4096} {
		c := mustNew(b, "aes-xts-plain64", pattern("key", 64), size)
		b.Run(sizeName(size), func(b *testing.B) {
			data := make([]byte, size)
			b.SetBytes(int64(size))
			for b.Loop() {
				if err := c.Encrypt(data, data, 0); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
