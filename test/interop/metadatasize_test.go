// SPDX-License-Identifier: Apache-2.0

package interop

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/orthrus-luks/orthrus/test/part"
)

// keyslotsMade gives a volume made by the real cryptsetup that many keyslots, whose passphrases are their
// numbers, and then takes some away, so that the areas of the others have holes between them.
func keyslotsMade(b *bed, keyslots int, gone []int) {
	b.t.Helper()
	cheap := words("--pbkdf pbkdf2 --pbkdf-force-iterations 1000")
	for id := range keyslots {
		b.write(fmt.Sprint("key", id), fmt.Sprint("passphrase ", id))
	}
	b.image("a.img", 17<<20)
	b.must(bench.bookworm, append(append(words("luksFormat -q --type luks2 --key-file key0"), cheap...), "a.img")...)
	for id := 1; id < keyslots; id++ {
		b.must(bench.bookworm, append(append(words("luksAddKey -q --key-file key0"), cheap...), "a.img", fmt.Sprint("key", id))...)
	}
	for _, id := range gone {
		b.must(bench.bookworm, words(fmt.Sprintf("luksKillSlot -q --key-file key0 a.img %d", id))...)
	}
}

// TestMetadataAreaGrowsUnderCryptsetup grows 16 KiB heads to 64 KiB, 1 MiB and 4 MiB, in the way of which
// keyslot areas lie in several arrangements. Both releases of the real cryptsetup open every keyslot after
// each step; the data stay.
func TestMetadataAreaGrowsUnderCryptsetup(t *testing.T) {
	type arrangement struct {
		keyslots int
		gone     []int
	}
	all := []arrangement{{1, nil}, {5, []int{1, 3}}, {32, nil}}
	slice := len(all)
	for n := 2; n < 32; n++ {
		all = append(all, arrangement{n, []int{n / 2}})
	}
	for _, a := range part.Of(t, "arrangements", all, all[:slice]) {
		t.Run(fmt.Sprintf("%d keyslots without %v", a.keyslots, a.gone), func(t *testing.T) {
			t.Parallel()
			b := newBed(t)
			keyslotsMade(b, a.keyslots, a.gone)
			data := b.read("a.img")[16<<20:]
			for _, size := range []string{"64k", "1m", "4m"} {
				b.must(bench.ours, words("header resize --luks2-metadata-size "+size+" a.img")...)
				for id := range a.keyslots {
					if !slices.Contains(a.gone, id) {
						release := []tool{bench.bookworm, bench.trixie}[id%2]
						b.must(release, words(fmt.Sprintf("open --test-passphrase --key-slot %d --key-file key%d a.img", id, id))...)
					}
				}
			}
			if !slices.Equal(data, b.read("a.img")[16<<20:]) {
				t.Error("data were changed")
			}
			if a.keyslots == 32 {
				fill(b)
			}
		})
	}
}

// fill gives the volume 32 tokens that 16 KiB heads could not hold, and has both releases read them.
func fill(b *bed) {
	b.t.Helper()
	b.write("token", `{"type":"interop","keyslots":["0"],"text":"`+strings.Repeat("x", 8000)+`"}`)
	for id := range 32 {
		b.must([]tool{bench.bookworm, bench.ours}[id%2], words(fmt.Sprintf("token import --token-id %d --json-file token a.img", id))...)
	}
	for _, release := range []tool{bench.bookworm, bench.trixie} {
		if out := b.must(release, "luksDump", "a.img"); strings.Count(out, ": interop") != 32 || strings.Count(out, ": luks2\n") != 32 {
			b.t.Errorf("%s sees other than 32 keyslots and 32 tokens:\n%s", release.name, out)
		}
	}
}
