// SPDX-License-Identifier: Apache-2.0

package reencrypt_test

import (
	"bytes"
	"errors"
	"testing"

	"pgregory.net/rapid"

	"github.com/orthrus-luks/orthrus/luks/luks2"
	"github.com/orthrus-luks/orthrus/luks/reencrypt"
)

// hotRun is a run with a zone of that many bytes at the start of its data device.
func hotRun(kind, hash string, unit uint32, size, area uint64) *reencrypt.Run {
	segment := luks2.Segment{Type: "crypt", SectorSize: 512, Size: size}
	return &reencrypt.Run{
		Reencryption: luks2.Reencryption{
			Mode: "reencrypt", Direction: "forward", Area: luks2.Area{Type: kind, Offset: 4096, Size: area}, Hash: hash,
			UnitSize: unit,
		},
		Old: reencrypt.End{Segment: segment}, New: reencrypt.End{Segment: segment},
		Parts: []reencrypt.Part{{Segment: segment, Side: reencrypt.Between}},
	}
}

// Whatever units of a zone were rewritten, its record tells how many were not.
func TestARecordTellsTheUnitsThatAreStillOld(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		kind := rapid.SampledFrom([]string{"checksum", "journal"}).Draw(t, "kind")
		hash := rapid.SampledFrom([]string{"sha1", "sha256", "sha512", "blake2s-256"}).Draw(t, "hash")
		unit := rapid.SampledFrom([]uint32{512, 4096}).Draw(t, "unit")
		old := make([]byte, 512*rapid.IntRange(1, 40).Draw(t, "sectors"))
		for i := range old {
			old[i] = byte(i) ^ byte(i>>8)*7
		}
		run := hotRun(kind, hash, unit, uint64(len(old)), 1<<20)
		zone, err := run.Zone(nil)
		if err != nil {
			t.Fatal(err)
		}
		header := append(make([]byte, 4096), zone.Record(old)...)
		data := bytes.Clone(old)
		changed := map[uint64]bool{}
		for range rapid.IntRange(0, 5).Draw(t, "changes") {
			at := rapid.IntRange(0, len(data)-1).Draw(t, "at")
			if i := uint64(at) / zone.Unit; !changed[i] {
				changed[i] = true
				data[at] ^= 0x10
			}
		}
		got, err := run.Weigh(open(header), open(data))
		want := reencrypt.Count{Units: zone.Units(), Old: zone.Units() - uint64(len(changed))}
		if err != nil || got != want {
			t.Fatalf("%+v, %v, want %+v", got, err, want)
		}
		if covered := (zone.Units()-1)*zone.Unit < uint64(len(old)) && zone.Units()*zone.Unit >= uint64(len(old)); !covered {
			t.Fatalf("%d units of %d for %d bytes", zone.Units(), zone.Unit, len(old))
		}
	})
}

func TestAJournalHoldsTheOldDataAndChecksumsDoNot(t *testing.T) {
	old := bytes.Repeat([]byte{1, 2, 3, 4}, 256)
	for _, kind := range []string{"journal", "checksum"} {
		run := hotRun(kind, "sha256", 512, 1024, 8192)
		zone, err := run.Zone(nil)
		if err != nil {
			t.Fatal(err)
		}
		header := append(make([]byte, 4096), zone.Record(old)...)
		if zone, err = run.Zone(open(header)); err != nil {
			t.Fatal(err)
		}
		was, err := zone.Journal(1)
		if kind == "journal" && (err != nil || !bytes.Equal(was, old[512:])) {
			t.Errorf("%x, %v", was, err)
		}
		if kind == "checksum" && !errors.Is(err, reencrypt.ErrNoEvidence) {
			t.Errorf("%x, %v", was, err)
		}
	}
}

// The recorded areas of real runs are what the codec makes of the old data.
func TestRecordsAreThoseOfCryptsetup(t *testing.T) {
	for _, family := range []string{"reencrypt-checksum", "reencrypt-journal", "reencrypt-keep-key"} {
		_, s := find(t, family, "hot-2-data-old")
		run := judge(t, s).Run
		zone, err := run.Zone(open(s.Header))
		if err != nil {
			t.Fatal(err)
		}
		record := zone.Record(s.Data[zone.Offset : zone.Offset+zone.Size])
		if at := run.Area.Offset; !bytes.Equal(s.Header[at:at+uint64(len(record))], record) {
			t.Errorf("%s: the area differs", family)
		}
	}
}

func TestARecordThatTheAreaCannotHoldIsRefused(t *testing.T) {
	tests := []struct {
		name string
		run  *reencrypt.Run
		want error
	}{
		{"a journal shorter than the zone", hotRun("journal", "", 0, 8192, 8191), reencrypt.ErrForeign},
		{"checksums longer than the area", hotRun("checksum", "sha256", 512, 8192, 511), reencrypt.ErrForeign},
		{"an area past the end of all", hotRun("journal", "", 0, 8192, 1<<63), reencrypt.ErrForeign},
		{"a zone as long as all", hotRun("checksum", "sha512", 512, 1<<64-512, 1<<20), reencrypt.ErrForeign},
		{"nothing recorded", hotRun("none", "", 0, 8192, 8192), reencrypt.ErrNoEvidence},
		{"the data one shift away", hotRun("datashift", "", 0, 8192, 8192), reencrypt.ErrNoEvidence},
		{"no zone", &reencrypt.Run{}, reencrypt.ErrNoEvidence},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			if z, err := test.run.Zone(nil); z != nil || !errors.Is(err, test.want) {
				t.Errorf("%v", err)
			}
			if _, err := test.run.Weigh(open(nil), open(nil)); !errors.Is(err, test.want) {
				t.Errorf("%v", err)
			}
		})
	}
}
