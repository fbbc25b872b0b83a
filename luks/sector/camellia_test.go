// SPDX-License-Identifier: Apache-2.0

package sector

import (
	"encoding/hex"
	"testing"

	"pgregory.net/rapid"
)

// The vectors of RFC 3713, appendix A.
func TestCamelliaGivesTheAnswersOfItsSpecification(t *testing.T) {
	const plain = "0123456789abcdeffedcba9876543210"
	for key, want := range map[string]string{
		"0123456789abcdeffedcba9876543210":                                 "67673138549669730857065648eabe43",
		"0123456789abcdeffedcba98765432100011223344556677":                 "b4993401b3e996f84ee5cee7d79b09b9",
		"0123456789abcdeffedcba987654321000112233445566778899aabbccddeeff": "9acc237dff16d76c20ef7c919e3a7509",
	} {
		c, block := newCamellia(fromHex(t, key)), fromHex(t, plain)
		if c.encrypt(block, block); hex.EncodeToString(block) != want {
			t.Errorf("%d bits: %x, want %s", len(key)*4, block, want)
		}
		if c.decrypt(block, block); hex.EncodeToString(block) != plain {
			t.Errorf("%d bits: decrypts to %x", len(key)*4, block)
		}
	}
}

// The vectors of the draft of IEEE 1619 (LRW-AES 1, 4 and 9), as tests of the block with that number.
func TestLRWGivesTheAnswersOfItsDraft(t *testing.T) {
	for _, v := range []struct{ key, number, plain, want string }{
		{
			"4562ac25f828176d4c268414b5680185258e2a05e73e9d03ee5a830ccc094c87", "00000000000000000000000000000001",
			"30313233343536373839414243444546", "f1b273cd65a3df5fe95d489254634eb8",
		},
		{
			"59704714f557478cd779e80f548879440d48f0b7b15a53ea1caa6b29c2cafbaf", "00000000000000000000000000000002",
			"30313233343536373839414243444546", "00c82bae95bbcde5274f0769b260e136",
		},
	} {
		key := fromHex(t, v.key)
		made, err := newLRW(Spec{Cipher: "aes", Mode: "lrw", IV: "benbi"}, key)
		if err != nil {
			t.Fatal(err)
		}
		sector := make([]byte, MinSize)
		copy(sector, fromHex(t, v.plain))
		if err := made.encrypt(sector, sector, fromHex(t, v.number), MinSize, new([MaxSize]byte)); err != nil {
			t.Fatal(err)
		}
		if got := hex.EncodeToString(sector[:16]); got != v.want {
			t.Errorf("block %s: %s, want %s", v.number, got, v.want)
		}
	}
}

// What is stepped from block to block is what each block's number gives by itself, carries through the middle included.
func TestLRWStepsAsItMultiplies(t *testing.T) {
	rapid.Check(t, func(r *rapid.T) {
		made, err := newLRW(Spec{Cipher: "aes", Mode: "lrw", IV: "benbi"}, pattern("key", 48))
		if err != nil {
			r.Fatal(err)
		}
		m := made.(lrwMode)
		first := rapid.SliceOfN(rapid.SampledFrom([]byte{0, 1, 0x7f, 0xfe, 0xff}), 16, 16).Draw(r, "first")
		tweaks := make([]byte, MinSize)
		m.fill(tweaks, first)
		number := loadWord(first)
		for at := 0; at < len(tweaks); at += blockSize {
			if loadWord(tweaks[at:]) != m.times(number) {
				r.Fatalf("block %d after %x", at/blockSize, first)
			}
			number = number.next()
		}
	})
}

func TestLRWRefusesOtherKeySizes(t *testing.T) {
	for _, size := range []int{0, 16, 31, 33, 64} {
		if _, err := New("aes-lrw-benbi", make([]byte, size), MinSize); err == nil {
			t.Errorf("%d bytes are taken", size)
		}
	}
}
