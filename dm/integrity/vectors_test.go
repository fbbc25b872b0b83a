// SPDX-License-Identifier: Apache-2.0

package integrity_test

import (
	"bytes"
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"strings"
	"testing"

	"github.com/orthrus-luks/orthrus/dm/integrity"
	"github.com/orthrus-luks/orthrus/dm/secret"
	"github.com/orthrus-luks/orthrus/test/vectors"
)

// algorithm is one of a vector's, with its key.
func algorithm(t *testing.T, name, file string) *integrity.Algorithm {
	t.Helper()
	if name == "" {
		return nil
	}
	kernel, err := integrity.KernelName(name)
	if err != nil {
		t.Fatal(err)
	}
	key := map[string]string{
		"k32": "integrity", "k64": "integrity64", "j32": "journal_mac", "c32": "journal_crypt",
	}[file]
	if key == "" {
		return &integrity.Algorithm{Name: kernel}
	}
	raw, err := hex.DecodeString(vectors.IntegrityKeys()[key])
	if err != nil {
		t.Fatal(err)
	}
	buffer, err := secret.From(raw)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { buffer.Close() })
	return &integrity.Algorithm{Name: kernel, Key: buffer}
}

// algorithms are the internal hash of a vector, and its journal's.
func algorithms(t *testing.T, v vectors.Integrity) (*integrity.Algorithm, integrity.JournalKeys) {
	t.Helper()
	hash := algorithm(t, cmp.Or(v.Option("-I", "--integrity"), "crc32c"), v.Option("--integrity-key-file"))
	return hash, integrity.JournalKeys{
		MAC:   algorithm(t, v.Option("--journal-integrity"), v.Option("--journal-integrity-key-file")),
		Crypt: algorithm(t, v.Option("--journal-crypt"), v.Option("--journal-crypt-key-file")),
	}
}

// open has the vector's device as its last state left it.
func open(t *testing.T, v vectors.Integrity) (*integrity.Volume, error) {
	t.Helper()
	var data, meta []byte
	switch {
	case v.Files["meta"].File != "":
		data, meta = v.File("data"), v.File("meta")
	case v.Files["dirty"].File != "":
		meta = v.File("dirty")
		data = meta
	default:
		meta = v.File("closed")
		data = meta
	}
	sb, err := integrity.ReadSuperblock(bytes.NewReader(meta), 0)
	if err != nil {
		return nil, err
	}
	layout, err := sb.Layout(0)
	if err != nil {
		return nil, err
	}
	if err := layout.CheckSize(uint64(len(data)/512), uint64(len(meta)/512)); err != nil {
		return nil, err
	}
	hash, keys := algorithms(t, v)
	return layout.NewVolume(context.Background(), bytes.NewReader(data), bytes.NewReader(meta), keys, hash)
}

func TestRecordedDevicesGiveTheDataOfTheKernel(t *testing.T) {
	for _, v := range vectors.AllIntegrity() {
		if v.Name == "nowipe" {
			continue
		}
		t.Run(v.Name, func(t *testing.T) {
			volume, err := open(t, v)
			if err != nil {
				t.Fatal(err)
			}
			dirty := v.Files["dirty"].File != "" && v.Name != "bitmap-dirty"
			if (volume.Journal.Blocks() > 0) != dirty {
				t.Errorf("%d blocks are in the journal", volume.Journal.Blocks())
			}
			data := make([]byte, volume.Size())
			if _, err := volume.ReadAt(data, 0); err != nil {
				t.Fatal(err)
			}
			sum := sha256.Sum256(data)
			if got := hex.EncodeToString(sum[:]); v.Logical != "" && got != v.Logical {
				t.Errorf("the data are %s, recorded %s", got, v.Logical)
			}
			report, err := volume.Verify(context.Background())
			unsure := v.Name == "bitmap-dirty"
			if err != nil || report.Mismatch != 0 || len(report.Bad) != 0 || (report.Unchecked > 0) != unsure {
				t.Errorf("%+v, %v", report, err)
			}
		})
	}
}

