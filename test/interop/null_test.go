// SPDX-License-Identifier: Apache-2.0

package interop

import (
	"strings"
	"testing"
)

// TestVolumesThatEncryptNothing: their keyslots are encrypted, and every program opens and changes them.
func TestVolumesThatEncryptNothing(t *testing.T) {
	for _, where := range []string{"", "--header h.img "} {
		b := newBed(t)
		b.image("v.img", 20<<20)
		b.image("h.img", 20<<20)
		said := b.exits(bench.ours, 0, words("luksFormat -q --cipher null "+where+"--key-file k1 "+costs+"v.img")...).stderr
		if !strings.Contains(said, "encrypts nothing") {
			t.Errorf("no warning: %q", said)
		}
		b.must(bench.bookworm, words("luksAddKey -q --key-file k1 "+where+costs+"v.img k2")...)
		b.must(bench.ours, words("luksAddKey -q --key-file k2 "+where+costs+"v.img k3")...)
		for _, p := range []tool{bench.bookworm, bench.trixie, bench.ours} {
			for _, key := range []string{"k1", "k2", "k3"} {
				b.exits(p, 0, words("open --test-passphrase --key-file "+key+" "+where+"v.img")...)
			}
			b.exits(p, 2, words("open --test-passphrase --key-file wrong "+where+"v.img")...)
		}
		b.same(bench.bookworm, bench.ours, words("luksDump "+where+"v.img")...)
	}
}
