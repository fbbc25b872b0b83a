// SPDX-License-Identifier: Apache-2.0

package vm

import (
	"bytes"
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

// handedOver has one program write through a mapping what another one reads through its own. It returns the table,
// which must be the same.
func (b *bench) handedOver(writer, reader program, open string) string {
	b.t.Helper()
	var tables [2]string
	text := pattern(writer.name + open)
	for i, p := range []program{writer, reader} {
		node := b.open(p, "handed", words(open)...)
		if i == 0 {
			if err := os.WriteFile(node, text, 0); err != nil {
				b.t.Fatal(err)
			}
		} else if got := readHead(b.t, node, len(text)); !bytes.Equal(got, text) {
			b.t.Errorf("%s: %s reads other data than %s wrote", open, reader.name, writer.name)
		}
		tables[i] = dmsetup(b.t, "table", "--showkeys", "handed")
		b.must(p, "close", "handed")
	}
	if tables[0] != tables[1] {
		b.t.Errorf("%s:\n%s: %s\n%s: %s", open, writer.name, tables[0], reader.name, tables[1])
	}
	return tables[0]
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

// TestCiphersOfTheKernelAreThoseOfCryptsetup: what one formats, in turn, both open, and the other gives a key. The
// kernel alone knows the hash wp256.
func TestCiphersOfTheKernelAreThoseOfCryptsetup(t *testing.T) {
	machine.Inside(t, func(t *testing.T) {
		machine.LoadModule(t, "dm-crypt")
		b := newBench(t)
		us, disk := b.standingIn(), machine.DiskPath(t, "a")
		b.write("raw", []byte(strings.Repeat("0123456789abcdef", 4)))
		const costs = " --pbkdf pbkdf2 --pbkdf-force-iterations 1000 --key-file k1 "
		turn := 0
		for _, c := range []struct{ cipher, bits, versions string }{
			{"capi:xts(aes)-plain64", "512", "luks1 luks2 plain"},
			{"capi:cbc(aes)-essiv:sha256", "256", "luks1"},
			{"capi:adiantum(xchacha20,aes)-plain64", "256", "luks2"},
			{"aes-cbc-eboiv", "256", "luks1 luks2 plain"},
			{"aes-cbc-essiv:wp256", "256", "luks1 luks2 plain"},
		} {
			for _, version := range words(c.versions) {
				t.Run(version+" "+c.cipher, func(t *testing.T) {
					b := &bench{t, b.dir}
					both := []program{us, real(t, []string{"bookworm", "trixie"}[turn%2])}
					maker, other := both[turn/2%2], both[1-turn/2%2]
					turn++
					made := " --cipher " + c.cipher + " --key-size " + c.bits
					open := "--type plain" + made + " --key-file raw " + disk
					if version != "plain" {
						open = "--disable-keyring --key-file k1 " + disk
						b.must(maker, words("luksFormat -q --type "+version+made+costs+disk)...)
					}
					if table := b.handedOver(maker, other, open); !strings.Contains(table, " "+c.cipher+" ") {
						t.Error(table)
					}
					if strings.HasSuffix(c.cipher, "wp256") {
						other = us // cryptsetup has no such keyslot in LUKS2
					}
					if version != "plain" {
						b.must(other, words("luksAddKey -q"+costs+disk+" k2")...)
						b.must(both[1], words("open --test-passphrase --key-file k2 "+disk)...)
					}
					t.Logf("made by %s, the other is %s", maker.name, both[1].name)
				})
			}
		}
	})
}

// TestDriversOfTheKernelAreRefused: the next kernel may have none of that name. Within a template cryptsetup takes one.
func TestDriversOfTheKernelAreRefused(t *testing.T) {
	machine.Inside(t, func(t *testing.T) {
		machine.LoadModule(t, "dm-crypt")
		b := newBench(t)
		us, them, disk := b.standingIn(), real(t, "bookworm"), machine.DiskPath(t, "a")
		format := func(version, cipher string) []string {
			return words("luksFormat -q --type " + version + " --cipher " + cipher + " --key-size 512 --pbkdf pbkdf2 --pbkdf-force-iterations 1000 --key-file k1 " + disk)
		}
		const driver, nested = "capi:xts(aes-generic)-plain64", "capi:xts(ecb(aes-generic))-plain64"
		if err := os.WriteFile(disk, pattern("untouched"), 0); err != nil {
			t.Fatal(err)
		}
		for _, version := range []string{"luks1", "luks2"} {
			for _, cipher := range []string{driver, nested} {
				b.exits(us, 1, format(version, cipher)...)
			}
		}
		if got := readHead(t, disk, 2*edge); !bytes.Equal(got, pattern("untouched")) {
			t.Error("the disk was written to")
		}
		for _, version := range []string{"luks1", "luks2"} {
			b.exits(them, 1, format(version, driver)...)
			b.must(them, format(version, nested)...)
		}
		b.handedOver(them, us, "--disable-keyring --key-file k1 "+disk) // LUKS2: keyslots are of another cipher
		b.must(them, format("luks1", nested)...)
		if got := b.exits(us, 1, words("open --key-file k1 "+disk+" driver")...); !strings.Contains(got.stderr, nested) {
			t.Errorf("luks1: %s", got.stderr)
		}
		b.write("raw", []byte(strings.Repeat("0123456789abcdef", 4)))
		for _, p := range []program{us, them} {
			if got := b.run(p, words("open --type plain --key-size 512 --key-file raw --cipher "+driver+" "+disk+" driver")...); got.code == 0 {
				t.Errorf("%s maps what the kernel does not have", p.name)
			}
		}
		b.handedOver(us, them, "--type plain --key-size 512 --key-file raw --cipher "+nested+" "+disk)
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
			cipher, key, maker, other := "null", "none", real(t, "bookworm"), us // keyslots of LUKS1 are of the same cipher
			if version == "luks2" {
				cipher, key, maker, other = "cipher_null-ecb", "k1", us, real(t, "trixie")
			}
			says := map[string]string{"luks2": "encrypts nothing"}[version]
			nothing(b.run(maker, words("luksFormat -q --type "+version+" --cipher "+cipher+" --pbkdf pbkdf2 --pbkdf-force-iterations 1000 --key-file "+key+" "+disk)...), 0, says)
			open := "--key-file " + key + " " + disk
			b.handedOver(other, maker, open)
			own(1, "--null-cipher allows it", "open "+open+" null")
			own(0, "encrypts nothing", "open --null-cipher "+open+" null")
			b.must(ours(), "close", "null")
		}
		plain := "--type plain --cipher null --key-size 256 --hash sha256 --key-file k1 " + disk
		b.write("k1", bytes.Repeat([]byte("k"), 32))
		b.handedOver(us, real(t, "bookworm"), plain)
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
		booted(0, "plain,cipher=null,size=256,hash=sha256,x-orthrus.ciphers=cipher_null-ecb")
		own(0, "encrypts nothing", "luksFormat -q --null-cipher --cipher null "+costs+disk)
		booted(1, "luks")
		booted(0, "luks,x-orthrus.ciphers=cipher_null-ecb")
	})
}
