// SPDX-License-Identifier: Apache-2.0

package interop

import (
	"fmt"
	"strings"
	"testing"
)

// TestVolumesInTheKernelsNotation: cryptsetup makes such volumes with a device-mapper at hand only; what it takes
// of ours, and what it refuses, it shows without.
func TestVolumesInTheKernelsNotation(t *testing.T) {
	peers := []tool{bench.bookworm, bench.trixie}
	for _, c := range []struct {
		cipher string
		bits   int
	}{{"capi:xts(aes)-plain64", 512}, {"capi:xts(aes)-plain64", 0}, {"capi:cbc(aes)-essiv:sha256", 256}, {"capi:cbc(serpent)-plain64:x", 128}} {
		for _, where := range []string{"", "--header h.img "} {
			b := newBed(t)
			b.image("v.img", 20<<20)
			b.image("h.img", 20<<20)
			size := ""
			if c.bits > 0 {
				size = fmt.Sprintf("--key-size %d ", c.bits)
			}
			b.must(bench.ours, words("luksFormat -q --cipher "+c.cipher+" "+size+where+"--key-file k1 "+costs+"v.img")...)
			for _, p := range append(peers, bench.ours) {
				b.exits(p, 0, words("open --test-passphrase --key-file k1 "+where+"v.img")...)
				b.exits(p, 2, words("open --test-passphrase --key-file wrong "+where+"v.img")...)
				out := b.must(p, words("luksDump "+where+"v.img")...)
				if !strings.Contains(out, "cipher: "+c.cipher+"\n") || !strings.Contains(out, "Cipher:     aes-xts-plain64") {
					t.Errorf("%s:\n%s", p.name, out)
				}
			}
			b.must(bench.trixie, words("luksAddKey -q --key-file k1 "+where+costs+"v.img k2")...)
			b.must(bench.ours, words("luksChangeKey -q --key-file k2 "+where+costs+"v.img k3")...)
			for _, p := range append(peers, bench.ours) {
				b.exits(p, 0, words("open --test-passphrase --key-file k3 "+where+"v.img")...)
			}
		}
	}
}

// TestDriversOfTheKernelAreNoCiphers: the next kernel has none of that name.
func TestDriversOfTheKernelAreNoCiphers(t *testing.T) {
	b := newBed(t)
	b.image("v.img", 20<<20)
	before := b.sum("v.img")
	for _, cipher := range []string{"capi:xts(aes-generic)-plain64", "capi:xts(ecb(aes-generic))-plain64", "capi:essiv(cbc(aes),sha3-256)-plain64", "capi:xts(aes)"} {
		for _, version := range []string{"luks1", "luks2"} {
			for _, p := range []tool{bench.bookworm, bench.trixie, bench.ours} {
				said := b.exits(p, 1, words("luksFormat -q --type "+version+" --cipher "+cipher+" --key-file k1 "+costs+"v.img")...).stderr
				if p == bench.ours && said != "No known cipher specification pattern detected.\n" || b.sum("v.img") != before {
					t.Errorf("%s, %s: %s", p.name, cipher, said)
				}
			}
		}
	}
}

// TestOldVolumesInTheKernelsNotation: keyslots of LUKS1 are in it, too, and cryptsetup asks dm-crypt for them.
func TestOldVolumesInTheKernelsNotation(t *testing.T) {
	b := newBed(t)
	b.image("v.img", 4<<20)
	b.must(bench.ours, words("luksFormat -q --type luks1 --cipher capi:xts(aes)-plain64 --key-size 512 --key-file k1 "+costs+"v.img")...)
	b.must(bench.ours, words("luksAddKey -q --key-file k1 "+costs+"v.img k2")...)
	for _, p := range []tool{bench.bookworm, bench.trixie} {
		b.same(p, bench.ours, "luksDump", "v.img")
	}
	// The same header in the other notation is the same volume.
	text := b.read("v.img")
	copy(text[8:], append([]byte("aes"), make([]byte, 29)...))
	copy(text[40:], append([]byte("xts-plain64"), make([]byte, 21)...))
	b.write("plain.img", string(text))
	for _, p := range []tool{bench.bookworm, bench.trixie, bench.ours} {
		for _, key := range []string{"k1", "k2"} {
			b.exits(p, 0, words("open --test-passphrase --key-file "+key+" plain.img")...)
		}
	}
}

// TestVectorsOfByteOffsets: each opens what each made, and changes it.
func TestVectorsOfByteOffsets(t *testing.T) {
	all := []tool{bench.bookworm, bench.trixie, bench.ours}
	for _, version := range []string{"luks1", "luks2"} {
		for _, maker := range all {
			b := newBed(t)
			b.image("v.img", 20<<20)
			b.must(maker, words("luksFormat -q --type "+version+" --cipher aes-cbc-eboiv --key-size 256 --key-file k1 "+costs+"v.img")...)
			for _, p := range all {
				b.exits(p, 0, words("open --test-passphrase --key-file k1 v.img")...)
				b.must(p, words("luksAddKey -q --key-file k1 "+costs+"v.img k2")...)
			}
			for _, p := range all {
				b.exits(p, 0, words("open --test-passphrase --key-slot 3 --key-file k2 v.img")...)
			}
		}
	}
}
