// SPDX-License-Identifier: Apache-2.0

package interop

import (
	"fmt"
	"os"
	"strings"
	"testing"
)

// pairings are who makes and who changes a volume.
func pairings() [][2]tool {
	return [][2]tool{
		{bench.ours, bench.bookworm},
		{bench.bookworm, bench.ours},
		{bench.ours, bench.trixie},
		{bench.trixie, bench.ours},
	}
}

// bothWays runs a test for each pairing on a fresh volume a.img of a version, with k1 in keyslot 0.
func bothWays(t *testing.T, version string, test func(b *bed, maker, other tool)) {
	for _, p := range pairings() {
		t.Run(fmt.Sprintf("%s_made_by_%s_changed_by_%s", version, p[0].name, p[1].name), func(t *testing.T) {
			t.Parallel()
			b := newBed(t)
			b.image("a.img", 5<<20)
			k := kind{version: version, cipher: "aes-xts-plain64", keyBits: 256, pbkdf: "pbkdf2", hash: "sha256", sectorSize: 512}
			b.must(p[0], append(k.format(), "a.img")...)
			test(b, p[0], p[1])
		})
	}
}

// unlocks asks that both tools open a.img with a key file, or that neither does.
func (b *bed) unlocks(p, q tool, code int, key string, more ...string) {
	b.t.Helper()
	for _, p := range []tool{p, q} {
		b.exits(p, code, join(words("open --test-passphrase a.img --key-file"), []string{key}, more)...)
	}
}

func TestUnboundKeyslots(t *testing.T) {
	bothWays(t, "luks2", func(b *bed, maker, other tool) {
		add := join(words("luksAddKey -q --unbound --key-size 128 --key-slot 5"), cheap("argon2id"), words("a.img k2"))
		b.must(other, add...)
		b.unlocks(maker, other, 0, "k2", "--unbound", "--key-slot", "5")
		b.unlocks(maker, other, 2, "k1", "--unbound", "--key-slot", "5")
		b.unlocks(maker, other, 0, "k1")
		b.same(maker, other, "luksDump", "a.img")
		b.sameJSON(maker, other, "luksDump", "--dump-json-metadata", "a.img")
		b.same(maker, other, words("luksDump -q --unbound --key-slot 5 --key-file k2 a.img")...)
		b.must(maker, words("luksKillSlot -q --key-file k1 a.img 5")...)
		b.same(maker, other, "luksDump", "a.img")
	})
}

func TestPriorities(t *testing.T) {
	bothWays(t, "luks2", func(b *bed, maker, other tool) {
		// The same passphrase twice: which keyslot answers shows the order.
		b.must(other, join(words("luksAddKey -q --key-file k1"), cheap("pbkdf2"), words("a.img k1"))...)
		answers := func(slot int) {
			b.t.Helper()
			for _, p := range []tool{maker, other} {
				got := b.exits(p, 0, words("open -v --test-passphrase --key-file k1 a.img")...)
				said := strings.TrimPrefix(got.stdout, "No usable token is available.\n") // before 2.8
				if want := fmt.Sprintf("Key slot %d unlocked.\nCommand successful.\n", slot); said != want {
					b.t.Errorf("%s says %q, want %q", p.name, said, want)
				}
			}
		}
		answers(0)
		b.must(other, words("config --priority prefer --key-slot 1 a.img")...)
		answers(1)
		b.must(maker, words("config --priority ignore --key-slot 1 a.img")...)
		answers(0)
		b.must(other, words("config --priority ignore --key-slot 0 a.img")...)
		b.unlocks(maker, other, 1, "k1")
		b.unlocks(maker, other, 0, "k1", "--key-slot", "0")
		b.same(maker, other, "luksDump", "a.img")
		b.must(maker, words("config --priority normal --key-slot 0 a.img")...)
		b.must(other, words("config --priority normal --key-slot 1 a.img")...)
		b.sameJSON(maker, other, "luksDump", "--dump-json-metadata", "a.img")
		answers(0)
	})
}

