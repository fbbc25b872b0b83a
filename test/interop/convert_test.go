// SPDX-License-Identifier: Apache-2.0

package interop

import (
	"fmt"
	"strings"
	"testing"
)

// TestConversionsAreThoseOfCryptsetup: both tools convert copies of one LUKS1 volume up, and each
// converts back what the other made: the metadata is the same to the byte, but for sequence numbers
// and salts of the heads.
func TestConversionsAreThoseOfCryptsetup(t *testing.T) {
	ciphers := []kind{
		{cipher: "aes-xts-plain64", keyBits: 512, hash: "sha256"},
		{cipher: "aes-xts-plain64", keyBits: 256, hash: "sha512"},
		{cipher: "aes-cbc-essiv:sha256", keyBits: 128, hash: "sha1"},
	}
	for _, peer := range []tool{bench.bookworm, bench.trixie} {
		for _, k := range ciphers {
			for _, slots := range []int{1, 6} {
				t.Run(fmt.Sprintf("%s-%d_%d_keyslots_%s", k.cipher, k.keyBits, slots, peer.name), func(t *testing.T) {
					t.Parallel()
					k.version, k.pbkdf = "luks1", "pbkdf2"
					convertBothWays(newBed(t), peer, k, slots)
				})
			}
		}
	}
}

func convertBothWays(b *bed, peer tool, k kind, slots int) {
	b.image("a.img", 4<<20)
	b.must(peer, append(k.format(), "a.img")...)
	for range slots - 1 {
		b.must(peer, k.addKey("a.img", "k1", "k2")...)
	}
	b.copy("a.img", "ours.img")
	b.copy("a.img", "theirs.img")
	b.must(bench.ours, words("convert -q --type luks2 ours.img")...)
	b.must(peer, words("convert -q --type luks2 theirs.img")...)
	one, other := b.must(peer, words("luksDump --dump-json-metadata ours.img")...), b.must(peer, words("luksDump --dump-json-metadata theirs.img")...)
	if one != other {
		b.t.Errorf("JSON, < ours, > theirs:\n%s", difference(one, other))
	}
	b.opensEverywhere("ours.img", peer, slots)
	b.must(peer, words("convert -q --type luks1 ours.img")...)
	b.must(bench.ours, words("convert -q --type luks1 theirs.img")...)
	for _, name := range []string{"ours.img", "theirs.img"} {
		b.opensEverywhere(name, peer, slots)
		if string(b.read(name)[:1024]) != string(b.read("a.img")[:1024]) {
			b.t.Errorf("%s has another LUKS1 header than before", name)
		}
	}
}

// opensEverywhere asks that both open the first and the last keyslot.
func (b *bed) opensEverywhere(image string, peer tool, slots int) {
	b.t.Helper()
	for _, p := range []tool{bench.ours, peer} {
		b.exits(p, 0, words("open --test-passphrase --key-slot 0 --key-file k1 "+image)...)
		if slots > 1 {
			b.exits(p, 0, words(fmt.Sprintf("open --test-passphrase --key-slot %d --key-file k2 %s", slots-1, image))...)
		}
	}
}

// TestConversionsRefusedAreThoseOfCryptsetup compares message and exit code, and that nothing is
// written.
func TestConversionsRefusedAreThoseOfCryptsetup(t *testing.T) {
	add := "luksAddKey -q --pbkdf pbkdf2 --pbkdf-force-iterations 1000 --key-file k1 "
	cases := []struct {
		name, to, prepare string
		ours              string // what we say where we do not say the same, and why not
	}{
		{name: "large sectors", to: "luks1", prepare: "luksFormat -q --sector-size 4096 --key-file k1 " + costs + "a.img"},
		{name: "argon2", to: "luks1", prepare: "luksAddKey -q --pbkdf argon2id --pbkdf-force-iterations 4 --pbkdf-memory 64 --key-file k1 a.img k2"},
		{name: "another hash", to: "luks1", prepare: add + "--hash sha512 a.img k2"},
		{name: "a token", to: "luks1", prepare: "token add --key-description x a.img"},
		{name: "unbound", to: "luks1", prepare: add + "--unbound --key-size 128 a.img k2"},
		{name: "keyslot 9", to: "luks1", prepare: add + "--key-slot 9 a.img k2"},
		{name: "keyslot cipher", to: "luks1", prepare: add + "--keyslot-cipher aes-cbc-plain64 --keyslot-key-size 128 a.img k2"},
		{name: "no keyslot", to: "luks1", prepare: "luksErase -q a.img", ours: "Cannot convert to LUKS1 format - there are no active keyslots."},
		{name: "the same", to: "luks2", prepare: "luksUUID a.img"},
		{name: "no type", to: "luks", prepare: "luksUUID a.img"},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			b := newBed(t)
			b.image("a.img", 20<<20)
			b.must(bench.trixie, words("luksFormat -q --sector-size 512 --key-file k1 "+costs+"a.img")...)
			b.must(bench.trixie, words(c.prepare)...)
			before := b.sum("a.img")
			got := b.exits(bench.ours, 1, words("convert -q --type "+c.to+" a.img")...)
			want := b.exits(bench.trixie, 1, words("convert -q --type "+c.to+" a.img")...)
			said := want.stderr
			if c.ours != "" {
				said = c.ours + "\n"
			}
			if strings.TrimSpace(got.stderr) != strings.TrimSpace(said) {
				t.Errorf("we say %q, they %q", got.stderr, want.stderr)
			}
			if b.sum("a.img") != before {
				t.Error("something was written")
			}
		})
	}
}
