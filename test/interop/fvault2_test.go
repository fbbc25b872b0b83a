// SPDX-License-Identifier: Apache-2.0

package interop

import (
	"strings"
	"testing"

	"github.com/orthrus-luks/orthrus/test/fvault2image"
)

// fvault2Volume puts a volume into "volume", and what opens it into files of its own.
func fvault2Volume(b *bed, o fvault2image.Options) {
	b.t.Helper()
	o.Passphrase = "the passphrase"
	im := fvault2image.Make(o)
	b.write("volume", string(im.Bytes))
	b.write("passphrase", o.Passphrase)
	b.write("volume-key", string(im.VolumeKey))
}

// The volumes that our tests make are those that cryptsetup reads, and both say and do the same with them.
func TestFileVaultVolumesOfTheTestsAreThoseThatCryptsetupReads(t *testing.T) {
	for name, o := range map[string]fvault2image.Options{
		"1000 iterations":     {},
		"41000 iterations":    {Iterations: 41000},
		"several generations": {Transactions: [4]uint64{9, 8, 7, 6}},
	} {
		t.Run(name, func(t *testing.T) {
			b := newBed(t)
			fvault2Volume(b, o)
			before := b.sum("volume")
			for _, peer := range []tool{bench.bookworm, bench.trixie} {
				for _, args := range []string{
					"fvault2Dump volume", "fvault2Dump -q --dump-volume-key --key-file passphrase volume",
					"fvault2Dump -q --dump-volume-key --volume-key-file out-PEER --key-file passphrase volume",
				} {
					one := b.must(bench.ours, words(strings.Replace(args, "PEER", "ours-"+peer.name, 1))...)
					other := b.must(peer, words(strings.Replace(args, "PEER", peer.name, 1))...)
					if one != other {
						t.Errorf("%s, < ours, > %s:\n%s", args, peer.name, difference(one, other))
					}
				}
				for _, key := range []string{"out-ours-" + peer.name, "out-" + peer.name} {
					if string(b.read(key)) != string(b.read("volume-key")) {
						t.Errorf("%s is another volume key", key)
					}
				}
				for _, p := range []tool{bench.ours, peer} {
					b.exits(p, 0, words("open --type fvault2 --test-passphrase --key-file passphrase volume")...)
					b.exits(p, 2, words("open --type fvault2 --test-passphrase --key-file volume-key volume")...)
				}
			}
			if b.sum("volume") != before {
				t.Error("the volume has changed")
			}
		})
	}
}

// What is no volume ends for both with one code and the same lines.
func TestFileVaultVolumesThatCannotBeAreRefusedAsByCryptsetup(t *testing.T) {
	for name, o := range map[string]fvault2image.Options{
		"version": {Header: func(p []byte) { p[8] = 2 }},
		"keys":    {Block: func(kind uint16, p []byte) { p[10] &^= byte(kind) & 0x08 }},
	} {
		t.Run(name, func(t *testing.T) {
			b := newBed(t)
			fvault2Volume(b, o)
			b.write("short", "CS")
			b.write("empty", "")
			b.image("zeros", 1<<20)
			for _, peer := range []tool{bench.bookworm, bench.trixie} {
				for _, args := range []string{
					"fvault2Dump volume", "open --type fvault2 --test-passphrase --key-file passphrase volume",
					"fvault2Dump short", "fvault2Dump zeros", "fvault2Dump missing",
					"fvault2Dump -q --dump-volume-key --key-file short zeros", "fvault2Dump -q --dump-volume-key --key-file volume-key volume",
				} {
					one, other := b.run(bench.ours, words(args)...), b.run(peer, words(args)...)
					if one.code != other.code || one.code == 0 || one.stderr != other.stderr {
						t.Errorf("%s:\northrus %d: %s\n%s %d: %s", args, one.code, one.stderr, peer.name, other.code, other.stderr)
					}
				}
			}
		})
	}
}
