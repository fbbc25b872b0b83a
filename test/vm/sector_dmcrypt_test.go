// SPDX-License-Identifier: Apache-2.0

package vm

import (
	"bytes"
	"crypto/sha256"
	"errors"
	"fmt"
	"testing"

	"github.com/orthrus-luks/orthrus/dm"
	"github.com/orthrus-luks/orthrus/dm/secret"
	"github.com/orthrus-luks/orthrus/dm/target"
	"github.com/orthrus-luks/orthrus/luks/sector"
	"github.com/orthrus-luks/orthrus/test/vm/machine"
)

// sectorCase is a way to encrypt sectors that dm-crypt and package sector are to agree on.
type sectorCase struct {
	spec  string
	key   int // bytes
	size  int // bytes in a sector
	large bool
}

func (s sectorCase) String() string {
	text := fmt.Sprintf("%s, %d-bit key, %d-byte sectors", s.spec, 8*s.key, s.size)
	if s.large {
		text += ", large"
	}
	return text
}

// sectorCases crosses what can be crossed, and adds the rest one by one.
func sectorCases() []sectorCase {
	var cases []sectorCase
	add := func(spec string, key int, sizes ...int) {
		for _, size := range sizes {
			cases = append(cases, sectorCase{spec: spec, key: key, size: size})
		}
	}
	for _, mode := range []string{"xts", "cbc", "ctr"} {
		for _, iv := range []string{"plain", "plain64", "plain64be", "benbi", "null", "essiv:sha256"} {
			key := 32
			if mode == "xts" && iv != "essiv:sha256" {
				key = 64
			}
			add("aes-"+mode+"-"+iv, key, 512, 4096)
		}
	}
	for _, name := range []string{"serpent", "twofish"} {
		add(name+"-xts-plain64", 64, 512, 4096)
		add(name+"-xts-plain64", 32, 512)
		add(name+"-xts-plain64", 48, 512)
		add(name+"-cbc-essiv:sha256", 32, 512)
		add(name+"-cbc-plain", 16, 512)
		add(name+"-ctr-plain64", 24, 512)
		add(name+"-ecb", 32, 512)
	}
	add("aes-xts-plain64", 32, 512, 1024, 2048, 4096)
	add("aes-xts-plain64", 48, 512, 4096)
	add("aes-cbc-plain64", 16, 1024)
	add("aes-cbc-plain64", 24, 2048)
	add("aes-cbc-essiv:sha256", 16, 512)
	add("aes-cbc-essiv:sha3-256", 32, 512)
	add("aes-ecb", 32, 512, 4096)
	add("aes", 32, 512)
	for _, spec := range []string{"aes-xts-plain64", "aes-cbc-benbi", "twofish-xts-plain"} {
		cases = append(cases, sectorCase{spec, 32, 4096, true}, sectorCase{spec, 32, 1024, true})
	}
	return cases
}

// kernelOnlyCases are ciphers and modes that package sector asks of the kernel through AF_ALG.
func kernelOnlyCases() []sectorCase {
	return []sectorCase{
		{"camellia-xts-plain64", 64, 512, false},
		{"camellia-xts-plain64", 32, 4096, true},
		{"camellia-cbc-essiv:sha256", 32, 512, false},
		{"camellia-ctr-plain64", 16, 1024, false},
		{"camellia-ecb", 32, 512, false},
		{"cast6-cbc-essiv:sha256", 32, 512, false},
		{"cast5-cbc-plain64", 16, 512, false},
		{"blowfish-cbc-benbi", 32, 512, false},
		{"des3_ede-cbc-plain", 24, 512, false},
		{"aes-lrw-benbi", 48, 512, false},
		{"xchacha12,aes-adiantum-plain64", 32, 4096, false},
	}
}

func TestSectorCiphersEqualDmCrypt(t *testing.T) {
	machine.Inside(t, func(t *testing.T) { compareAll(t, sectorCases()) })
}

func TestSectorCiphersOfTheKernelEqualDmCrypt(t *testing.T) {
	machine.Inside(t, func(t *testing.T) { compareAll(t, kernelOnlyCases()) })
}

func TestSectorCipherThatTheKernelLacksIsRefused(t *testing.T) {
	machine.Inside(t, func(t *testing.T) {
		for spec, kind := range map[string]error{
			"nosuchcipher-xts-plain64": sector.ErrUnsupported,
			"camellia-nosuchmode-null": sector.ErrUnsupported,
			"camellia-cbc-essiv:none":  sector.ErrUnsupported,
		} {
			if _, err := sector.New(spec, make([]byte, 32), 512); !errors.Is(err, kind) {
				t.Errorf("%s: %v, want %v", spec, err, kind)
			}
		}
		if _, err := sector.New("camellia-cbc-plain64", make([]byte, 33), 512); !errors.Is(err, sector.ErrKeySize) {
			t.Errorf("camellia with 33 bytes: %v, want %v", err, sector.ErrKeySize)
		}
	})
}

// compareLength is what each case writes, in bytes; more sectors of 512 bytes than are computed at once.
const compareLength = 48 << 10

func compareAll(t *testing.T, cases []sectorCase) {
	c := mapper(t)
	number, path := backing(t, mib)
	for _, test := range cases {
		t.Run(test.String(), func(t *testing.T) { compareOne(t, c, test, number, path) })
	}
}

// compareOne writes through dm-crypt and reads what is underneath. The sectors' numbers cross 2³², so
// that the upper half counts.
func compareOne(t *testing.T, c *dm.Control, test sectorCase, number, path string) {
	const first = 1<<32 - 16
	key, plain := bytesFor("key", test.key), bytesFor("data", compareLength)
	throughDmCrypt(t, c, test, number, first, key, plain)
	encrypted := readAt(t, path, compareLength)

	var options []sector.Option
	if test.large {
		options = append(options, sector.LargeSectors())
	}
	ours, err := sector.New(test.spec, key, test.size, options...)
	if err != nil {
		t.Fatal(err)
	}
	defer ours.Close()
	got := make([]byte, compareLength)
	if err := ours.Encrypt(got, plain, first); err != nil || !bytes.Equal(got, encrypted) {
		t.Errorf("our encryption differs from dm-crypt's (%v)", err)
	}
	if err := ours.Decrypt(got, encrypted, first); err != nil || !bytes.Equal(got, plain) {
		t.Errorf("our decryption of dm-crypt's data differs (%v)", err)
	}
}

func throughDmCrypt(t *testing.T, c *dm.Control, test sectorCase, number string, first uint64, key, plain []byte) {
	t.Helper()
	raw, err := secret.Copy(key)
	if err != nil {
		t.Fatal(err)
	}
	line := &target.Crypt{
		Length: compareLength / 512, Cipher: test.spec, Device: number, IVOffset: first,
		Key: target.Key{Raw: raw}, SectorSize: uint32(test.size),
	}
	defer line.Close()
	if test.large {
		line.Flags |= target.IVLargeSectors
	}
	info, err := c.Activate(t.Context(), dm.Plan{Name: freshName(), Table: dm.Table{line}})
	if err != nil {
		t.Fatal(err)
	}
	defer removeAtEnd(t, c, info)
	node, err := dm.Path(info.Name)
	if err != nil {
		t.Fatal(err)
	}
	writeAt(t, node, plain)
}

// bytesFor returns n bytes made from a label, no two blocks of them equal.
func bytesFor(label string, n int) []byte {
	var out []byte
	for i := 0; len(out) < n; i++ {
		sum := sha256.Sum256(fmt.Appendf(nil, "%s %d", label, i))
		out = append(out, sum[:]...)
	}
	return out[:n]
}
