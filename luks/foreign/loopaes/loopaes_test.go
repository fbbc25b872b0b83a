// SPDX-License-Identifier: Apache-2.0

package loopaes_test

import (
	"bytes"
	"crypto/aes"
	"crypto/cipher"
	"crypto/sha256"
	"crypto/sha512"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"math"
	"math/bits"
	"strings"
	"testing"
	"time"

	"github.com/orthrus-luks/orthrus/luks/foreign/loopaes"
	"github.com/orthrus-luks/orthrus/luks/foreign/span"
	"github.com/orthrus-luks/orthrus/luks/hashalg"
)

// keyFile has n lines, each of which ends with that.
func keyFile(n int, end string) []byte {
	var b bytes.Buffer
	for i := range n {
		fmt.Fprintf(&b, "line %03d%s", i, end)
	}
	return b.Bytes()
}

func parse(t *testing.T, file []byte) *loopaes.Keys {
	t.Helper()
	k, err := loopaes.Parse(file, "sha256", 16)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { k.Close() })
	return k
}

func TestKeysAreHashesOfLinesChangedByTheVersion(t *testing.T) {
	for n, change := range map[int]byte{1: 0, 64: 0x55, 65: 0xf4} {
		k := parse(t, keyFile(n, "\n"))
		if k.Count() != n {
			t.Fatalf("%d keys, want %d", k.Count(), n)
		}
		for i := range n {
			want := sha256.Sum256(fmt.Appendf(nil, "line %03d", i))
			want[0] ^= change
			if got := k.Bytes()[i*16:][:16]; !bytes.Equal(got, want[:16]) {
				t.Errorf("key %d of %d: %x, want %x", i, n, got, want[:16])
			}
		}
	}
}

func TestEveryEndOfALineIsTaken(t *testing.T) {
	want := parse(t, keyFile(65, "\n"))
	for _, end := range []string{"\r", "\r\n", "\n\n\n", "\x00"} {
		if got := parse(t, keyFile(65, end)); !got.Equal(want.Bytes()) {
			t.Errorf("%q: other keys", end)
		}
	}
}

func TestWhatIsNoKeyFileIsRefused(t *testing.T) {
	for name, file := range map[string][]byte{
		"empty":                nil,
		"two lines":            keyFile(2, "\n"),
		"63 lines":             keyFile(63, "\n"),
		"66 lines":             keyFile(66, "\n"),
		"empty line first":     append([]byte("\n"), keyFile(64, "\n")...),
		"last line open":       bytes.TrimRight(keyFile(64, "\n"), "\n"),
		"one longer than else": append(keyFile(63, "\n"), "longer line\n"...),
		"line ends alone":      bytes.Repeat([]byte("\n"), 8<<20),
		"8 MiB of lines":       bytes.Repeat([]byte("a\n"), 4<<20),
	} {
		begun := time.Now()
		if _, err := loopaes.Parse(file, "sha512", 32); !errors.Is(err, loopaes.ErrKeyFile) {
			t.Errorf("%s: %v", name, err)
		}
		if spent := time.Since(begun); spent > 100*time.Millisecond {
			t.Errorf("%s took %v", name, spent)
		}
	}
	if _, err := loopaes.Parse([]byte("-----BEGIN PGP MESSAGE-----\n"), "sha512", 32); !errors.Is(err, loopaes.ErrEncrypted) {
		t.Errorf("encrypted: %v", err)
	}
	if _, err := loopaes.Parse(keyFile(1, "\n"), "sha1", 32); !errors.Is(err, loopaes.ErrHash) {
		t.Errorf("short hash: %v", err)
	}
	if _, err := loopaes.Parse(keyFile(1, "\n"), "nohash", 32); !errors.Is(err, hashalg.ErrUnknown) {
		t.Errorf("unknown hash: %v", err)
	}
}

func TestHashGoesByTheSizeOfKeys(t *testing.T) {
	for size, want := range map[int]string{16: "sha256", 24: "sha384", 32: "sha512", 64: ""} {
		if got := loopaes.Hash(size); got != want {
			t.Errorf("%d bytes: %q", size, got)
		}
	}
}

func TestSizeOfOneKeyIsFoundInTheMapping(t *testing.T) {
	for _, size := range []int{16, 24, 32} {
		for _, n := range []int{64, 65} {
			if got := loopaes.KeySize("aes:64-cbc-lmk", n*size); got != size {
				t.Errorf("%d of %d bytes: %d", n, size, got)
			}
		}
		if got := loopaes.KeySize("aes-cbc-plain64", size); got != size {
			t.Errorf("one of %d bytes: %d", size, got)
		}
	}
}

