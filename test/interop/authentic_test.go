// SPDX-License-Identifier: Apache-2.0

package interop

import (
	"bytes"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"github.com/orthrus-luks/orthrus/dm/integrity"
	"github.com/orthrus-luks/orthrus/test/vectors"
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

// TestCheckVerifiesAllDataOfAnAuthenticatedVolume: on what cryptsetup has formatted and written in a real kernel,
// without root and without a mapping.
func TestCheckVerifiesAllDataOfAnAuthenticatedVolume(t *testing.T) {
	verified := 0
	for _, vector := range vectors.AllAuthentic() {
		b := newBed(t)
		image := vector.Image()
		key, err := hex.DecodeString(vector.Key)
		if err != nil {
			t.Fatal(err)
		}
		b.write("v.img", string(image))
		b.write("vk", string(key))
		check := words("check --data --json --volume-key-file vk --key-size " + fmt.Sprint(len(key)*8) + " v.img")
		if !strings.Contains(vector.Name, "hmac") && !strings.Contains(vector.Name, "gcm") {
			if got := b.exits(bench.ours, 1, check...); !strings.Contains(got.stderr, "authenticate") {
				t.Errorf("%s: %s", vector.Name, got.stderr)
			}
			continue
		}
		verified++
		before := dataFound(t, b.run(bench.ours, check...))
		if before.Good == 0 || before.Good+before.Mismatched != before.Sectors || len(before.Bad) > 1 {
			t.Errorf("%s: %+v", vector.Name, before)
		}
		flip := firstByte(t, image) + 100
		image[flip] ^= 4
		b.write("v.img", string(image))
		got := b.exits(bench.ours, 7, check...) // no keyslot is left, either
		after := dataFound(t, got)
		if len(after.Bad) != len(before.Bad)+1 || after.Bad[0].Sector != 0 || after.Bad[0].Offset != flip-100 {
			t.Errorf("%s: a changed byte of the first sector: %+v", vector.Name, after)
		}
		b.write("vk", string(make([]byte, len(key))))
		b.exits(bench.ours, 2, check...)
		if string(b.read("v.img")) != string(image) {
			t.Errorf("%s: something was written", vector.Name)
		}
	}
	if verified != 5 {
		t.Errorf("%d of 9 volumes were verified", verified)
	}
}

// dataReport is what check --data --json says of the sectors.
type dataReport struct {
	Sectors    uint64 `json:"sectors"`
	Good       uint64 `json:"good_sectors"`
	Mismatched uint64 `json:"mismatched_sectors"`
	Bad        []struct {
		Sector, Sectors uint64
		Offset          int64
	}
}

func dataFound(t *testing.T, r result) dataReport {
	t.Helper()
	var all struct{ Devices []struct{ Data dataReport } }
	if err := json.Unmarshal([]byte(r.stdout), &all); err != nil || len(all.Devices) != 1 {
		t.Fatalf("exit %d, %v: %s%s", r.code, err, r.stdout, r.stderr)
	}
	return all.Devices[0].Data
}

// firstByte is where the data of the first sector lies.
func firstByte(t *testing.T, image []byte) int64 {
	t.Helper()
	for sector := uint64(8); sector < uint64(len(image))/512; sector += 8 {
		if sb, err := integrity.ReadSuperblock(bytes.NewReader(image), sector); err == nil {
			l, err := sb.Layout(sector)
			if err != nil {
				t.Fatal(err)
			}
			return l.DataByte(0)
		}
	}
	t.Fatal("there is no layer of tags")
	return 0
}
