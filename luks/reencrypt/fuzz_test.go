// SPDX-License-Identifier: Apache-2.0

package reencrypt_test

import (
	"testing"

	"github.com/orthrus-luks/orthrus/luks/luks2"
	"github.com/orthrus-luks/orthrus/luks/reencrypt"
	"github.com/orthrus-luks/orthrus/test/vectors/interrupted"
)

// FuzzState reads whatever JSON there may be: valid metadata or not, the verdict comes without a panic, and what it
// gives out agrees with itself.
func FuzzState(f *testing.F) {
	for _, family := range interrupted.Families() {
		for _, s := range family.States {
			if c, err := luks2.Decode(s.Header[:min(len(s.Header), headSize)], 0); err == nil {
				f.Add(c.Metadata.Text(), uint64(len(s.Data)))
			}
		}
	}
	f.Fuzz(func(t *testing.T, text []byte, device uint64) {
		m, err := luks2.ParseMetadata(text)
		if err != nil {
			return
		}
		v := reencrypt.OfMetadata(m)
		if fate, why := v.Peer(); why == "" || fate.String() == "" {
			t.Fatalf("%v: no word about cryptsetup", v.State)
		}
		if (v.State == reencrypt.None) != (v.Run == nil) || (v.Step == reencrypt.Nothing) != (v.Run == nil) {
			t.Fatalf("%v, %v", v.State, v.Step)
		}
		if v.State == reencrypt.None || v.State == reencrypt.Foreign {
			return
		}
		agrees(t, v, device)
	})
}

// agrees holds what a run that is understood says of itself against itself.
func agrees(t *testing.T, v reencrypt.Verdict, device uint64) {
	if found := v.Run.Hot() != nil; found != (v.State == reencrypt.Hot) {
		t.Fatalf("%v, hot %v", v.State, found)
	}
	at := uint64(0)
	pieces, err := v.Run.Pieces(device)
	for _, p := range pieces {
		if p.Start != at || p.Offset+p.Size > device || p.Side == reencrypt.Between && p.Was+p.Size > device {
			t.Fatalf("%+v at %d of %d", p, at, device)
		}
		at += p.Size
	}
	if err != nil && len(pieces) > 0 {
		t.Fatalf("%v with %d pieces", err, len(pieces))
	}
}

// FuzzArea reads a zone's record out of an area of any bytes, and writes it.
func FuzzArea(f *testing.F) {
	f.Add("checksum", "sha256", uint32(4096), uint64(16384), uint64(8192), []byte("area"), []byte("data"))
	f.Add("journal", "", uint32(0), uint64(1024), uint64(4096), make([]byte, 8192), make([]byte, 1024))
	f.Add("datashift-checksum", "sha1", uint32(512), uint64(1<<63), uint64(1<<62), []byte{}, []byte{})
	f.Fuzz(func(t *testing.T, kind, hash string, unit uint32, size, area uint64, header, data []byte) {
		if unit%512 != 0 || unit == 0 || unit > 1<<16 || size == 0 {
			return // a run that was read has whole units
		}
		run := hotRun(kind, hash, unit, size, area)
		zone, err := run.Zone(open(header))
		if err != nil {
			return
		}
		count, err := run.Weigh(open(header), open(data))
		if err == nil && (count.Old > count.Units || size > uint64(len(data))) {
			t.Fatalf("%+v of %d bytes", count, len(data))
		}
		if size > uint64(len(data)) {
			return
		}
		record := zone.Record(data[:size])
		if uint64(len(record)) > area {
			t.Fatalf("a record of %d bytes for an area of %d", len(record), area)
		}
		count, err = run.Weigh(open(append(make([]byte, 4096), record...)), open(data))
		if err != nil || count.Old != count.Units {
			t.Fatalf("%+v, %v: the record is not of what it was made of", count, err)
		}
	})
}