// The test encrypts by arithmetic of its own.
func TestPlaintextIsWhatWasEncrypted(t *testing.T) {
	data := make([]byte, 512*200)
	for i := range data {
		data[i] = byte(i * i >> 7)
	}
	for _, n := range []int{1, 64, 65} {
		for _, numbers := range []uint64{0, 37, 1<<32 - 100} {
			s := span.Segment{Offset: 2, IVOffset: numbers, Length: 200}
			k := parse(t, keyFile(n, "\n"))
			device := append(make([]byte, 1024), encrypt(k, data, numbers)...)
			p, err := k.Plaintext(bytes.NewReader(device), "aes", s)
			if err != nil {
				t.Fatal(err)
			}
			got, err := io.ReadAll(io.NewSectionReader(p, 0, p.Size()))
			if err != nil || !bytes.Equal(got, data) {
				t.Errorf("version with %d keys, from sector %d: other data, %v", n, numbers, err)
			}
			part := make([]byte, 700)
			if _, err := p.ReadAt(part, 1000); err != nil || !bytes.Equal(part, data[1000:1700]) {
				t.Errorf("a part is other data, %v", err)
			}
			if err := p.Close(); err != nil {
				t.Error(err)
			}
		}
	}
}

func TestDeviceThatEndsBeforeTheDataIsTold(t *testing.T) {
	k := parse(t, keyFile(65, "\n"))
	p, err := k.Plaintext(bytes.NewReader(make([]byte, 600)), "aes", span.Segment{Length: 2})
	if err != nil {
		t.Fatal(err)
	}
	defer p.Close()
	if _, err := p.ReadAt(make([]byte, 1024), 0); !errors.Is(err, io.ErrUnexpectedEOF) {
		t.Errorf("%v", err)
	}
}

func encrypt(k *loopaes.Keys, data []byte, number uint64) []byte {
	out := bytes.Clone(data)
	for at := 0; at < len(out); at, number = at+512, number+1 {
		one := out[at : at+512]
		key, iv := k.Bytes()[:16], make([]byte, 16)
		binary.LittleEndian.PutUint64(iv, number)
		if k.Count() > 1 {
			key, iv = k.Bytes()[number%64*16:][:16], vector(k, one, number)
		}
		block, err := aes.NewCipher(key)
		if err != nil {
			panic(err)
		}
		cipher.NewCBCEncrypter(block, iv).CryptBlocks(one, one)
	}
	return out
}

func vector(k *loopaes.Keys, plain []byte, number uint64) (iv []byte) {
	var text []byte
	if k.Count() == 65 {
		text = append(append(text, k.Bytes()[64*16:]...), make([]byte, 48)...)
	}
	text = append(text, plain[16:]...)
	le := binary.LittleEndian
	text = le.AppendUint32(text, uint32(number))
	text = le.AppendUint32(text, uint32(number>>32)|0x80000000)
	text = le.AppendUint32(le.AppendUint32(text, 4024), 0)
	state := [4]uint32{0x67452301, 0xefcdab89, 0x98badcfe, 0x10325476}
	for ; len(text) > 0; text = text[64:] {
		md5Block(&state, text[:64])
	}
	for _, word := range state {
		iv = le.AppendUint32(iv, word)
	}
	return iv
}

// md5Block is the function of RFC 1321.
func md5Block(state *[4]uint32, block []byte) {
	shifts := [4][4]int{{7, 12, 17, 22}, {5, 9, 14, 20}, {4, 11, 16, 23}, {6, 10, 15, 21}}
	a, b, c, d := state[0], state[1], state[2], state[3]
	for i := range 64 {
		f, at := b&c|^b&d, i
		switch i / 16 {
		case 1:
			f, at = d&b|^d&c, 5*i+1
		case 2:
			f, at = b^c^d, 3*i+5
		case 3:
			f, at = c^(b|^d), 7*i
		}
		f += a + uint32(math.Floor(math.Abs(math.Sin(float64(i+1)))*(1<<32))) + binary.LittleEndian.Uint32(block[at%16*4:])
		a, d, c, b = d, c, b, b+bits.RotateLeft32(f, shifts[i/16][i%4])
	}
	state[0], state[1], state[2], state[3] = state[0]+a, state[1]+b, state[2]+c, state[3]+d
}

func FuzzKeyFiles(f *testing.F) {
	f.Add(keyFile(1, "\n"))
	f.Add(keyFile(64, "\r\n"))
	f.Add(keyFile(65, "\n"))
	f.Add([]byte(strings.Repeat("\n", 65)))
	f.Fuzz(func(t *testing.T, file []byte) {
		k, err := loopaes.Parse(file, "sha512", 32)
		if err != nil {
			return
		}
		defer k.Close()
		n := k.Count()
		if n != 1 && n != 64 && n != 65 || k.Len() != 32*n {
			t.Fatalf("%d keys of %d bytes", n, k.Len())
		}
		line := file[:bytes.IndexAny(file, "\r\n\x00")]
		if want := sha512.Sum512(line); !bytes.Equal(k.Bytes()[1:32], want[1:32]) {
			t.Errorf("the first key is not the hash of %q", line)
		}
	})
}
