// SPDX-License-Identifier: Apache-2.0

package vm

import (
	"bytes"
	"fmt"
	"os"
	"strings"
	"testing"

	"github.com/orthrus-luks/orthrus/test/vm/machine"
)

// standingIn is our program under the other's name.
func (b *bench) standingIn() program {
	b.t.Helper()
	if err := os.Symlink(ours().path, b.path("cryptsetup")); err != nil {
		b.t.Fatal(err)
	}
	return program{"ours", b.path("cryptsetup")}
}

// swap has each of two programs write what the other one reads, through mappings that they open themselves. It
// returns the table, less its key, which must be the same.
func (b *bench) swap(p, q program, open string) string {
	b.t.Helper()
	tables := map[string]string{}
	for _, pair := range [][2]program{{p, q}, {q, p}} {
		text := pattern(pair[0].name + open)
		for i, by := range pair {
			node := b.open(by, "swapped", words(open)...)
			if i == 0 {
				if err := os.WriteFile(node, text, 0); err != nil {
					b.t.Fatal(err)
				}
			} else if got := readHead(b.t, node, len(text)); !bytes.Equal(got, text) {
				b.t.Errorf("%s: %s reads other data than %s wrote", open, by.name, pair[0].name)
			}
			tables[by.name] = dmsetup(b.t, "table", "--showkeys", "swapped")
			b.must(by, "close", "swapped")
		}
	}
	if tables[p.name] != tables[q.name] {
		b.t.Errorf("%s:\n%s: %s\n%s: %s", open, p.name, tables[p.name], q.name, tables[q.name])
	}
	return tables[p.name]
}

func readHead(t *testing.T, path string, size int) []byte {
	t.Helper()
	f, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	text := make([]byte, size)
	if _, err := f.ReadAt(text, 0); err != nil {
		t.Fatal(err)
	}
	return text
}

// cellOf is a cipher with its key's size in bits.
type cellOf struct {
	cipher string
	bits   int
}

// formatted has a program make a volume and gives what it said.
func (b *bench) formatted(p program, version string, c cellOf, disk string) {
	b.t.Helper()
	said := b.run(p, words(fmt.Sprintf("luksFormat -q --type %s --cipher %s --key-size %d --pbkdf pbkdf2 "+
		"--pbkdf-force-iterations 1000 --key-file k1 %s", version, c.cipher, c.bits, disk))...)
	if said.code != 0 {
		b.t.Fatalf("%s cannot format %s with %s: exit %d, %s", p.name, version, c.cipher, said.code, said.stderr)
	}
}

// TestCiphersOfTheKernelAreThoseOfCryptsetup: what one formats, in turn, both open, write, read and give keys to. The
// kernel alone knows the hash wp256.
func TestCiphersOfTheKernelAreThoseOfCryptsetup(t *testing.T) {
	machine.Inside(t, func(t *testing.T) {
		machine.LoadModule(t, "dm-crypt")
		b := newBench(t)
		us, disk := b.standingIn(), machine.DiskPath(t, "a")
		b.write("raw", []byte(strings.Repeat("0123456789abcdef", 4)))
		addKey := words("luksAddKey -q --pbkdf pbkdf2 --pbkdf-force-iterations 1000 --key-file k1 " + disk + " k2")
		turn := 0
		for _, c := range []cellOf{
			{"capi:xts(aes)-plain64", 512},
			{"capi:cbc(aes)-essiv:sha256", 256},
			{"capi:adiantum(xchacha20,aes)-plain64", 256},
			{"aes-cbc-eboiv", 256},
			{"aes-cbc-essiv:wp256", 256},
			{"serpent-cbc-essiv:wp256", 256},
		} {
			t.Run(c.cipher, func(t *testing.T) {
				b := &bench{t, b.dir}
				for version, release := range map[string]string{"luks1": "bookworm", "luks2": "trixie"} {
					both := []program{us, real(t, release)}
					b.formatted(both[turn%2], version, c, disk)
					table := b.swap(both[0], both[1], "--disable-keyring --key-file k1 "+disk)
					if !strings.Contains(table, " "+c.cipher+" ") {
						t.Errorf("%s: %s", version, table)
					}
					for i, p := range both {
						b.must(p, addKey...)
						b.must(both[1-i], words("open --test-passphrase --key-file k2 --key-slot "+fmt.Sprint(i+1)+" "+disk)...)
					}
				}
				turn++
				b.swap(us, real(t, "bookworm"), fmt.Sprintf("--type plain --cipher %s --key-size %d --key-file raw %s", c.cipher, c.bits, disk))
			})
		}
	})
}

