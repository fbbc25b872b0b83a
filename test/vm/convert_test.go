// SPDX-License-Identifier: Apache-2.0

package vm

import (
	"strings"
	"testing"

	"github.com/orthrus-luks/orthrus/test/vm/machine"
)

// TestConversionsOfMappedVolumesAreRefused as cryptsetup refuses them, and go ahead once the mapping is
// gone; the data stays.
func TestConversionsOfMappedVolumesAreRefused(t *testing.T) {
	machine.Inside(t, func(t *testing.T) {
		b := newBench(t)
		disk := machine.DiskPath(t, "a")
		b.must(ours(), words("luksFormat -q --type luks1 --pbkdf-force-iterations 1000 --key-file k1 "+disk)...)
		for _, to := range []string{"luks2", "luks1"} {
			b.open(ours(), "held", words("--key-file k1 "+disk)...)
			for _, p := range []program{ours(), real(t, "bookworm"), real(t, "trixie")} {
				got := b.exits(p, 5, words("convert -q --type "+to+" "+disk)...)
				if p == ours() && !strings.Contains(got.stderr, "Cannot convert device "+disk+" which is still in use. Held by device held.") {
					t.Errorf("we say %q", got.stderr)
				}
			}
			b.must(ours(), "close", "held")
			b.must(ours(), words("convert -q --type "+to+" "+disk)...)
			for _, p := range []program{ours(), real(t, "bookworm"), real(t, "trixie")} {
				b.must(p, words("open --test-passphrase --key-file k1 --type "+to+" "+disk)...)
			}
		}
	})
}
