// SPDX-License-Identifier: Apache-2.0

package interop

import (
	"fmt"
	"strings"
	"testing"
)

// TestHeaderFilesOnAFullDisk: a file that is there and cannot be made longer takes the keyslots that fit.
func TestHeaderFilesOnAFullDisk(t *testing.T) {
	full := func(size int64) []string {
		return []string{"sh", "-c", fmt.Sprintf(`trap "" XFSZ; ulimit -f %d; exec "$@"`, size/512), "sh"}
	}
	for _, c := range []struct {
		size, keyslots int64 // bytes; none fit where keyslots is 0
		small          bool
		more           string
	}{
		{size: 5 << 20, keyslots: 5210112},
		{size: 1 << 20, keyslots: 1015808, small: true},
		{size: 1 << 20, keyslots: 983040, small: true, more: "--luks2-metadata-size 32k "},
		{size: 40960},
		{size: 0},
		{size: 1 << 20, more: "--luks2-keyslots-size 2m "},
	} {
		for _, p := range []tool{bench.bookworm, bench.trixie, bench.ours} {
			if c.more != "" && p != bench.ours {
				continue // cryptsetup makes less than it was told to, or leaves half a header
			}
			b := newBed(t)
			b.image("v.img", 40<<20)
			b.image("h.img", c.size)
			before := b.sum("h.img")
			r := p.call(t, call{dir: b.dir, wrap: full(c.size), args: words("luksFormat -q --header h.img " + c.more + "--key-file k1 " + costs + "v.img")})
			if (r.code == 0) != (c.keyslots > 0) || strings.Contains(r.stdout, "is very small") != c.small && p == bench.ours {
				t.Fatalf("%s, %d bytes: exit %d, %s%s", p.name, c.size, r.code, r.stdout, r.stderr)
			}
			if c.keyslots == 0 {
				if p == bench.ours && b.sum("h.img") != before {
					t.Errorf("%d bytes %s: refused, and written to", c.size, c.more)
				}
				continue
			}
			out := b.must(bench.trixie, "luksDump", "h.img")
			if int64(len(b.read("h.img"))) != c.size || !strings.Contains(out, fmt.Sprintf("Keyslots area: \t%d [bytes]", c.keyslots)) {
				t.Errorf("%s, %d bytes:\n%s", p.name, c.size, out)
			}
			for _, q := range []tool{bench.bookworm, bench.trixie, bench.ours} {
				b.exits(q, 0, words("open --test-passphrase --header h.img --key-file k1 v.img")...)
			}
			b.must(bench.ours, words("luksAddKey -q --header h.img --key-file k1 "+costs+"v.img k2")...)
			b.exits(bench.bookworm, 0, words("open --test-passphrase --header h.img --key-file k2 v.img")...)
		}
	}
}
