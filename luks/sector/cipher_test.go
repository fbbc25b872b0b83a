// SPDX-License-Identifier: Apache-2.0

package sector

import (
	"bufio"
	"bytes"
	"encoding/hex"
	"errors"
	"os"
	"strconv"
	"strings"
	"sync"
	"testing"

	"github.com/orthrus-luks/orthrus/test/vectors"
	"pgregory.net/rapid"
)

func TestRecordedVolumesDecryptToTheirData(t *testing.T) {
	for _, m := range vectors.All() {
		t.Run(m.Name, func(t *testing.T) {
			image, _ := vectors.Open(m.Name)
			data := image[m.DataOffset:]
			c := mustNew(t, m.Encryption, m.VolumeKey, m.SectorSize)
			plain := make([]byte, len(data))
			if err := c.Decrypt(plain, data, 0); err != nil {
				t.Fatal(err)
			}
			for i := 0; i < len(plain)/512; i++ {
				if !bytes.Equal(plain[i*512:][:512], vectors.PlainSector(uint64(i))) {
					t.Fatalf("sector %d is wrong", i)
				}
			}
			if err := c.Encrypt(plain, plain, 0); err != nil || !bytes.Equal(plain, data) {
				t.Fatalf("encrypting again does not give the recorded bytes (%v)", err)
			}
		})
	}
}

func TestXTSMatchesIEEE1619(t *testing.T) {
	count := 0
	for _, v := range readVectors(t, "testdata/ieee1619.txt", 4) {
		number, err := strconv.ParseUint(v[1], 10, 64)
		if err != nil {
			t.Fatal(err)
		}
		checkVector(t, "aes-xts-plain64", v[0], number, v[2], v[3])
		count++
	}
	if count != 3 {
		t.Fatalf("%d vectors, want 3", count)
	}
}

// readVectors returns the records of a file: so many lines each, comments and empty lines left out.
func readVectors(t *testing.T, name string, lines int) [][]string {
	t.Helper()
	file, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	var records [][]string
	var record []string
	for scan := bufio.NewScanner(bytes.NewReader(file)); scan.Scan(); {
		if line := scan.Text(); line != "" && !strings.HasPrefix(line, "#") {
			record = append(record, line)
		}
		if len(record) == lines {
			records, record = append(records, record), nil
		}
	}
	return records
}

func checkVector(t *testing.T, spec, key string, number uint64, plain, encrypted string) {
	t.Helper()
	c := mustNew(t, spec, fromHex(t, key), len(plain)/2)
	got := make([]byte, len(plain)/2)
	if err := c.Encrypt(got, fromHex(t, plain), number); err != nil || hex.EncodeToString(got) != encrypted {
		t.Errorf("%s, number %d: encrypted %x… (%v), want %.32s…", spec, number, got[:16], err, encrypted)
	}
	if err := c.Decrypt(got, fromHex(t, encrypted), number); err != nil || hex.EncodeToString(got) != plain {
		t.Errorf("%s, number %d: decrypted %x… (%v), want %.32s…", spec, number, got[:16], err, plain)
	}
}

