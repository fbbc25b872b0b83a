// SPDX-License-Identifier: Apache-2.0

package integrity_test

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/orthrus-luks/orthrus/dm/integrity"
	"github.com/orthrus-luks/orthrus/test/vectors"
)

// vector is a recorded device by its name.
func vector(t *testing.T, name string) vectors.Integrity {
	t.Helper()
	for _, v := range vectors.AllIntegrity() {
		if v.Name == name {
			return v
		}
	}
	t.Fatal("no such vector")
	return vectors.Integrity{}
}

// nothing reads as zeros everywhere and knows how much was read.
type nothing struct{ read int }

func (n *nothing) ReadAt(p []byte, _ int64) (int, error) {
	clear(p)
	n.read += len(p)
	return len(p), nil
}

func TestHostileSuperblocksAreRefusedAtOnce(t *testing.T) {
	sound := vector(t, "crc32c")
	for name, change := range map[string]func(raw []byte){
		"no magic":             func(raw []byte) { raw[0] = 'I' },
		"version 0":            func(raw []byte) { raw[8] = 0 },
		"version 7":            func(raw []byte) { raw[8] = 7 },
		"blocks of 8 KiB":      func(raw []byte) { raw[28] = 4 },
		"no tags":              func(raw []byte) { binary.LittleEndian.PutUint16(raw[10:], 0) },
		"tags of 425 bytes":    func(raw []byte) { binary.LittleEndian.PutUint16(raw[10:], 425) },
		"no journal":           func(raw []byte) { binary.LittleEndian.PutUint32(raw[12:], 0) },
		"a journal of 1.6 TiB": func(raw []byte) { binary.LittleEndian.PutUint32(raw[12:], 1<<32-1) },
		"no data":              func(raw []byte) { binary.LittleEndian.PutUint64(raw[16:], 0) },
		"2^54 sectors":         func(raw []byte) { binary.LittleEndian.PutUint64(raw[16:], 1<<54) },
		"2^54-8 sectors":       func(raw []byte) { binary.LittleEndian.PutUint64(raw[16:], 1<<54-8) },
		"data past the end":    func(raw []byte) { binary.LittleEndian.PutUint64(raw[16:], 1096) },
		"unknown flags":        func(raw []byte) { raw[24] |= 0x40 },
		"an interleave of 2^32": func(raw []byte) {
			raw[9] = 32
		},
		"tiny areas, most data": func(raw []byte) {
			raw[9] = 3
			binary.LittleEndian.PutUint64(raw[16:], 1<<54-8)
		},
		"a bitmap beyond the journal": func(raw []byte) {
			raw[24] |= 4
			raw[29] = 0
			raw[9] = 31
			binary.LittleEndian.PutUint64(raw[16:], 1<<53)
		},
	} {
		t.Run(name, func(t *testing.T) {
			raw := sound.File("closed")
			change(raw)
			start := time.Now()
			sb, err := integrity.ParseSuperblock(raw)
			if err == nil {
				var l *integrity.Layout
				if l, err = sb.Layout(0); err == nil {
					err = l.CheckSize(1024, 1024)
				}
			}
			if err == nil {
				t.Error("accepted")
			}
			if took := time.Since(start); took > 100*time.Millisecond {
				t.Errorf("after %v", took)
			}
		})
	}
}

// A device that says it has a huge journal, and is long enough for one, is read up to the first sector that is none.
func TestAHugeJournalOfNothingIsNotReadToItsEnd(t *testing.T) {
	p := integrity.Params{TagSize: 4, JournalSectors: 1 << 37, InternalHash: true, FixPadding: true}
	l, err := p.Plan(0, 1<<38)
	if err != nil {
		t.Fatal(err)
	}
	device := &nothing{}
	replay, err := l.ReadJournal(context.Background(), device, integrity.JournalKeys{}, nil)
	if err != nil || !replay.Cleared || replay.Blocks() != 0 || device.read > 1<<20 {
		t.Errorf("%+v, %v, %d bytes read", replay, err, device.read)
	}
}

func TestImpossibleParametersAreRefused(t *testing.T) {
	for name, p := range map[string]integrity.Params{
		"no tags":           {},
		"tags of 425 bytes": {TagSize: 425},
		"blocks of 8 KiB":   {TagSize: 4, BlockSize: 8192},
		"blocks of 520":     {TagSize: 4, BlockSize: 520},
	} {
		if _, err := p.Plan(0, 1<<20); !errors.Is(err, integrity.ErrUnsupported) {
			t.Errorf("%s: %v", name, err)
		}
	}
	for _, sectors := range []uint64{0, 1, 8, 191, 440, 447} {
		p := integrity.Params{TagSize: 4, FixPadding: true}
		if l, err := p.Plan(0, sectors); !errors.Is(err, integrity.ErrTooSmall) {
			t.Errorf("%d sectors: %+v, %v", sectors, l, err)
		}
	}
	p := integrity.Params{TagSize: 4, FixPadding: true}
	if l, err := p.Plan(0, 448); err != nil || l.ProvidedSectors != 8 {
		t.Errorf("the smallest device: %+v, %v", l, err)
	}
	p.Separate = true
	if _, err := p.Plan(1<<20, 64); !errors.Is(err, integrity.ErrTooSmall) {
		t.Errorf("a metadata device without room for tags: %v", err)
	}
}

