// SPDX-License-Identifier: Apache-2.0

package interop

import (
	"bytes"
	"encoding/binary"
	"testing"
)

// ancient gives a LUKS1 image with a key of 32 bytes another layout: the first keyslot's material, the second's, and
// the distance to each of those that follow, in sectors; the data at the next multiple of 64.
func ancient(image []byte, first, second, stride uint32) []byte {
	const (
		sectors = 32 * 4000 / 512
		offsets = 208 + 40
	)
	payload := (second + 7*stride + 63) / 64 * 64
	old := bytes.Clone(image)
	clear(image[592 : int(payload)*512])
	for i := range 8 {
		at := offsets + 48*i
		from, to := binary.BigEndian.Uint32(old[at:]), first
		if i > 0 {
			to = second + uint32(i-1)*stride
		}
		copy(image[to*512:], old[from*512:(from+sectors)*512])
		binary.BigEndian.PutUint32(image[at:], to)
	}
	binary.BigEndian.PutUint32(image[104:], payload)
	return image
}

// TestKeyMaterialBeforeByte4096 takes a header of cryptsetup 1.0's layout through every verb: what lies
// between the header and byte 4096 is key material there.
func TestKeyMaterialBeforeByte4096(t *testing.T) {
	for _, peer := range []tool{bench.bookworm, bench.trixie} {
		t.Run(peer.name, func(t *testing.T) {
			b := newBed(t)
			b.image("v.img", 8<<20)
			one := kind{version: "luks1", cipher: "aes-cbc-essiv:sha256", keyBits: 256, pbkdf: "pbkdf2", hash: "sha1"}
			b.must(peer, append(one.format(), "v.img")...)
			b.must(peer, one.addKey("v.img", "k1", "k2")...)
			b.write("v.img", string(ancient(b.read("v.img"), 2, 252, 250)))
			b.must(peer, words("open --test-passphrase --key-file k1 v.img")...)
			b.same(bench.ours, peer, words("luksDump v.img")...)

			b.must(bench.ours, words("luksHeaderBackup --header-backup-file ours v.img")...)
			b.must(peer, words("luksHeaderBackup --header-backup-file theirs v.img")...)
			if ours := b.read("ours"); !bytes.Equal(ours[:592+8*250*512], b.read("v.img")[:592+8*250*512]) {
				t.Error("key material is missing from the backup")
			}
			for _, backup := range []string{"ours", "theirs"} {
				for _, by := range []tool{bench.ours, peer} {
					b.copy("v.img", "r.img")
					wiped := b.read("r.img")
					clear(wiped[592 : 2000*512]) // every keyslot
					b.write("r.img", string(wiped))
					b.must(by, append(words("luksHeaderRestore -q r.img --header-backup-file"), backup)...)
					opensWith(b, peer, "r.img", "k1", "k2")
				}
			}
			everyKeyVerb(b, peer, one, "v.img")
		})
	}
}

// TestAFirstKeyslotOffTheGridOfTheOthers stays where it is, whatever is changed.
func TestAFirstKeyslotOffTheGridOfTheOthers(t *testing.T) {
	one := kind{version: "luks1", cipher: "aes-xts-plain64", keyBits: 256, pbkdf: "pbkdf2", hash: "sha256"}
	for name, at := range map[string][3]uint32{
		"before byte 4096": {2, 264, 256}, "and packed": {2, 256, 253}, "late": {12, 264, 256},
	} {
		t.Run(name, func(t *testing.T) {
			b := newBed(t)
			b.image("v.img", 8<<20)
			b.must(bench.trixie, append(one.format(), "v.img")...)
			b.must(bench.trixie, one.addKey("v.img", "k1", "k2")...)
			b.write("v.img", string(ancient(b.read("v.img"), at[0], at[1], at[2])))
			b.must(bench.ours, words("luksUUID -q --uuid 22222222-2222-2222-2222-222222222222 v.img")...)
			b.must(bench.ours, words("repair -q v.img")...)
			b.must(bench.ours, append(words("luksChangeKey -q -S 0 -d k1"), append(cheap("pbkdf2"), "v.img", "k3")...)...)
			b.must(bench.ours, append(words("luksChangeKey -q -S 0 -d k3"), append(cheap("pbkdf2"), "v.img", "k1")...)...)
			if got := binary.BigEndian.Uint32(b.read("v.img")[248:]); got != at[0] {
				t.Errorf("keyslot 0 is at sector %d now", got)
			}
			b.must(bench.ours, one.addKey("v.img", "k1", "k3")...)
			b.must(bench.ours, words("luksRemoveKey -q --key-file k2 v.img")...)
			opensWith(b, bench.trixie, "v.img", "k1", "k3")
			b.must(bench.ours, words("luksKillSlot -q --key-file k3 v.img 0")...)
			b.exits(bench.trixie, 2, words("open --test-passphrase --key-file k1 v.img")...)
			b.must(bench.ours, words("erase -q v.img")...)
			b.exits(bench.trixie, 1, words("open --test-passphrase --key-file k3 v.img")...)
		})
	}
}

// everyKeyVerb changes a volume with keys k1 and k2 by our hand, and looks with both.
func everyKeyVerb(b *bed, peer tool, k kind, image string) {
	b.t.Helper()
	b.must(bench.ours, k.addKey(image, "k1", "k3")...)
	opensWith(b, peer, image, "k1", "k2", "k3")
	b.must(bench.ours, append(words("luksChangeKey -q --key-slot 2 --key-file k3"), append(cheap("pbkdf2"), image, "wrong")...)...)
	opensWith(b, peer, image, "k1", "k2", "wrong")
	b.must(bench.ours, words("luksRemoveKey -q --key-file k1 "+image)...)
	b.must(bench.ours, words("luksKillSlot -q --key-file wrong "+image+" 1")...)
	opensWith(b, peer, image, "wrong")
	for _, gone := range []string{"k1", "k2", "k3"} {
		b.exits(peer, 2, "open", "--test-passphrase", "--key-file", gone, image)
	}
	// LUKS2 wants areas on a grid of 4096 bytes, cryptsetup also that the first one begins at sector 8.
	before := b.read(image)
	for _, p := range []tool{bench.ours, peer} {
		b.exits(p, 1, words("convert -q --type luks2 "+image)...)
	}
	if !bytes.Equal(b.read(image), before) {
		b.t.Error("a refused conversion has written")
	}
	opensWith(b, peer, image, "wrong")
	b.must(bench.ours, words("erase -q "+image)...)
	b.exits(peer, 1, words("open --test-passphrase --key-file wrong "+image)...)
}

// opensWith asks both programs for each key.
func opensWith(b *bed, peer tool, image string, keys ...string) {
	b.t.Helper()
	for _, key := range keys {
		for _, p := range []tool{bench.ours, peer} {
			b.exits(p, 0, "open", "--test-passphrase", "--key-file", key, image)
		}
	}
}
