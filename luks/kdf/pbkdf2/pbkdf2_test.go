// SPDX-License-Identifier: Apache-2.0

package pbkdf2

import (
	"bytes"
	"context"
	stdpbkdf2 "crypto/pbkdf2"
	"encoding/hex"
	"errors"
	"math"
	"testing"
	"time"

	"github.com/orthrus-luks/orthrus/luks/hashalg"
	"github.com/orthrus-luks/orthrus/test/pace"
	"pgregory.net/rapid"
)

// The vectors come from OpenSSL: password "correct horse battery staple", salt 00 01 … 1f.
func TestKnownAnswers(t *testing.T) {
	salt := make([]byte, 32)
	for i := range salt {
		salt[i] = byte(i)
	}
	for _, v := range []struct {
		hash       string
		iterations uint32
		want       string
	}{
		{"sha1", 1000, "e6a94d73e7a94b2099ed6b595c6e2969a6cc75f657777bfb185e010478b02e55d6633c527edbb3b1d1d5882e5980079ed3fe6e2078c56b1591adae17ae12c2bf"},
		{"sha224", 1000, "b507f85417507b26b3dd24a4669fb7ee8d4ed1fea69524d719ea0678736c9f28b6fa9ca62840cec0eba6dd2d6a4576e6094ae0ef6d2347e54637c5e8ddbbf0eb"},
		{"sha256", 1000, "22c37d144ef39fba5ac507f839d901d04719c150d9ea44177a60adf6c8b073f81abbb6e717f6bd054ee7f4bb53938ee7e9a8cedf1818a7983682955df6d3f7de"},
		{"sha384", 1000, "ca075533865e95ef387223b8e400bcc92f8453a40a07ff04ce86d4a371030e0a735c233d7b5714db96dd20380a0b75e3f113238a7095c16c783d30a1d0615713"},
		{"sha512", 1000, "d527651dde2ec1b2e0872ec92c6e75130f53d1903a9f5f1d1cbcd99567e773b02515f670af0c3556f0e86b376a59d68c7717283437f7ba4795205231c3bead94"},
		{"sha512-224", 1000, "0e360982b88b84562801e4e65e0af3a1d832748c6ed97779932716ef6d159e1499bf656a7b09acb01dde021132d5a701fde53aa39aaa42b232073f3099457f4c"},
		{"sha512-256", 1000, "4e539feae1abaa0b2e096f1a3642bf5fe2caebbb983763c336c4d97a3fcd64b3277d6142879b72524fc37eaad803184ff47915ad47840482e28cdf6f1ccd76f6"},
		{"sha3-224", 1000, "b458cf23f22873168d7fec4a51f1de021cccc39f977dfd8e71af721b613f90d0889578654a0ff1b0a6f97035b37f0077568904423ef4337c291e6e2793b4e7a9"},
		{"sha3-256", 1000, "5599eb92c4729c510a60ad77a97dfe1dd73b4360dbb3c662d9f6ff23961f9584d4ff3102f3b3c0352247bf0edc5b70e7d986e517ba27212557ec284484212a24"},
		{"sha3-384", 1000, "c28ff442eff9299186ed9d3d100e27c41c33609b73bfc966a5b5765d712e91b404bc0e0d426959a659eb47019e6b068c6453b4e65915dd740e51772c8c7b155b"},
		{"sha3-512", 1000, "6d4851bf3ab565934c9ed785c146e87cb85e93e94ca3582883849fdc5331bbae38c3042ba755d00603e698fc2145d047f98ae763972b175e019bedd27d5c3e44"},
		{"ripemd160", 1000, "45c26795ed53297f6d186c044a2cca2c5c8e95d21923af687ae3857722ce5cb6310c94d719c07107b873f00fa02f9908c3e5acb2b490c1ef1ecb8118cfcf1803"},
		{"whirlpool", 1000, "b91ff9650e919d5ccefcdbbef256db82ac652bed8a601985b6928e1ce5626c16bb7910ee67f5e5409500005ac494c32c5c6dae7dabc240be51beb2df36aa2d40"},
		{"blake2b-512", 1000, "fb2b7bed8d6180877b9a67171a866fc1fdc473e39ac4e169bcbfba56b9181d872204c20e4b24f05de7ad2ee8c72f68bd3e7156ec0faa309a2ec426ed7166a27e"},
		{"blake2s-256", 1000, "ca4be6e11cd21aa5e7e05a71eee4e98f76916d9eeeb55d3d9339c9e8e5fee0e61b9021f81b052308ddbf240c4a2362d7b12ea92654f991d344004886e6092622"},
		{"sha256", 1, "ba0a1d6386b7086685c7b5be0ca773f4eeeca94eca8cf6560df2c61415aabce16642b688b95130ece75dd9eb893f4f24955b782ed3f8fbf18f76e2e3e97b98dcab48f179949eea9fb8e3c0cb9b8b7d57b89ac5b744856873fd2be0f4456f5eceb192cbcf"},
		{"sha256", 3333, "06aa0e8e9f6bd3"},
	} {
		got := make([]byte, len(v.want)/2)
		if err := Key(t.Context(), got, []byte("correct horse battery staple"), salt, v.iterations, v.hash); err != nil {
			t.Fatal(err)
		}
		if hex.EncodeToString(got) != v.want {
			t.Errorf("%s, %d iterations: %x, want %s", v.hash, v.iterations, got, v.want)
		}
	}
}