func fromHex(t testing.TB, text string) []byte {
	t.Helper()
	b, err := hex.DecodeString(text)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// NIST SP 800-38A, F.2.5 (CBC-AES256) and F.1.5 (ECB-AES256), first blocks of a sector; the IV of F.2.5 is no sector number, so
// that ECB of plaintext XOR IV stands for it.
func TestAESMatchesSP80038A(t *testing.T) {
	key := fromHex(t, "603deb1015ca71be2b73aef0857d77811f352c073b6108d72d9810a30914dff4")
	plain := fromHex(t, "6bc1bee22e409f96e93d7e117393172aae2d8a571e03ac9c9eb76fac45af8e5130c81c46a35ce411e5fbc1191a0a52eff69f2445df4f9b17ad2b417be66c3710")
	ecb := "f3eed1bdb5d2a03c064b5a7e3db181f8591ccb10d410ed26dc5ba74a31362870b6ed21b99ca6f4f9f153e7b1beafed1d23304b7a39f9f3ff067d8d8f9e24ecc7"
	cbc := "f58c4c04d6e5f1ba779eabfb5f7bfbd69cfc4e967edb808d679f777bc6702c7d39f23369a9d9bacfa530e26304231461b2eb05e2c39be9fcda6c19078c6a9d1b"
	sector := append(plain, make([]byte, 512-len(plain))...)
	got := make([]byte, 512)
	if err := mustNew(t, "aes-ecb", key, 512).Encrypt(got, sector, 0); err != nil || hex.EncodeToString(got[:64]) != ecb {
		t.Errorf("ECB gives %x (%v), want %s", got[:64], err, ecb)
	}
	for i := range 16 { // IV 000102…0f, folded into the first block
		sector[i] ^= byte(i)
	}
	if err := mustNew(t, "aes-cbc-null", key, 512).Encrypt(got, sector, 0); err != nil || hex.EncodeToString(got[:64]) != cbc {
		t.Errorf("CBC gives %x (%v), want %s", got[:64], err, cbc)
	}
}

func TestNullCipherTakesAnyKeyAndChangesNothing(t *testing.T) {
	for _, key := range [][]byte{nil, make([]byte, 32), make([]byte, 7)} {
		c := mustNew(t, "cipher_null-ecb", key, 512)
		src, dst := pattern("null", 1024), make([]byte, 1024)
		if err := c.Encrypt(dst, src, 5); err != nil || !bytes.Equal(dst, src) {
			t.Errorf("encryption changed the data (%v)", err)
		}
		if err := c.Decrypt(dst, dst, 5); err != nil || !bytes.Equal(dst, src) {
			t.Errorf("decryption changed the data (%v)", err)
		}
	}
}

// dm-crypt parses the two notations apart and does the same with both.
func TestBothNotationsEncryptAlike(t *testing.T) {
	for _, test := range []struct {
		capi, plain string
		key         int
	}{
		{"capi:xts(aes)-plain64", "aes-xts-plain64", 64},
		{"capi:xts(aes)-plain", "aes-xts-plain", 32},
		{"capi:xts(serpent)-benbi", "serpent-xts-benbi", 64},
		{"capi:cbc(aes)-essiv:sha256", "aes-cbc-essiv:sha256", 32},
		{"capi:cbc(twofish)-plain64:sha1", "twofish-cbc-plain64", 16},
		{"capi:cbc(aes)-eboiv", "aes-cbc-eboiv", 32},
		{"capi:ctr(aes)-plain64be", "aes-ctr-plain64be", 24},
		{"capi:hctr2(aes)-plain64", "aes-hctr2-plain64", 32},
		{"capi:ecb(cipher_null)-plain", "cipher_null-ecb", 16},
	} {
		for _, size := range []int{512, 4096} {
			src, one, other := pattern("notations", 8192), make([]byte, 8192), make([]byte, 8192)
			key := pattern(test.plain, test.key)
			err := errors.Join(mustNew(t, test.capi, key, size).Encrypt(one, src, 1<<32-8), mustNew(t, test.plain, key, size).Encrypt(other, src, 1<<32-8))
			if err != nil || !bytes.Equal(one, other) {
				t.Errorf("%s and %s differ in sectors of %d bytes (%v)", test.capi, test.plain, size, err)
			}
		}
	}
	// Keyslots in this notation are encrypted by dm-crypt, whose blocks are of one byte in counter mode.
	src, one, other := pattern("keyslot", 2048), make([]byte, 2048), make([]byte, 2048)
	slot, err := New("capi:ctr(aes)-benbi", make([]byte, 32), 512, InKeyslot())
	if err != nil {
		t.Fatal(err)
	}
	err = errors.Join(slot.Encrypt(one, src, 3), mustNew(t, "aes-ctr-benbi", make([]byte, 32), 512).Encrypt(other, src, 3))
	if err != nil || !bytes.Equal(one, other) {
		t.Errorf("counters of a keyslot are not dm-crypt's (%v)", err)
	}
}

func TestNewRefusesWithTheKindAndTheName(t *testing.T) {
	for _, test := range []struct {
		spec string
		key  int
		size int
		kind error
		says string
	}{
		{"aes-xts-plain64", 31, 512, ErrKeySize, "31 bytes"},
		{"aes-xts-plain64", 16, 512, ErrKeySize, "16 bytes"},
		{"aes-cbc-plain64", 64, 512, ErrKeySize, "64 bytes"},
		{"aes-cbc-plain64", 0, 512, ErrKeySize, "0 bytes"},
		{"serpent-xts-plain64", 40, 512, ErrKeySize, "40 bytes"},
		{"aes-cbc-essiv:sha1", 32, 512, ErrKeySize, "20 bytes"},
		{"aes-cbc-essiv:whatsit", 32, 512, ErrUnsupported, `"whatsit"`},
		{"aes:64-cbc-lmk", 32, 512, ErrUnsupported, `"lmk"`},
		{"aes-cbc-tcw", 32, 512, ErrUnsupported, `"tcw"`},
		{"aes-xts-eboiv", 64, 512, ErrUnsupported, `"eboiv"`},
		{"aes-cbc-elephant", 32, 512, ErrUnsupported, `"elephant"`},
		{"aes-xts-random", 64, 512, ErrUnsupported, `"random"`},
		{"aes:2-cbc-plain64", 64, 512, ErrUnsupported, `"aes:2"`},
		{"cipher_null-cbc-plain", 0, 512, ErrUnsupported, `"cbc"`},
		{"capi:xts(aes-generic)-plain64", 64, 512, ErrSpec, "drivers"},
		{"capi:xts(aes)-eboiv", 64, 512, ErrUnsupported, `"eboiv"`},
		{"capi:cbc(aes)-lmk", 32, 512, ErrUnsupported, `"lmk"`},
		{"aes-xts", 64, 512, ErrSpec, "needs an IV"},
		{"aes-xts-plain64", 64, 0, ErrSectorSize, "0 bytes"},
		{"aes-xts-plain64", 64, 256, ErrSectorSize, "256 bytes"},
		{"aes-xts-plain64", 64, 520, ErrSectorSize, "520 bytes"},
		{"aes-xts-plain64", 64, 8192, ErrSectorSize, "8192 bytes"},
	} {
		c, err := New(test.spec, make([]byte, test.key), test.size)
		if c != nil || !errors.Is(err, test.kind) || !strings.Contains(err.Error(), test.says) {
			t.Errorf("New(%q, %d, %d): %v; want %v saying %s", test.spec, test.key, test.size, err, test.kind, test.says)
		}
	}
}

func TestPartialSectorsAndShortDestinationsAreRefused(t *testing.T) {
	c := mustNew(t, "aes-xts-plain64", make([]byte, 64), 1024)
	for _, test := range []struct{ dst, src int }{{1024, 512}, {1024, 1025}, {1023, 1024}, {0, 1024}} {
		if err := c.Encrypt(make([]byte, test.dst), make([]byte, test.src), 0); !errors.Is(err, ErrLength) {
			t.Errorf("%d bytes into %d: %v, want ErrLength", test.src, test.dst, err)
		}
	}
	if err := c.Encrypt(nil, nil, 0); err != nil {
		t.Errorf("no sectors: %v", err)
	}
}

func TestClosedCipherRefusesWork(t *testing.T) {
	c := mustNew(t, "aes-xts-plain64", make([]byte, 64), 512)
	c.Close()
	c.Close()
	(*Cipher)(nil).Close()
	if err := c.Decrypt(make([]byte, 512), make([]byte, 512), 0); !errors.Is(err, ErrClosed) {
		t.Errorf("got %v, want ErrClosed", err)
	}
}

func TestVectorsCountUnitsOf512BytesUnlessLarge(t *testing.T) {
	key, src := pattern("key", 64), pattern("data", 3*4096)
	small, large, again := make([]byte, len(src)), make([]byte, len(src)), make([]byte, len(src))
	if err := mustNew(t, "aes-xts-plain64", key, 4096).Encrypt(small, src, 16); err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(small, refereeEncrypt(t, "aes-xts-plain64", key, 4096, src, 16)) {
		t.Error("without the option, sectors of 4096 bytes are not 8 numbers apart")
	}
	c := mustNew(t, "aes-xts-plain64", key, 4096, LargeSectors())
	if err := c.Encrypt(large, src, 16); err != nil {
		t.Fatal(err)
	}
	for i := range 3 {
		want := refereeEncrypt(t, "aes-xts-plain64", key, 4096, src[i*4096:][:4096], uint64(2+i))
		if !bytes.Equal(large[i*4096:][:4096], want) {
			t.Errorf("with the option, sector %d does not have number %d", i, 2+i)
		}
	}
	if err := c.Decrypt(again, large, 16); err != nil || !bytes.Equal(again, src) {
		t.Errorf("does not decrypt to what was encrypted (%v)", err)
	}
}

func TestPlainVectorWrapsAt32Bits(t *testing.T) {
	key, src := pattern("key", 64), pattern("data", 1024)
	got := make([]byte, 1024)
	if err := mustNew(t, "aes-xts-plain", key, 512).Encrypt(got, src, 1<<32-1); err != nil {
		t.Fatal(err)
	}
	want := append(refereeEncrypt(t, "aes-xts-plain64", key, 512, src[:512], 1<<32-1),
		refereeEncrypt(t, "aes-xts-plain64", key, 512, src[512:], 0)...)
	if !bytes.Equal(got, want) {
		t.Error("number 2³² is not taken for 0")
	}
}

func TestCounterCarriesAcrossAll128Bits(t *testing.T) {
	key, src := pattern("key", 32), pattern("data", 1024)
	for _, sector := range []uint64{1<<64 - 5, 1<<64 - 32, 1<<32 - 1} {
		got := make([]byte, len(src))
		if err := mustNew(t, "aes-ctr-plain64be", key, 512).Encrypt(got, src, sector); err != nil {
			t.Fatal(err)
		}
		if !bytes.Equal(got, refereeEncrypt(t, "aes-ctr-plain64be", key, 512, src, sector)) {
			t.Errorf("sector %d: differs from the referee", sector)
		}
	}
}

func TestAgreesWithTheReferee(t *testing.T) {
	rapid.Check(t, func(r *rapid.T) {
		choice := rapid.SampledFrom(refereeSpecs).Draw(r, "spec")
		key := pattern("key", rapid.SampledFrom(choice.keys).Draw(r, "key"))
		size := 512 << rapid.IntRange(0, 3).Draw(r, "size")
		src := pattern("data", size*rapid.IntRange(1, 9).Draw(r, "sectors"))
		sector := rapid.Uint64().Draw(r, "sector")
		got := make([]byte, len(src))
		if err := mustNew(t, choice.spec, key, size).Encrypt(got, src, sector); err != nil {
			r.Fatal(err)
		}
		if !bytes.Equal(got, refereeEncrypt(t, choice.spec, key, size, src, sector)) {
			r.Fatalf("%s: differs from the referee", choice.spec)
		}
	})
}

func TestDecryptionInvertsInPlaceAndHoweverSplit(t *testing.T) {
	rapid.Check(t, func(r *rapid.T) {
		choice := rapid.SampledFrom(refereeSpecs).Draw(r, "spec")
		key := pattern("key", rapid.SampledFrom(choice.keys).Draw(r, "key"))
		size := 512 << rapid.IntRange(0, 3).Draw(r, "size")
		sectors := rapid.IntRange(1, 3*batch).Draw(r, "sectors")
		src := pattern("data", 64)
		src = bytes.Repeat(src, size*sectors/64)
		sector := rapid.Uint64().Draw(r, "sector")
		c := mustNew(t, choice.spec, key, size)

		apart, inPlace := make([]byte, len(src)), bytes.Clone(src)
		if err := errors.Join(c.Encrypt(apart, src, sector), c.Encrypt(inPlace, inPlace, sector)); err != nil {
			r.Fatal(err)
		}
		if !bytes.Equal(apart, inPlace) {
			r.Fatal("in place differs")
		}
		cut := rapid.IntRange(0, sectors).Draw(r, "cut")
		at, steps := cut*size, uint64(cut*size/512)
		if err := errors.Join(c.Decrypt(apart[:at], apart[:at], sector), c.Decrypt(inPlace[at:], apart[at:], sector+steps)); err != nil {
			r.Fatal(err)
		}
		if !bytes.Equal(apart[:at], src[:at]) || !bytes.Equal(inPlace[at:], src[at:]) {
			r.Fatal("decrypting in two parts does not give the plaintext")
		}
	})
}

func TestEncryptAllocatesNothing(t *testing.T) {
	for _, spec := range []string{"aes-xts-plain64", "aes-cbc-plain64", "serpent-xts-plain64"} {
		c := mustNew(t, spec, pattern("key", 32), 512)
		data := make([]byte, 64*512)
		run := func() {
			if err := c.Encrypt(data, data, 7); err != nil {
				t.Error(err)
			}
		}
		run()
		if n := testing.AllocsPerRun(10, run); n > 1 { // the pool may be emptied at any time
			t.Errorf("%s: %.0f allocations for 64 sectors", spec, n)
		}
	}
}

func TestScratchIsZeroAfterUse(t *testing.T) {
	for _, choice := range refereeSpecs {
		c := mustNew(t, choice.spec, pattern("key", choice.keys[0]), 1024)
		data := pattern("data", 3*1024)
		s := c.scratch()
		c.work.New = func() any { return s } // the pool hands out nothing else
		if err := errors.Join(c.Encrypt(data, data, 1), c.Decrypt(data, data, 1)); err != nil {
			t.Fatal(err)
		}
		if *s != (scratch{}) {
			t.Errorf("%s: secrets stay in the scratch memory", choice.spec)
		}
	}
}

func TestManyMayUseOneCipherAtOnce(t *testing.T) {
	c := mustNew(t, "serpent-cbc-essiv:sha256", pattern("key", 32), 512)
	src := pattern("data", 10*512)
	want := refereeEncrypt(t, "serpent-cbc-essiv:sha256", pattern("key", 32), 512, src, 3)
	var users sync.WaitGroup
	for range 8 {
		users.Go(func() {
			got := bytes.Clone(src)
			for range 5 {
				if err := c.Encrypt(got, got, 3); err != nil || !bytes.Equal(got, want) {
					t.Errorf("wrong beside others (%v)", err)
				}
				if err := c.Decrypt(got, got, 3); err != nil {
					t.Error(err)
				}
			}
		})
	}
	users.Wait()
}
