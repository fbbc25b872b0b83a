// SPDX-License-Identifier: Apache-2.0

package interop

import (
	"fmt"
	"strings"
	"sync/atomic"
	"testing"
)

// kind is one combination of what a volume can be made of.
type kind struct {
	version    string // "luks1", "luks2"
	cipher     string
	keyBits    int
	pbkdf      string
	hash       string
	sectorSize int
	peer       tool
}

func (k kind) name() string {
	name := fmt.Sprintf("%s %s-%d %s", k.version, k.cipher, k.keyBits, k.pbkdf)
	if k.pbkdf == "pbkdf2" {
		name += "-" + k.hash
	}
	return strings.ReplaceAll(fmt.Sprintf("%s %d %s", name, k.sectorSize, k.peer.name), " ", "_")
}

// format are the arguments of luksFormat, device apart.
func (k kind) format() []string {
	args := words("luksFormat -q --key-file k1 --type " + k.version)
	args = append(args, "--cipher", k.cipher, "--key-size", fmt.Sprint(k.keyBits), "--hash", k.hash)
	if k.version == "luks2" {
		args = append(args, "--luks2-keyslots-size", "2m", "--sector-size", fmt.Sprint(k.sectorSize))
	}
	return append(args, cheap(k.pbkdf)...)
}

func (k kind) addKey(image string, old, fresh string, more ...string) []string {
	args := join(words("luksAddKey -q --key-file"), []string{old}, more, []string{"--hash", k.hash}, cheap(k.pbkdf))
	return append(args, image, fresh)
}

// kinds: the product of what cannot disturb each other, and then each rarer value once. Serpent and
// twofish, for which cryptsetup needs the kernel, are tested in the virtual machine.
func kinds() []kind {
	var list []kind
	ciphers := []kind{{cipher: "aes-xts-plain64", keyBits: 256}, {cipher: "aes-xts-plain64", keyBits: 512}, {cipher: "aes-cbc-essiv:sha256", keyBits: 256}}
	kdfs := []kind{
		{pbkdf: "pbkdf2", hash: "sha1"},
		{pbkdf: "pbkdf2", hash: "sha256"},
		{pbkdf: "pbkdf2", hash: "sha512"},
		{pbkdf: "argon2i", hash: "sha256"},
		{pbkdf: "argon2id", hash: "sha256"},
	}
	for _, c := range ciphers {
		for _, d := range kdfs {
			for _, version := range []string{"luks1", "luks2"} {
				for _, size := range []int{512, 4096} {
					k := kind{version, c.cipher, c.keyBits, d.pbkdf, d.hash, size, bench.bookworm}
					if version == "luks2" || size == 512 && d.pbkdf == "pbkdf2" {
						list = append(list, k)
					}
				}
			}
		}
	}
	return append(list, rare()...)
}

// rare varies one thing at a time.
func rare() []kind {
	var list []kind
	usual := kind{"luks2", "aes-xts-plain64", 512, "pbkdf2", "sha256", 512, bench.bookworm}
	for _, hash := range []string{
		"sha224", "sha384", "sha3-224", "sha3-256", "sha3-384", "sha3-512", "ripemd160", "whirlpool", "blake2b-512", "blake2s-256", "sha512-256",
	} {
		k := usual
		k.hash = hash
		list = append(list, k)
	}
	for _, c := range []kind{
		{cipher: "aes-cbc-plain", keyBits: 128},
		{cipher: "aes-cbc-plain64", keyBits: 192},
		{cipher: "aes-cbc-benbi", keyBits: 256},
		{cipher: "aes-ctr-plain64", keyBits: 256},
		{cipher: "aes-xts-plain", keyBits: 256},
		{cipher: "aes-xts-plain64be", keyBits: 512},
		{cipher: "aes-ecb", keyBits: 128},
		{cipher: "aes-xts-essiv:sha256", keyBits: 512},
	} {
		for _, version := range []string{"luks1", "luks2"} {
			k := usual
			k.version, k.cipher, k.keyBits = version, c.cipher, c.keyBits
			list = append(list, k)
		}
	}
	for _, size := range []int{1024, 2048} {
		k := usual
		k.sectorSize = size
		list = append(list, k)
	}
	return append(list, newer()...)
}

// newer are the combinations for the later release.
func newer() []kind {
	return []kind{
		{"luks1", "aes-xts-plain64", 512, "pbkdf2", "sha256", 512, bench.trixie},
		{"luks1", "aes-cbc-essiv:sha256", 256, "pbkdf2", "sha512", 512, bench.trixie},
		{"luks2", "aes-xts-plain64", 512, "argon2id", "sha256", 4096, bench.trixie},
		{"luks2", "aes-xts-plain64", 256, "argon2i", "sha256", 512, bench.trixie},
		{"luks2", "aes-cbc-essiv:sha256", 256, "pbkdf2", "sha512", 4096, bench.trixie},
	}
}

// TestEachWorksOnWhatTheOtherMade formats by one and works with both, for every kind of volume, and
// then the other way round.
func TestEachWorksOnWhatTheOtherMade(t *testing.T) {
	var passed atomic.Int32
	list := kinds()
	t.Run("kind", func(t *testing.T) {
		for _, k := range list {
			t.Run(k.name(), func(t *testing.T) {
				t.Parallel()
				made(t, k, bench.ours, k.peer)
				made(t, k, k.peer, bench.ours)
				if !t.Failed() {
					passed.Add(1)
				}
			})
		}
	})
	fmt.Printf("interop on files: %d of %d combinations pass, both ways\n", passed.Load(), len(list))
}

// made: maker formats; both open, describe, add and kill keyslots.
func made(t *testing.T, k kind, maker, other tool) {
	b := newBed(t)
	b.image("a.img", 5<<20)
	b.must(maker, append(k.format(), "a.img")...)
	for _, p := range []tool{other, maker} {
		b.must(p, words("open --test-passphrase --key-file k1 a.img")...)
		b.exits(p, 2, words("open --test-passphrase --key-file wrong a.img")...)
	}
	b.must(other, k.addKey("a.img", "k1", "k2")...)
	b.must(maker, k.addKey("a.img", "k2", "k3")...)
	for _, p := range []tool{other, maker} {
		for _, key := range []string{"k2", "k3"} {
			b.must(p, words("open --test-passphrase --key-file "+key+" a.img")...)
		}
	}
	described(b, k, maker, other)
	b.must(other, words("luksKillSlot -q --key-file k2 a.img 0")...)
	b.must(maker, words("luksKillSlot -q --key-file k2 a.img 2")...)
	for _, p := range []tool{other, maker} {
		b.exits(p, 2, words("open --test-passphrase --key-file k1 a.img")...)
		b.exits(p, 2, words("open --test-passphrase --key-file k3 a.img")...)
		b.must(p, words("open --test-passphrase --key-file k2 a.img")...)
	}
	b.same(maker, other, "luksDump", "a.img")
}

// described: both describe the volume in the same words.
func described(b *bed, k kind, maker, other tool) {
	b.t.Helper()
	b.same(maker, other, "luksDump", "a.img")
	b.same(maker, other, "luksUUID", "a.img")
	b.same(maker, other, words("luksDump -q --dump-volume-key --key-file k3 a.img")...)
	if k.version == "luks2" {
		b.sameJSON(maker, other, "luksDump", "--dump-json-metadata", "a.img")
	}
}
