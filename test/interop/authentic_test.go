// SPDX-License-Identifier: Apache-2.0

package interop

import (
	"strings"
	"testing"
)

// TestAuthenticatedHeadersAreCryptsetups: it makes such volumes with a device-mapper at hand only; what it takes of
// ours it shows without. The data is for the virtual machine.
func TestAuthenticatedHeadersAreCryptsetups(t *testing.T) {
	for _, kind := range []string{
		"--integrity hmac-sha256", "--integrity hmac-sha512 --key-size 256", "--cipher aes-gcm-random --integrity aead",
		"--cipher chacha20-random --integrity poly1305", "--cipher aegis128-random --integrity aead",
		"--cipher aes-xts-random --integrity hmac-sha256 --integrity-legacy-padding",
		"--cipher aes-xts-random --integrity none",
	} {
		b := newBed(t)
		b.image("v.img", 24<<20)
		b.must(bench.ours, words("luksFormat -q --integrity-no-wipe "+kind+" --key-file k1 "+costs+"v.img")...)
		for _, p := range []tool{bench.bookworm, bench.trixie} {
			b.same(p, bench.ours, "luksDump", "v.img")
			b.sameJSON(p, bench.ours, "luksDump", "--dump-json-metadata", "v.img")
			b.exits(p, 0, words("open --test-passphrase --key-file k1 v.img")...)
			b.exits(p, 2, words("open --test-passphrase --key-file wrong v.img")...)
		}
		b.must(bench.trixie, words("luksAddKey -q --key-file k1 "+costs+"v.img k2")...)
		b.must(bench.ours, words("luksChangeKey -q --key-file k2 "+costs+"v.img k3")...)
		b.must(bench.ours, words("luksHeaderBackup --header-backup-file backup v.img")...)
		b.must(bench.trixie, words("luksRemoveKey -q v.img k3")...)
		b.must(bench.ours, words("luksHeaderRestore -q --header-backup-file backup v.img")...)
		for _, p := range []tool{bench.bookworm, bench.trixie, bench.ours} {
			b.exits(p, 0, words("open --test-passphrase --key-file k3 v.img")...)
		}
	}
}

// TestWhatCannotBeAuthenticatedCostsNothing: cryptsetup wipes the old header before it finds out.
func TestWhatCannotBeAuthenticatedCostsNothing(t *testing.T) {
	b := newBed(t)
	b.image("v.img", 24<<20)
	b.must(bench.ours, words("luksFormat -q --integrity-no-wipe --integrity hmac-sha256 --key-file k1 "+costs+"v.img")...)
	before := b.sum("v.img")
	for line, says := range map[string]string{
		"luksFormat -q --integrity-no-wipe --cipher aes-gcm-random --integrity hmac-sha256":                      "integrity aead",
		"luksFormat -q --integrity-no-wipe --integrity aead":                                                     "none of",
		"luksFormat -q --integrity-no-wipe --integrity cmac-aes":                                                 "none of",
		"luksFormat -q --integrity-no-wipe --integrity hmac(sha256)":                                             "No known integrity",
		"luksFormat -q --integrity-no-wipe --cipher aes-gcm-plain64 --integrity aead":                            "twice",
		"luksFormat -q --integrity-no-wipe --cipher aegis128-random --integrity aead --key-size 256":             "256 bits",
		"luksFormat -q --integrity-no-wipe --integrity hmac-sha256 --integrity-key-size 64":                      "too small",
		"luksFormat -q --integrity-no-wipe --integrity hmac-sha256 --type luks1":                                 "only for LUKS2",
		"luksFormat -q --integrity-no-wipe --integrity hmac-sha256 --far-header":                                 "authenticated",
		"luksFormat -q --integrity-no-wipe --integrity hmac-sha256 --sector-size 512 --offset 48896":             "are needed",
		"luksFormat -q --integrity-inline --integrity hmac-sha256":                                               "not supported",
		"luksFormat -q --integrity-no-wipe":                                                                      "integrity extension",
		"convert -q --type luks1":                                                                                "",
		"far enable":                                                                                             "authenticated",
		"grow":                                                                                                   "integrity protection",
		"shrink --device-size 20m":                                                                               "integrity protection",
		"reencrypt -q":                                                                                           "not supported",
		"luksFormat -q --integrity hmac-sha256 --luks2-keyslots-size 64k --luks2-metadata-size 16k --offset 256": "cannot hold",
	} {
		got := b.run(bench.ours, words(line+" --key-file k1 v.img")...)
		if got.code != 1 || !strings.Contains(got.stderr, says) {
			t.Errorf("%s: exit %d, %s", line, got.code, got.stderr)
		}
		if b.sum("v.img") != before {
			t.Fatalf("%s: something was written", line)
		}
	}
}
