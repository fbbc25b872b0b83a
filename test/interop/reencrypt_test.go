// SPDX-License-Identifier: Apache-2.0

package interop

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"strings"
	"testing"
)

const (
	smallHead = 16 << 10
	seqIDAt   = 16  // in a head, bytes
	sumAt     = 448 // its checksum, in a field of 64 bytes
)

// advance raises the sequence number of a head and seals it.
func advance(head []byte) {
	n := head[seqIDAt : seqIDAt+8]
	binary.BigEndian.PutUint64(n, binary.BigEndian.Uint64(n)+1)
	clear(head[sumAt : sumAt+64])
	sum := sha256.Sum256(head)
	copy(head[sumAt:], sum[:])
}

// TestUnequalHeadsOfAReencryptionAreLeftAlone: where one head announces the zone that is to be rewritten and the
// other does not yet, that other head is the only proof that the zone's data are still old.
func TestUnequalHeadsOfAReencryptionAreLeftAlone(t *testing.T) {
	eachPeer(t, func(t *testing.T, peer tool) {
		b := newBed(t)
		b.image("a.img", 24<<20)
		b.must(peer, words("luksFormat -q --type luks2 --key-file k1 --luks2-keyslots-size 1m "+costs+"a.img")...)
		b.must(peer, words("reencrypt -q --init-only --key-file k1 "+costs+"a.img")...)
		whole := b.read("a.img")
		for at := range 2 {
			image := bytes.Clone(whole)
			advance(image[at*smallHead : (at+1)*smallHead])
			b.write("a.img", string(image))
			for _, line := range []string{
				"repair -q a.img", "check a.img", "open --test-passphrase --key-file k1 a.img", "luksDump a.img",
				"luksAddKey -q --key-file k1 " + costs + "a.img k2",
				"luksChangeKey -q --key-file k1 " + costs + "a.img k2",
				"luksRemoveKey -q a.img k1", "luksKillSlot -q a.img 0", "config --label x a.img",
				"luksUUID -q --uuid 11111111-2222-4333-8444-555555555555 a.img", "token add --key-description x a.img",
				"header resize --luks2-metadata-size 32k a.img", "far enable a.img", "convert -q --type luks1 a.img",
			} {
				r := b.run(bench.ours, words(line)...)
				if !bytes.Equal(b.read("a.img"), image) {
					t.Errorf("%s, head %d is newer: a byte changed (exit %d): %s", line, at, r.code, r.stderr)
					b.write("a.img", string(image))
				}
			}
			b.exits(bench.ours, 0, words("open --test-passphrase --key-file k1 a.img")...)
			b.exits(bench.ours, 1, words("repair -q a.img")...)
			if says := b.exits(bench.ours, 6, words("check a.img")...).stdout; !strings.Contains(says, "--resume-only") {
				t.Errorf("check gives other advice than to end the reencryption:\n%s", says)
			}
		}
	})
}