func TestTagsThatWereNeverWrittenAreWrong(t *testing.T) {
	for _, v := range vectors.AllIntegrity() {
		if v.Name != "nowipe" {
			continue
		}
		volume, err := open(t, v)
		if err != nil {
			t.Fatal(err)
		}
		report, err := volume.Verify(context.Background())
		if err != nil || report.Mismatch != volume.ProvidedSectors || len(report.Bad) != 1 {
			t.Errorf("%+v, %v", report, err)
		}
	}
}

// memory is a device in memory.
type memory []byte

func (m memory) WriteAt(p []byte, off int64) (int, error) { return copy(m[off:], p), nil }
func (m memory) Sync() error                              { return nil }

// The salt is the kernel's choice; with it every byte is as the kernel has written it.
func TestFormattedDevicesAreTheKernels(t *testing.T) {
	for _, v := range vectors.AllIntegrity() {
		if v.Files["formatted"].File == "" {
			continue
		}
		t.Run(v.Name, func(t *testing.T) {
			want := v.File("formatted")
			recorded, err := integrity.ReadSuperblock(bytes.NewReader(want), 0)
			if err != nil {
				t.Fatal(err)
			}
			got := formatLike(t, v, len(want), recorded.Salt)
			if !bytes.Equal(got, want) {
				for i := range got {
					if got[i] != want[i] {
						t.Fatalf("byte %d: %x, recorded %x", i, got[i:min(i+32, len(got))], want[i:min(i+32, len(got))])
					}
				}
			}
		})
	}
}

func formatLike(t *testing.T, v vectors.Integrity, size int, salt [16]byte) []byte {
	t.Helper()
	hash, keys := algorithms(t, v)
	layout := plan(t, v, hash, uint64(size/512), uint64(size/512))
	layout.Salt = salt
	device := make(memory, size)
	f := integrity.Format{Layout: layout, Data: device, Meta: device, Keys: keys, Hash: hash}
	if err := f.Run(context.Background()); err != nil {
		t.Fatal(err)
	}
	return device
}

func plan(t *testing.T, v vectors.Integrity, hash *integrity.Algorithm, data, meta uint64) *integrity.Layout {
	t.Helper()
	number := func(names ...string) int {
		n := 0
		for _, c := range v.Option(names...) {
			n = n*10 + int(c-'0')
		}
		return n
	}
	p := integrity.Params{
		TagSize:   cmp.Or(number("-t", "--tag-size"), integrity.DigestSize(hash.Name)),
		BlockSize: number("-s", "--sector-size"), JournalSectors: uint64(number("--journal-size") / 512),
		InterleaveSectors: uint32(number("--interleave-sectors")), InternalHash: true,
		JournalMAC: v.Option("--journal-integrity") != "", Separate: v.Option("--data-device") != "",
		FixPadding: !strings.Contains(v.Format, "--integrity-legacy-padding"),
		FixHMAC:    !strings.Contains(v.Format, "--integrity-legacy-hmac"),
	}
	layout, err := p.Plan(data, meta)
	if err != nil {
		t.Fatal(err)
	}
	return layout
}

// What a device is laid out as, when it is formatted anew, is what its superblock says; but for what the years change.
func TestPlannedLayoutsAreTheRecorded(t *testing.T) {
	for _, v := range vectors.AllIntegrity() {
		t.Run(v.Name, func(t *testing.T) {
			volume, err := open(t, v)
			if err != nil {
				t.Fatal(err)
			}
			hash, _ := algorithms(t, v)
			data := volume.Data.(*bytes.Reader).Size() / 512
			got := *plan(t, v, hash, uint64(data), uint64(volume.Meta.(*bytes.Reader).Size()/512))
			want := *volume.Layout
			got.Salt, want.Salt = [16]byte{}, [16]byte{}
			changed := want.Flags&(integrity.Recalculating|integrity.DirtyBitmap) != 0
			if changed || v.Name == "bitmap-dirty" || v.Name == "metadev" {
				got.Flags, want.Flags, got.Version, want.Version = 0, 0, 0, 0
				got.Recalculated, want.Recalculated = 0, 0
				got.Log2BlocksPerBit, want.Log2BlocksPerBit = 0, 0
			}
			if got != want {
				t.Errorf("planned  %+v\nrecorded %+v", got, want)
			}
		})
	}
}