func TestAChangedSectorIsNamed(t *testing.T) {
	for _, name := range []string{"crc32c", "sha256-4096", "hmac-small-interleave", "interleave"} {
		v := vector(t, name)
		volume, err := open(t, v)
		if err != nil {
			t.Fatal(err)
		}
		raw := v.File("closed")
		sector := volume.ProvidedSectors / 2 &^ 7
		raw[volume.DataByte(sector)+3] ^= 1
		volume.Data = bytes.NewReader(raw)
		report, err := volume.Verify(context.Background())
		block := uint64(volume.BlockSize() / 512)
		want := integrity.Run{First: sector, Sectors: block}
		if err != nil || report.Mismatch != block || len(report.Bad) != 1 || report.Bad[0] != want {
			t.Errorf("%s: %+v, %v", name, report, err)
		}
		var corrupt *integrity.CorruptError
		_, err = volume.ReadAt(make([]byte, 512), int64(sector)*512)
		if !errors.As(err, &corrupt) || corrupt.Sector != sector || !errors.Is(err, integrity.ErrCorrupt) {
			t.Errorf("%s: reading: %v", name, err)
		}
		if _, err := volume.ReadAt(make([]byte, 100), int64(sector)*512-100); err != nil {
			t.Errorf("%s: reading before it: %v", name, err)
		}
	}
}

// The kernel stops at an entry that is not its own, and so do we; nobody gets the half of it.
func TestAChangedJournalEntryIsRefused(t *testing.T) {
	for name, why := range map[string]string{"dirty-journal": "tag", "jmac": "MAC"} {
		v := vector(t, name)
		volume, err := open(t, v)
		if err != nil {
			t.Fatal(err)
		}
		raw := v.File("dirty")
		at := volume.JournalByte()
		if why == "tag" {
			at += 8 * 512 // data of the first entry
		}
		raw[at] ^= 1
		hash, keys := algorithms(t, v)
		_, err = volume.NewVolume(context.Background(), bytes.NewReader(raw), bytes.NewReader(raw), keys, hash)
		var journal *integrity.JournalError
		if !errors.As(err, &journal) || !errors.Is(err, integrity.ErrJournal) || !strings.Contains(journal.Why, why) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestWrongKeysAreNotTheJournals(t *testing.T) {
	v := vector(t, "jmac")
	volume, err := open(t, v)
	if err != nil {
		t.Fatal(err)
	}
	hash, keys := algorithms(t, v)
	keys.MAC = nil
	_, err = volume.NewVolume(context.Background(), volume.Data, volume.Meta, keys, hash)
	if !errors.Is(err, integrity.ErrUnsupported) {
		t.Errorf("without the MAC: %v", err)
	}
	keys.MAC = hash
	_, err = volume.NewVolume(context.Background(), volume.Data, volume.Meta, keys, hash)
	if !errors.Is(err, integrity.ErrJournal) {
		t.Errorf("with another key: %v", err)
	}
}

func TestNamesBecomeTheKernels(t *testing.T) {
	for name, want := range map[string]string{
		"crc32c": "crc32c", "hmac-sha256": "hmac(sha256)", "sha3-256": "sha3-256", "blake2b-256": "blake2b-256",
		"ctr-aes": "ctr(aes)",
	} {
		if got, err := integrity.KernelName(name); err != nil || got != want {
			t.Errorf("%s: %q, %v", name, got, err)
		}
	}
	for _, name := range []string{"", "hmac(sha256)", "a b", "a:b"} {
		if got, err := integrity.KernelName(name); err == nil {
			t.Errorf("%q: %q", name, got)
		}
	}
}

// The kernel fills the tags of discarded blocks, and takes them for good where discards are allowed.
func TestDiscardedBlocksAreGoodWhereDiscardsAreAllowed(t *testing.T) {
	v := vector(t, "sha256-4096")
	volume, err := open(t, v)
	if err != nil {
		t.Fatal(err)
	}
	raw := v.File("closed")
	for i := range int(volume.TagSize) {
		raw[volume.TagByte(64)+int64(i)] = 0xf6
	}
	volume.Data, volume.Meta = bytes.NewReader(raw), bytes.NewReader(raw)
	for _, allowed := range []bool{false, true} {
		volume.Discards = allowed
		report, err := volume.Verify(context.Background())
		right := allowed == (report.Discarded == 8) && allowed != (report.Mismatch == 8)
		if err != nil || report.Sound() != allowed || !right {
			t.Errorf("allowed %v: %+v, %v", allowed, report, err)
		}
	}
}