func TestChangeAndRemoveKeys(t *testing.T) {
	for _, version := range []string{"luks1", "luks2"} {
		bothWays(t, version, func(b *bed, maker, other tool) {
			b.must(other, join(words("luksChangeKey -q --key-file k1"), cheap("pbkdf2"), words("a.img k2"))...)
			b.unlocks(maker, other, 2, "k1")
			b.unlocks(maker, other, 0, "k2")
			b.must(maker, join(words("luksChangeKey -q --key-file k2"), cheap("pbkdf2"), words("a.img k1"))...)
			b.unlocks(maker, other, 0, "k1")
			b.must(other, join(words("luksAddKey -q --key-slot 6 --key-file k1"), cheap("pbkdf2"), words("a.img k3"))...)
			b.unlocks(maker, other, 0, "k3", "--key-slot", "6")
			b.unlocks(maker, other, 2, "k1", "--key-slot", "6")
			b.unlocks(maker, other, 1, "k1", "--key-slot", "3")
			b.must(maker, words("luksRemoveKey -q a.img k1")...)
			b.unlocks(maker, other, 2, "k1")
			b.same(maker, other, "luksDump", "a.img")
			b.must(other, words("luksRemoveKey -q a.img k3")...)
			b.unlocks(maker, other, 1, "k3")
			b.same(maker, other, "luksDump", "a.img")
		})
	}
}

func TestEraseLeavesNoKeyslot(t *testing.T) {
	for _, version := range []string{"luks1", "luks2"} {
		bothWays(t, version, func(b *bed, maker, other tool) {
			b.must(other, join(words("luksAddKey -q --key-file k1"), cheap("pbkdf2"), words("a.img k2"))...)
			b.must(other, words("luksErase -q a.img")...)
			b.unlocks(maker, other, 1, "k1")
			b.same(maker, other, "luksDump", "a.img")
		})
	}
}

// TestVolumeKeyFiles: each writes the volume key, and each takes it back in place of a passphrase.
func TestVolumeKeyFiles(t *testing.T) {
	for _, version := range []string{"luks1", "luks2"} {
		bothWays(t, version, func(b *bed, maker, other tool) {
			b.must(maker, words("luksDump -q --dump-volume-key --volume-key-file v1 --key-file k1 a.img")...)
			b.must(other, words("luksDump -q --dump-volume-key --volume-key-file v2 --key-file k1 a.img")...)
			if b.sum("v1") != b.sum("v2") {
				b.t.Error("the volume keys differ")
			}
			b.must(other, join(words("luksAddKey -q --volume-key-file v1"), cheap("pbkdf2"), words("a.img k2"))...)
			b.unlocks(maker, other, 0, "k2")
			for _, p := range []tool{maker, other} {
				b.exits(p, 0, words("open --test-passphrase --volume-key-file v1 a.img")...)
			}
			b.write("other-key", "0123456789abcdef0123456789abcdef")
			for _, p := range []tool{maker, other} {
				b.exits(p, 2, words("open --test-passphrase --volume-key-file other-key a.img")...)
			}
			// A new volume with the same key.
			b.image("b.img", 5<<20)
			k := kind{version: version, cipher: "aes-xts-plain64", keyBits: 256, pbkdf: "pbkdf2", hash: "sha256", sectorSize: 512}
			b.must(other, join(k.format(), words("--volume-key-file v1 b.img"))...)
			b.must(maker, words("luksDump -q --dump-volume-key --volume-key-file v3 --key-file k1 b.img")...)
			if b.sum("v3") != b.sum("v1") {
				b.t.Error("the volume was not made with the given key")
			}
		})
	}
}

// TestChangeKeysOfAFullLUKS1Header: every keyslot is taken, and each can be changed as cryptsetup does it.
func TestChangeKeysOfAFullLUKS1Header(t *testing.T) {
	for _, peer := range []tool{bench.bookworm, bench.trixie} {
		t.Run(peer.name, func(t *testing.T) {
			b := newBed(t)
			t.Setenv("ORTHRUS_STATE_DIR", b.path("state"))
			b.image("a.img", 5<<20)
			k := kind{version: "luks1", cipher: "aes-xts-plain64", keyBits: 512, pbkdf: "pbkdf2", hash: "sha256"}
			b.must(peer, append(k.format(), "a.img")...)
			for range 7 {
				b.must(peer, k.addKey("a.img", "k1", "k2")...)
			}
			for _, slot := range []string{"0", "3", "6", "7"} {
				old := "k2"
				if slot == "0" {
					old = "k1"
				}
				change := words("luksChangeKey -q --key-slot " + slot + " --key-file " + old)
				b.must(bench.ours, join(change, cheap("pbkdf2"), words("a.img k3"))...)
				b.unlocks(bench.ours, peer, 0, "k3", "--key-slot", slot)
				b.unlocks(bench.ours, peer, 2, old, "--key-slot", slot)
			}
			b.unlocks(bench.ours, peer, 0, "k2")
			b.unlocks(bench.ours, peer, 2, "k1")
			if left, err := os.ReadDir(b.path("state/undo")); err != nil || len(left) != 0 {
				t.Errorf("left behind: %v, %v", left, err)
			}
		})
	}
}