func TestAgreesWithTheStandardLibrary(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		name := rapid.SampledFrom(append(hashalg.Names(), "md5")).Draw(t, "hash")
		password := rapid.SliceOfN(rapid.Byte(), 0, 200).Draw(t, "password")
		salt := rapid.SliceOfN(rapid.Byte(), 0, 200).Draw(t, "salt")
		iterations := rapid.IntRange(1, 20).Draw(t, "iterations")
		if rapid.IntRange(0, 9).Draw(t, "long") == 0 {
			iterations += parallelFrom
		}
		got := make([]byte, rapid.IntRange(1, 200).Draw(t, "length"))
		factory, err := hashalg.Factory(name)
		if err != nil {
			t.Fatal(err)
		}
		want, err := stdpbkdf2.Key(factory, string(password), salt, iterations, len(got))
		if err != nil {
			t.Fatal(err)
		}
		if err := Key(t.Context(), got, password, salt, uint32(iterations), name); err != nil {
			t.Fatal(err)
		}
		if !bytes.Equal(got, want) {
			t.Fatalf("got %x, want %x", got, want)
		}
	})
}

// cancelKey cancels a derivation that would take an hour, and returns how long that took.
func cancelKey(t *testing.T, length int) time.Duration {
	out := bytes.Repeat([]byte{1}, length)
	ctx, cancel := context.WithCancel(t.Context())
	var cancelled time.Time
	time.AfterFunc(20*time.Millisecond, func() { cancelled = time.Now(); cancel() })
	if err := Key(ctx, out, []byte("p"), []byte("s"), math.MaxUint32, "sha256"); !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
	if !bytes.Equal(out, make([]byte, length)) {
		t.Error("out is not zeroed")
	}
	return time.Since(cancelled)
}

// prompt is how soon a cancelled derivation is over on a quiet machine; uncancelled it takes an hour.
const prompt = 15 * time.Millisecond

func TestCancellationIsPromptAndLeavesNothing(t *testing.T) {
	for _, length := range []int{20, 200} {
		took := cancelKey(t, length)
		for range 5 { // others may keep the processors busy
			if took > pace.Limit(prompt) {
				took = cancelKey(t, length)
			}
		}
		if took > pace.Limit(prompt) {
			t.Errorf("%d bytes: took %v", length, took)
		}
	}
}

func TestBadParametersAreErrors(t *testing.T) {
	out := make([]byte, 4)
	if err := Key(t.Context(), out, nil, nil, 0, "sha1"); !errors.Is(err, ErrIterations) {
		t.Error(err)
	}
	if err := Key(t.Context(), out, nil, nil, 1, "sha0"); !errors.Is(err, hashalg.ErrUnknown) {
		t.Error(err)
	}
	if err := Key(t.Context(), nil, nil, nil, 1, "sha1"); err != nil {
		t.Error("no output wanted:", err)
	}
}

func TestBlocksAreThoseOfTheKey(t *testing.T) {
	for _, hash := range []string{"sha256", "sha512", "whirlpool", "ripemd160"} {
		size, err := hashalg.Size(hash)
		if err != nil {
			t.Fatal(err)
		}
		key, one := make([]byte, 3*size), make([]byte, size)
		if err := Key(t.Context(), key, []byte("password"), []byte("salt"), 100, hash); err != nil {
			t.Fatal(err)
		}
		for i := range 3 {
			if err := Block(t.Context(), one, []byte("password"), []byte("salt"), uint32(i)+1, 100, hash); err != nil ||
				!bytes.Equal(one, key[i*size:][:size]) {
				t.Errorf("%s, block %d: %x, %v", hash, i+1, one, err)
			}
		}
	}
	stopped, stop := context.WithCancel(t.Context())
	stop()
	one := []byte{1, 2, 3}
	if err := Block(stopped, one, nil, nil, 1, 1e9, "sha256"); !errors.Is(err, context.Canceled) || one[0] != 0 {
		t.Errorf("%v, %x", err, one)
	}
	if err := Block(t.Context(), one, nil, nil, 1, 0, "sha256"); !errors.Is(err, ErrIterations) {
		t.Error(err)
	}
	if err := Block(t.Context(), one, nil, nil, 1, 1, "no such"); !errors.Is(err, hashalg.ErrUnknown) {
		t.Error(err)
	}
}
