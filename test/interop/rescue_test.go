// SPDX-License-Identifier: Apache-2.0

package interop

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"testing"
)

// own is our binary under its own name, with the verbs that cryptsetup does not have.
func own(b *bed) tool {
	b.t.Helper()
	path := filepath.Join(b.dir, "orthrus")
	if _, err := os.Lstat(path); err != nil {
		if err := os.Symlink(bench.ours.path, path); err != nil {
			b.t.Fatal(err)
		}
	}
	return tool{name: "orthrus", path: path}
}

// wipe puts zeros over a range of the image.
func wipe(b *bed, name string, offset, length int) {
	b.t.Helper()
	p := b.read(name)
	clear(p[offset : offset+length])
	if err := os.WriteFile(b.path(name), p, 0o600); err != nil {
		b.t.Fatal(err)
	}
}

// TestRescuedHeadersOpenWithCryptsetup: whatever is left of a header that cryptsetup made, it opens
// what rescue makes of it, and not the device itself.
func TestRescuedHeadersOpenWithCryptsetup(t *testing.T) {
	cases := []struct {
		name, version string
		harm          func(b *bed)
	}{
		{"both magics", "luks2", func(b *bed) { wipe(b, "a.img", 0, 6); wipe(b, "a.img", 16384, 6) }},
		{"binary headers", "luks2", func(b *bed) { wipe(b, "a.img", 0, 4096); wipe(b, "a.img", 16384, 4096) }},
		{"all but the secondary's metadata", "luks2", func(b *bed) { wipe(b, "a.img", 0, 16384+4096) }},
		{"magic", "luks1", func(b *bed) { wipe(b, "a.img", 0, 6) }},
	}
	for _, peer := range []tool{bench.bookworm, bench.trixie} {
		for _, c := range cases {
			t.Run(fmt.Sprintf("%s %s lost %s", peer.name, c.version, c.name), func(t *testing.T) {
				t.Parallel()
				b := newBed(t)
				b.image("a.img", 24<<20)
				b.must(peer, join(words("luksFormat -q --key-file k1 --type "+c.version), cheap("pbkdf2"), words("a.img"))...)
				c.harm(b)
				before := b.sum("a.img")
				b.exits(peer, 1, words("open --test-passphrase --key-file k1 a.img")...)
				b.must(own(b), words("rescue --output h.img a.img")...)
				if b.sum("a.img") != before {
					t.Error("rescue wrote to the device")
				}
				b.must(peer, words("open --test-passphrase --key-file k1 --header h.img a.img")...)
				b.exits(peer, 2, words("open --test-passphrase --key-file k2 --header h.img a.img")...)
				if c.version == "luks2" {
					b.must(peer, words("luksHeaderRestore -q --header-backup-file h.img a.img")...)
					b.must(peer, words("open --test-passphrase --key-file k1 a.img")...)
				}
			})
		}
	}
}

// TestRescueOnAMovedPartition: the header on a whole disk opens with cryptsetup as well.
func TestRescueOnAMovedPartition(t *testing.T) {
	b := newBed(t)
	b.image("a.img", 24<<20)
	b.must(bench.bookworm, join(words("luksFormat -q --key-file k1"), cheap("pbkdf2"), words("a.img"))...)
	disk := append(make([]byte, 63*512), b.read("a.img")...)
	if err := os.WriteFile(b.path("disk"), disk, 0o600); err != nil {
		t.Fatal(err)
	}
	if out := b.must(own(b), words("rescue --output h.img disk")...); !bytes.Contains([]byte(out), []byte("started at sector 63 ")) {
		t.Error(out)
	}
	b.must(bench.bookworm, words("open --test-passphrase --key-file k1 --header h.img disk")...)
}

// TestRepairedHeadersAreCryptsetups: after our repair cryptsetup finds nothing to mend.
func TestRepairedHeadersAreCryptsetups(t *testing.T) {
	for _, at := range []int{0, 4200, 16384, 16384 + 4200} {
		for _, peer := range []tool{bench.bookworm, bench.trixie} {
			t.Run(fmt.Sprintf("%s damaged at %d", peer.name, at), func(t *testing.T) {
				t.Parallel()
				b := newBed(t)
				b.image("a.img", 24<<20)
				b.must(peer, join(words("luksFormat -q --key-file k1"), cheap("pbkdf2"), words("a.img"))...)
				wipe(b, "a.img", at, 512)
				b.exits(own(b), 6, words("check a.img")...)
				b.must(own(b), words("repair -q --undo u a.img")...)
				b.must(own(b), words("check a.img")...)
				after := b.sum("a.img")
				b.must(peer, words("open --test-passphrase --key-file k1 a.img")...)
				b.must(peer, words("repair -q a.img")...)
				if b.sum("a.img") != after {
					t.Error("cryptsetup changed the header that we repaired")
				}
			})
		}
	}
}

// TestABackupOfTheOtherVersionIsRestored: a device formatted by mistake, as what it was not, gets its header back by
// both, and blkid's readers find no second header.
func TestABackupOfTheOtherVersionIsRestored(t *testing.T) {
	for was, then := range map[string]string{"luks1": "luks2", "luks2": "luks1"} {
		for _, by := range []tool{bench.ours, bench.trixie} {
			t.Run(was+" by "+by.name, func(t *testing.T) {
				b := newBed(t)
				b.image("a.img", 24<<20)
				b.must(bench.trixie, join(words("luksFormat -q --key-file k1 --type "+was), cheap("pbkdf2"), words("a.img"))...)
				b.must(bench.trixie, words("luksHeaderBackup --header-backup-file was a.img")...)
				b.must(by, join(words("luksFormat -q --key-file k2 --type "+then), cheap("pbkdf2"), words("a.img"))...)
				b.must(by, words("luksHeaderRestore -q --header-backup-file was a.img")...)
				opensWith(b, bench.trixie, "a.img", "k1")
				for _, p := range []tool{bench.ours, bench.trixie} {
					b.exits(p, 2, words("open --test-passphrase --key-file k2 a.img")...)
					b.must(p, words("isLuks --type "+was+" a.img")...)
				}
				if was == "luks1" && bytes.Contains(b.read("a.img"), []byte("SKUL\xba\xbe")) {
					t.Error("the second head of LUKS2 is still there")
				}
				b.must(bench.ours, words("repair -q a.img")...)
			})
		}
	}
}
