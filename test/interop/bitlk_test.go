// SPDX-License-Identifier: Apache-2.0

package interop

import (
	"fmt"
	"strings"
	"testing"

	"github.com/orthrus-luks/orthrus/test/bitlkimage"
)

const (
	bitlkPassphrase = "the passphrase of the volume"
	bitlkRecovery   = "000011-720885-110000-022000-330000-440011-550000-660000"
)

// bitlkVolume puts a volume with three protectors into "volume", and what opens it into files of its own.
func bitlkVolume(b *bed, o bitlkimage.Options) {
	b.t.Helper()
	o.Passphrase, o.Recovery, o.Startup = bitlkPassphrase, bitlkRecovery, true
	im := bitlkimage.Make(o)
	b.write("volume", string(im.Bytes))
	b.write("passphrase", bitlkPassphrase)
	b.write("recovery", bitlkRecovery)
	b.write("startup", string(im.BEK))
	b.write("volume-key", string(im.VolumeKey))
}

// The volumes that our tests make are those that cryptsetup reads, and both say and do the same with them. Each unlock
// hashes a million times: one volume is tried with everything that opens it.
func TestBitLockerVolumesOfTheTestsAreThoseThatCryptsetupReads(t *testing.T) {
	for method := uint16(0x8000); method <= 0x8005; method++ {
		sector := []int{512, 4096}[method/2%2]
		t.Run(fmt.Sprintf("%x, %d", method, sector), func(t *testing.T) {
			b := newBed(t)
			bitlkVolume(b, bitlkimage.Options{
				Method: method, SectorSize: sector, Description: "HOST C: 1/2/2026", ToGo: method&1 == 1,
			})
			before := b.sum("volume")
			for _, peer := range []tool{bench.bookworm, bench.trixie} {
				one, other := b.must(bench.ours, "bitlkDump", "volume"), b.must(peer, "bitlkDump", "volume")
				if bitsAsBefore(one) != bitsAsBefore(other) {
					t.Errorf("bitlkDump, < ours, > %s:\n%s", peer.name, difference(one, other))
				}
				b.takesKeyOut(peer, "passphrase")
			}
			if b.sum("volume") != before {
				t.Error("the volume has changed")
			}
		})
	}
}

// bitsAsBefore leaves out the brackets of 2.7.
func bitsAsBefore(dump string) string { return strings.ReplaceAll(dump, "[bits]", "bits") }

// takesKeyOut has a program unlock the volume, and compares the volume key.
func (b *bed) takesKeyOut(p tool, by string) {
	b.t.Helper()
	stored := "key-" + p.name + "-" + by
	b.must(p, "bitlkDump", "-q", "--dump-volume-key", "--volume-key-file", stored, "--key-file", by, "volume")
	if string(b.read(stored)) != string(b.read("volume-key")) {
		b.t.Errorf("%s takes another volume key out by the %s", p.name, by)
	}
}

func TestEveryProtectorOfABitLockerVolumeOpensInCryptsetup(t *testing.T) {
	b := newBed(t)
	bitlkVolume(b, bitlkimage.Options{})
	for _, p := range []tool{bench.ours, bench.bookworm, bench.trixie} {
		for _, key := range []string{"passphrase", "recovery", "startup"} {
			b.exits(p, 0, "open", "--type", "bitlk", "--test-passphrase", "--key-file", key, "volume")
			b.takesKeyOut(p, key)
		}
		b.exits(p, 2, "open", "--type", "bitlk", "--test-passphrase", "--key-file", "wrong", "volume")
	}
}

// What cannot be opened ends for both with one code and the line that says why; ours adds advice.
func TestBitLockerVolumesThatNothingOpensAreRefusedAsByCryptsetup(t *testing.T) {
	for name, o := range map[string]bitlkimage.Options{
		"encrypt on write": {OnWrite: true, Encrypted: 256 << 10},
		"being encrypted":  {Present: 2, Next: 4, Encrypted: 256 << 10},
	} {
		t.Run(name, func(t *testing.T) {
			b := newBed(t)
			bitlkVolume(b, o)
			for _, peer := range []tool{bench.bookworm, bench.trixie} {
				args := words("open --type bitlk --test-passphrase --key-file passphrase volume")
				one, other := b.run(bench.ours, args...), b.run(peer, args...)
				if one.code != 1 || other.code != 1 || errorLines(one.stderr)[0] != errorLines(other.stderr)[0] {
					t.Errorf("orthrus %d: %s\n%s %d: %s", one.code, one.stderr, peer.name, other.code, other.stderr)
				}
			}
		})
	}
}
