// SPDX-License-Identifier: Apache-2.0

package sector

import (
	"bytes"
	"encoding/hex"
	"errors"
	"testing"

	"pgregory.net/rapid"
)

// The vectors of RFC 7801, 5.
func TestKuznyechikGivesTheAnswersOfItsSpecification(t *testing.T) {
	const plain, want = "1122334455667700ffeeddccbbaa9988", "7f679d90bebc24305a468d42b9d4edcd"
	c := newKuznyechik(fromHex(t, "8899aabbccddeeff0011223344556677fedcba98765432100123456789abcdef"))
	for i, key := range map[int]string{
		2: "db31485315694343228d6aef8cc78c44", 3: "3d4553d8e9cfec6815ebadc40a9ffd04",
		8: "bb44e25378c73123a5f32f73cdb6e517", 9: "72e9dd7416bcf45b755dbaa88e4a4043",
	} {
		if got := hex.EncodeToString(c.rounds[i][:]); got != key {
			t.Errorf("key %d: %s, want %s", i+1, got, key)
		}
	}
	block := fromHex(t, plain)
	if c.encrypt(block, block); hex.EncodeToString(block) != want {
		t.Errorf("%x, want %s", block, want)
	}
	if c.decrypt(block, block); hex.EncodeToString(block) != plain {
		t.Errorf("decrypts to %x", block)
	}
}

func TestKuznyechikUndoesItself(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		key := rapid.SliceOfN(rapid.Byte(), 64, 64).Draw(t, "key")
		data := rapid.SliceOfN(rapid.Byte(), 1024, 1024).Draw(t, "data")
		c, err := New("kuznyechik-xts-plain64", key, 512, Kernelless())
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close()
		out := make([]byte, len(data))
		if err := c.Encrypt(out, data, 7); err != nil {
			t.Fatal(err)
		}
		if err := c.Decrypt(out, out, 7); err != nil || !bytes.Equal(out, data) {
			t.Fatalf("other data, %v", err)
		}
	})
}

func TestKuznyechikIsThereOnlyWhereItIsAskedFor(t *testing.T) {
	if _, err := New("kuznyechik-xts-plain64", make([]byte, 64), 512); !errors.Is(err, ErrUnsupported) {
		t.Errorf("%v", err)
	}
	if _, err := New("kuznyechik-xts-plain64", make([]byte, 32), 512, Kernelless()); !errors.Is(err, ErrKeySize) {
		t.Errorf("%v", err)
	}
	if _, err := New("kuznyechik-adiantum-plain64", make([]byte, 32), 512, Kernelless()); !errors.Is(err, ErrUnsupported) {
		t.Errorf("%v", err)
	}
}
