// SPDX-License-Identifier: Apache-2.0

package interop

import (
	"regexp"
	"strings"
	"testing"
)

var keyslotLine = regexp.MustCompile(`(?m)^  ([0-9]+): (?:luks2|reencrypt)`)

// slots lists the keyslots that the peer sees.
func (b *bed) slots(peer tool, image string) string {
	b.t.Helper()
	var ids []string
	for _, m := range keyslotLine.FindAllStringSubmatch(b.must(peer, "luksDump", image), -1) {
		ids = append(ids, m[1])
	}
	return strings.Join(ids, " ")
}

// TestKeyslotsOfBothKeysOfAReencryptionCount: keyslots 0 (k1) and 1 (k2) hold the old key, 2 (k3) a key of no data, 3
// (k1) the new key, and 4 is the reencryption's own. What verbs about keyslots do to them is what cryptsetup does.
func TestKeyslotsOfBothKeysOfAReencryptionCount(t *testing.T) {
	eachPeer(t, func(t *testing.T, peer tool) {
		b := newBed(t)
		b.image("a.img", 24<<20)
		b.must(peer, words("luksFormat -q --type luks2 --key-file k1 --luks2-keyslots-size 2m "+costs+"a.img")...)
		b.must(peer, words("luksAddKey -q --key-file k1 "+costs+"a.img k2")...)
		b.must(peer, words("luksAddKey -q --unbound --key-size 256 "+costs+"a.img k3")...)
		b.must(peer, words("reencrypt -q --init-only --key-file k1 --key-slot 0 "+costs+"a.img")...)
		b.copy("a.img", "whole.img")
		for _, c := range []struct{ line, left string }{
			{"erase -q a.img", "2 4"},
			{"luksKillSlot --key-file k1 a.img 0", ""},
			{"luksKillSlot --key-file k2 a.img 0", ""},
			{"luksKillSlot -q --key-file k1 a.img 1", ""},
			{"luksKillSlot --key-file k1 a.img 2", ""},
			{"luksKillSlot --key-file k1 a.img 3", ""},
			{"luksKillSlot -q --key-file k1 a.img 4", ""},
			{"luksKillSlot -q a.img 4", ""},
			{"luksKillSlot -q a.img 0", "1 2 3 4"},
			{"luksKillSlot -q a.img 3", "0 1 2 4"},
			{"luksRemoveKey -q a.img k1", "0 1 2 4"},
			{"luksRemoveKey -q a.img k2", ""},
			{"luksChangeKey -q --key-file k1 " + costs + "a.img k2", ""},
			{"luksConvertKey -q --key-file k2 " + costs + "a.img", ""},
			{"luksAddKey -q --key-file k1 " + costs + "a.img k2", ""},
			{"luksAddKey -q --unbound --key-size 256 " + costs + "a.img k2", ""},
			{"config --key-slot 0 --priority prefer a.img", ""},
			{"token add --key-description x a.img", ""},
			{"convert -q --type luks1 a.img", ""},
		} {
			left := c.left
			if left == "" {
				left = "0 1 2 3 4"
			}
			b.copy("whole.img", "a.img")
			theirs := b.run(peer, words(c.line)...)
			if got := b.slots(peer, "a.img"); got != left {
				t.Errorf("%s: the peer leaves keyslots %s", c.line, got)
			}
			b.copy("whole.img", "a.img")
			b.exits(bench.ours, theirs.code, words(c.line)...)
			if got := b.slots(peer, "a.img"); got != left {
				t.Errorf("%s: keyslots %s are left, not %s", c.line, got, left)
			}
		}
	})
}

// TestTheLastKeyslotOfAKeyOfAReencryptionGoesOnlyWhenAsked: nobody's silence counts as a yes.
func TestTheLastKeyslotOfAKeyOfAReencryptionGoesOnlyWhenAsked(t *testing.T) {
	eachPeer(t, func(t *testing.T, peer tool) {
		b := newBed(t)
		b.image("a.img", 24<<20)
		b.must(peer, words("luksFormat -q --type luks2 --key-file k1 --luks2-keyslots-size 2m "+costs+"a.img")...)
		b.must(peer, words("reencrypt -q --init-only --key-file k1 --key-slot 0 "+costs+"a.img")...)
		whole := b.sum("a.img")
		for _, line := range []string{"luksKillSlot a.img 0", "luksKillSlot a.img 1", "luksRemoveKey a.img k1"} {
			b.exits(bench.ours, 1, words(line)...)
			if b.sum("a.img") != whole {
				t.Fatalf("%s: a byte changed", line)
			}
		}
		b.exits(bench.ours, 0, words("luksKillSlot -q a.img 0")...)
		if got := b.slots(peer, "a.img"); got != "1 2" {
			t.Errorf("with -q keyslots %s are left", got)
		}
	})
}