// TestDriversOfTheKernelAreRefused: in plain mappings too, and before anything is written.
func TestDriversOfTheKernelAreRefused(t *testing.T) {
	machine.Inside(t, func(t *testing.T) {
		machine.LoadModule(t, "dm-crypt")
		b := newBench(t)
		us, disk := b.standingIn(), machine.DiskPath(t, "a")
		b.write("raw", []byte(strings.Repeat("0123456789abcdef", 4)))
		if err := os.WriteFile(disk, pattern("untouched"), 0); err != nil {
			t.Fatal(err)
		}
		for _, cipher := range []string{"capi:xts(aes-generic)-plain64", "capi:xts(ecb(aes-generic))-plain64", "capi:cbc-aes-aesni-plain64", "nothing-xts-plain64"} {
			for _, p := range []program{us, ours(), real(t, "bookworm"), real(t, "trixie")} {
				for _, version := range []string{"luks1", "luks2"} {
					if got := b.run(p, words("luksFormat -q --type "+version+" --cipher "+cipher+" --pbkdf pbkdf2 --pbkdf-force-iterations 1000 --key-file k1 "+disk)...); got.code != 1 {
						t.Errorf("%s formats %s with %s: exit %d", p.name, version, cipher, got.code)
					}
				}
				got := b.run(p, words("open --type plain --cipher "+cipher+" --key-size 512 --key-file raw "+disk+" driver")...)
				t.Logf("%s opens plain %s: exit %d, %s", p.name, cipher, got.code, got.stderr)
				if got.code == 0 {
					b.must(p, "close", "driver")
				}
				if got.code == 0 && (p == us || p == ours()) {
					t.Errorf("%s is mapped", cipher)
				}
			}
		}
		if got := readHead(t, disk, 2*edge); !bytes.Equal(got, pattern("untouched")) {
			t.Error("the disk was written to")
		}
	})
}

// TestVolumesThatEncryptNothingAreMappedOnDemand: under the name cryptsetup as the other does, with a warning, and
// under our own with --null-cipher.
func TestVolumesThatEncryptNothingAreMappedOnDemand(t *testing.T) {
	machine.Inside(t, func(t *testing.T) {
		machine.LoadModule(t, "dm-crypt")
		b := newBench(t)
		us, disk := b.standingIn(), machine.DiskPath(t, "a")
		b.write("none", nil)
		nothing := func(got outcome, want int, says string) {
			t.Helper()
			if got.code != want || !strings.Contains(got.stderr, says) {
				t.Errorf("exit %d, want %d and %q: %s", got.code, want, says, got.stderr)
			}
		}
		own := func(code int, says, args string) {
			t.Helper()
			nothing(b.run(ours(), words(args)...), code, says)
		}
		costs := "--no-far-header --pbkdf pbkdf2 --pbkdf-force-iterations 1000 --key-file k1 "
		own(1, "--null-cipher allows it", "luksFormat -q --cipher null "+costs+disk)
		own(0, "encrypts nothing", "luksFormat -q --null-cipher --cipher null "+costs+disk)
		for _, version := range []string{"luks1", "luks2"} {
			for release, cipher := range map[string]string{"bookworm": "null", "trixie": "cipher_null-ecb"} {
				them, key := real(t, release), "k1"
				if version == "luks1" {
					key = "none" // its keyslots are of the same cipher
				}
				for _, maker := range []program{us, them} {
					says := ""
					if maker == us {
						says = "encrypts nothing"
					}
					nothing(b.run(maker, words("luksFormat -q --type "+version+" --cipher "+cipher+" --pbkdf pbkdf2 --pbkdf-force-iterations 1000 --key-file "+key+" "+disk)...), 0, says)
					open := "--key-file " + key + " " + disk
					b.swap(us, them, open)
					own(1, "--null-cipher allows it", "open "+open+" null")
					own(0, "encrypts nothing", "open --null-cipher "+open+" null")
					b.must(ours(), "close", "null")
				}
			}
		}
		plain := "--type plain --cipher null --key-size 256 --hash sha256 --key-file k1 " + disk
		b.write("k1", bytes.Repeat([]byte("k"), 32))
		b.swap(us, real(t, "bookworm"), plain)
		own(1, "--null-cipher allows it", "open "+plain+" null")
		own(0, "encrypts nothing", "open --null-cipher "+plain+" null")
		if err := os.WriteFile("/dev/mapper/null", pattern("in clear"), 0); err != nil {
			t.Fatal(err)
		}
		b.must(ours(), "close", "null")
		if got := readHead(t, disk, 2*edge); !bytes.Equal(got, pattern("in clear")) {
			t.Error("plain null: the disk has other data")
		}
		booted := func(code int, options string) {
			t.Helper()
			b.write("crypttab", []byte("null "+disk+" "+b.path("k1")+" "+options+"\n"))
			got := b.run(ours(), "boot", "--main-system", "--device-timeout", "10", "--tries", "1", "--crypttab", b.path("crypttab"), "null")
			if got.code != code {
				t.Errorf("%s: exit %d, want %d: %s%s", options, got.code, code, got.stdout, got.stderr)
			}
			if got.code == 0 {
				b.must(ours(), "close", "null")
			}
		}
		booted(1, "plain,cipher=null,size=256,hash=sha256")
		booted(0, "plain,cipher=null,size=256,hash=sha256,x-orthrus.ciphers=null")
		own(0, "encrypts nothing", "luksFormat -q --null-cipher --cipher null "+costs+disk)
		booted(1, "luks")
		booted(0, "luks,x-orthrus.ciphers=cipher_null-ecb")
	})
}
