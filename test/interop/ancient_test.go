// SPDX-License-Identifier: Apache-2.0

package interop

import (
	"bytes"
	"encoding/binary"
	"testing"
)

// ancient gives a LUKS1 image with a key of 32 bytes the layout of the first tools: key material from
// sector 2 on, without a gap, the data behind it at a multiple of 64 sectors.
func ancient(image []byte) []byte {
	const (
		sectors = 32 * 4000 / 512
		offsets = 208 + 40
		payload = (2 + 8*sectors + 63) / 64 * 64
	)
	old := bytes.Clone(image)
	clear(image[592 : payload*512])
	for i := range 8 {
		at := offsets + 48*i
		from, to := binary.BigEndian.Uint32(old[at:]), uint32(2+i*sectors)
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
			b.write("v.img", string(ancient(b.read("v.img"))))
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
