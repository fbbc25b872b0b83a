// SPDX-License-Identifier: Apache-2.0

package integrity_test

import (
	"bytes"
	"context"
	"strings"
	"testing"

	"github.com/orthrus-luks/orthrus/dm/integrity"
	"github.com/orthrus-luks/orthrus/test/vectors"
)

// seeds adds the recorded devices whose name begins like this one.
func seeds(f *testing.F, take func(v vectors.Integrity)) {
	f.Helper()
	for _, v := range vectors.AllIntegrity() {
		if v.Files["meta"].File == "" {
			take(v)
		}
	}
}

func lastState(v vectors.Integrity) []byte {
	if v.Files["dirty"].File != "" {
		return v.File("dirty")
	}
	return v.File("closed")
}

// FuzzSuperblock: what is parsed can be laid out, and is written as it was read.
func FuzzSuperblock(f *testing.F) {
	seeds(f, func(v vectors.Integrity) { f.Add(lastState(v)[:512]) })
	f.Fuzz(func(t *testing.T, raw []byte) {
		sb, err := integrity.ParseSuperblock(raw)
		if err != nil {
			return
		}
		l, err := sb.Layout(8)
		if err != nil {
			t.Fatal(err)
		}
		_ = l.CheckSize(1<<20, 1<<20)
		again, err := sb.Marshal(nil)
		if err != nil {
			t.Fatal(err)
		}
		if got, err := integrity.ParseSuperblock(again); err != nil || *got != *sb {
			t.Fatalf("%+v, %v; was %+v", got, err, sb)
		}
	})
}

// fuzzDevice reads a device of which two places hold anything.
func fuzzDevice(t *testing.T, device []byte, first uint32, one []byte, second uint32, other []byte) {
	raw := bytes.Clone(device)
	copy(raw[int(first)%len(raw):], one)
	copy(raw[int(second)%len(raw):], other)

	sb, err := integrity.ParseSuperblock(raw)
	if err != nil {
		return
	}
	l, err := sb.Layout(0)
	if err != nil || l.CheckSize(uint64(len(raw)/512), uint64(len(raw)/512)) != nil {
		return
	}
	disk := bytes.NewReader(raw)
	hash := &integrity.Algorithm{Name: "crc32c"}
	var keys integrity.JournalKeys
	if l.Flags&integrity.HaveJournalMAC != 0 {
		keys.MAC = hash
	}
	volume, err := l.NewVolume(context.Background(), disk, disk, keys, hash)
	if err != nil {
		return
	}
	volume.Workers = 1
	report, err := volume.Verify(context.Background())
	if err != nil {
		t.Fatal(err)
	}
	all := report.Good + report.Discarded + report.Unchecked + report.Mismatch + report.Unreadable
	if all != l.ProvidedSectors {
		t.Fatalf("%+v of %d sectors", report, l.ProvidedSectors)
	}
}

func FuzzJournal(f *testing.F) {
	var devices [][]byte
	seeds(f, func(v vectors.Integrity) {
		if strings.HasPrefix(v.Name, "dirty") {
			devices = append(devices, lastState(v))
			f.Add(uint8(len(devices)-1), uint32(4096), []byte{}, uint32(0), []byte{})
		}
	})
	f.Fuzz(func(t *testing.T, which uint8, first uint32, one []byte, second uint32, other []byte) {
		fuzzDevice(t, devices[int(which)%len(devices)], first, one, second, other)
	})
}

func FuzzBitmap(f *testing.F) {
	var device []byte
	seeds(f, func(v vectors.Integrity) {
		if v.Name == "bitmap-dirty" {
			device = lastState(v)
		}
	})
	f.Add(uint32(4096), []byte{0xff}, uint32(29), []byte{0})
	f.Fuzz(func(t *testing.T, first uint32, one []byte, second uint32, other []byte) {
		fuzzDevice(t, device, first, one, second, other)
	})
}
