// SPDX-License-Identifier: Apache-2.0

package interop

import (
	"strings"
	"testing"
)

// TestRecoveryKeysOpenWithEveryTool: what enroll adds and removes is for cryptsetup a keyslot with a token like any.
func TestRecoveryKeysOpenWithEveryTool(t *testing.T) {
	bothWays(t, "luks2", func(b *bed, maker, other tool) {
		peer := maker
		if peer == bench.ours {
			peer = other
		}
		own := bench.ours
		shown := b.must(own, words("-q enroll add --recovery-key --key-file k1 a.img")...)
		key := strings.TrimSuffix(shown, "\n")
		b.same(own, peer, "luksDump", "a.img")
		b.sameJSON(own, peer, "luksDump", "--dump-json-metadata", "a.img")
		if dump := b.must(peer, "luksDump", "a.img"); !strings.Contains(dump, "Tokens:\n  0: systemd-recovery\n\tKeyslot:    1\n") {
			b.t.Errorf("%s shows\n%s", peer.name, dump)
		}
		for _, p := range []tool{own, peer} {
			for _, typed := range []string{shown, key} {
				got := p.call(b.t, call{dir: b.dir, stdin: typed, args: words("open --test-passphrase --key-slot 1 a.img")})
				if got.code != 0 {
					b.t.Errorf("%s: exit %d, %s", p.name, got.code, got.stderr)
				}
			}
		}
		b.must(own, words("enroll remove --key-file k1 a.img recovery")...)
		got := peer.call(b.t, call{dir: b.dir, stdin: shown, args: words("open --test-passphrase a.img")})
		if got.code != 2 {
			b.t.Errorf("%s opens with a key that was removed: exit %d, %s", peer.name, got.code, got.stderr)
		}
		if dump := b.must(peer, "luksDump", "a.img"); strings.Contains(dump, "systemd-recovery") {
			b.t.Errorf("%s shows\n%s", peer.name, dump)
		}
		b.unlocks(maker, other, 0, "k1")
	})
}
