// SPDX-License-Identifier: Apache-2.0

package fvault2_test

import (
	"bytes"
	"encoding/binary"
	"errors"
	"io"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/orthrus-luks/orthrus/luks/foreign/fvault2"
	"github.com/orthrus-luks/orthrus/luks/kdf"
	"github.com/orthrus-luks/orthrus/test/fvault2image"
)

var le = binary.LittleEndian

// opens reads a volume as the verb does, up to the data; it holds what reading may cost.
func opens(t testing.TB, image []byte) error {
	t.Helper()
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	begun, sum := time.Now(), bytes.Clone(image[:min(len(image), 4096)])
	v, err := fvault2.Load(bytes.NewReader(image), int64(len(image)))
	if spent := time.Since(begun); spent > 10*time.Second {
		t.Errorf("reading took %v", spent)
	}
	runtime.ReadMemStats(&after)
	if got := after.Sys - before.Sys; got > 64<<20 {
		t.Errorf("reading took %d MiB", got>>20)
	}
	if !bytes.Equal(sum, image[:len(sum)]) {
		t.Error("reading wrote")
	}
	if err != nil {
		return err
	}
	if err := v.Openable(); err != nil {
		return err
	}
	key, err := v.Unlock(t.Context(), []byte("secret"))
	if err != nil {
		return err
	}
	defer key.Close()
	p, err := v.Plaintext(bytes.NewReader(image), key)
	if err != nil {
		return err
	}
	defer p.Close()
	_, err = io.Copy(io.Discard, io.NewSectionReader(p, 0, p.Size()))
	return err
}

func put16(at int, v uint16) func([]byte) { return func(p []byte) { le.PutUint16(p[at:], v) } }
func put32(at int, v uint32) func([]byte) { return func(p []byte) { le.PutUint32(p[at:], v) } }
func put64(at int, v uint64) func([]byte) { return func(p []byte) { le.PutUint64(p[at:], v) } }

func TestEveryFieldOfTheHeaderThatCannotBeIsRefused(t *testing.T) {
	for name, test := range map[string]struct {
		change func([]byte)
		want   error
	}{
		"version 0":            {put16(8, 0), fvault2.ErrField},
		"version 2":            {put16(8, 2), fvault2.ErrField},
		"type":                 {put16(10, 0x11), fvault2.ErrNotFileVault},
		"signature":            {put16(88, 0), fvault2.ErrNotFileVault},
		"blocks of 0":          {put32(96, 0), fvault2.ErrField},
		"blocks of 256":        {put32(96, 256), fvault2.ErrField},
		"blocks of 6000":       {put32(96, 6000), fvault2.ErrField},
		"blocks of 128 KiB":    {put32(96, 128<<10), fvault2.ErrField},
		"blocks of 2 GiB":      {put32(96, 1<<31), fvault2.ErrField},
		"key of 32 bytes":      {put32(168, 32), fvault2.ErrUnsupported},
		"cipher":               {put32(172, 3), fvault2.ErrUnsupported},
		"another metadata key": {put32(176, 0), fvault2.ErrNoMetadata},
		"another UUID":         {put32(304, 0), fvault2.ErrNoMetadata},
		"label far away":       {put64(104, 1<<63), fvault2.ErrField},
		"no label":             {func(p []byte) { clear(p[104:136]) }, fvault2.ErrNoMetadata},
		"labels elsewhere":     {func(p []byte) { copy(p[104:136], strings.Repeat("\x80\x00\x00\x00\x00\x00\x00\x00", 4)) }, fvault2.ErrNoMetadata},
		"labels at the end":    {func(p []byte) { copy(p[104:136], strings.Repeat("\xff\x00\x00\x00\x00\x00\x00\x00", 4)) }, fvault2.ErrNoMetadata},
		"one label":            {func(p []byte) { clear(p[112:136]) }, nil},
		"volume of any size":   {put64(64, 1<<63), nil},
		"volume of no size":    {put64(64, 0), nil},
	} {
		t.Run(name, func(t *testing.T) {
			im := fvault2image.Make(fvault2image.Options{Passphrase: "secret", Header: test.change})
			if err := opens(t, im.Bytes); !errors.Is(err, test.want) {
				t.Errorf("%v", err)
			}
		})
	}
}

func TestEveryFieldOfTheMetadataThatCannotBeIsRefused(t *testing.T) {
	for name, test := range map[string]struct {
		kind   uint16 // of the block; 0 is a descriptor
		change func([]byte)
		want   error
	}{
		"type of a label":           {0x11, put16(10, 0x12), fvault2.ErrField},
		"descriptor at the end":     {0x11, put32(220, fvault2image.Size-fvault2image.Label-39), fvault2.ErrField},
		"descriptor far away":       {0x11, put32(220, 1<<32-1), fvault2.ErrField},
		"no blocks":                 {0, put64(8, 0), fvault2.ErrField},
		"one block":                 {0, put64(8, 1), fvault2.ErrField},
		"2^17+1 blocks":             {0, put64(8, 1<<17+1), fvault2.ErrField},
		"2^64-1 blocks":             {0, put64(8, 1<<64-1), fvault2.ErrField},
		"2^17 blocks":               {0, put64(8, 1<<17), nil}, // zeros end them
		"blocks elsewhere":          {0, put64(32, 1), fvault2.ErrField},
		"blocks far away":           {0, put64(32, 1<<39), fvault2.ErrField},
		"blocks on another device":  {0, put64(32, 1<<48), fvault2.ErrField},
		"no keys":                   {0x19, put16(10, 1), fvault2.ErrField},
		"no volume":                 {0x1a, put16(10, 1), fvault2.ErrField},
		"no extents":                {0x305, put16(10, 1), fvault2.ErrField},
		"XML of keys behind":        {0x19, put32(112, 8193), fvault2.ErrField},
		"XML of keys too long":      {0x19, put32(116, 8001), fvault2.ErrField},
		"XML of keys wraps":         {0x19, put32(112, 1<<32-1), fvault2.ErrField},
		"no XML of keys":            {0x19, put32(116, 0), fvault2.ErrField},
		"compressed keys":           {0x19, func(p []byte) { clear(p[192:]); le.PutUint32(p[108:], 9) }, fvault2.ErrUnsupported},
		"XML of the volume behind":  {0x1a, put32(128, 8193), fvault2.ErrField},
		"XML of the volume wraps":   {0x1a, func(p []byte) { put32(128, 4096)(p); put32(132, 1<<32-1)(p) }, fvault2.ErrField},
		"no extent":                 {0x305, put32(64, 0), fvault2.ErrUnsupported},
		"two extents":               {0x305, put32(64, 2), fvault2.ErrUnsupported},
		"begins later":              {0x305, put64(80, 1), fvault2.ErrUnsupported},
		"too few blocks":            {0x305, put32(88, 127), fvault2.ErrUnsupported},
		"another physical volume":   {0x305, put64(104, 1<<48|64), fvault2.ErrUnsupported},
		"data at the end":           {0x305, put64(104, 129), fvault2.ErrField},
		"data behind the end":       {0x305, put64(104, 257), fvault2.ErrField},
		"data far behind":           {0x305, put64(104, 1<<48-1), fvault2.ErrField},
		"data up to the end":        {0x305, put64(104, 128), nil},
		"another block that we see": {0x10, put16(10, 0x305), nil}, // the last one speaks
	} {
		t.Run(name, func(t *testing.T) {
			o := fvault2image.Options{Passphrase: "secret"}
			o.Block = func(kind uint16, p []byte) {
				if kind == test.kind {
					test.change(p)
				}
			}
			if test.kind == 0 {
				o.Block, o.Pointer = nil, test.change
			}
			im := fvault2image.Make(o)
			if err := opens(t, im.Bytes); !errors.Is(err, test.want) || err != nil && !errors.Is(err, fvault2.ErrNoMetadata) {
				t.Errorf("%v", err)
			}
		})
	}
}

func TestXMLThatCannotBeIsRefused(t *testing.T) {
	for name, test := range map[string]struct {
		kind     uint16
		old, new string
		want     error
	}{
		"no size":               {0x1a, "lv.size", "lv.other", fvault2.ErrField},
		"size 0":                {0x1a, "0x80000", "0x0", fvault2.ErrField},
		"size without prefix":   {0x1a, "0x80000", "80000", nil},
		"size of half a sector": {0x1a, "0x80000", "0x7ff00", fvault2.ErrField},
		"greater size":          {0x1a, "0x80000", "0x80200", fvault2.ErrUnsupported},
		"negative size":         {0x1a, "0x80000", "-0x80000", fvault2.ErrField},
		"size of 2^63":          {0x1a, "0x80000", "0x8000000000000000", fvault2.ErrField},
		"size of 2^70":          {0x1a, "0x80000", "0x400000000000000000", fvault2.ErrField},
		"size of words":         {0x1a, "0x80000", "many", fvault2.ErrField},
		"no family":             {0x1a, "lv.familyUUID", "lv.other", fvault2.ErrField},
		"short family":          {0x1a, `<string ID="1">`, "<string>12</string>", fvault2.ErrField},
		"family of words":       {0x1a, `<string ID="1">`, "<string>Z", fvault2.ErrField},
		"no users":              {0x19, "PassphraseWrappedKEKStruct", "Other", fvault2.ErrField},
		"no volume key":         {0x19, "KEKWrappedVolumeKeyStruct", "Other", fvault2.ErrField},
		"a struct too short":    {0x19, "<data>", "<data>AAAA</data><data>", fvault2.ErrField},
		"no base64":             {0x19, "<data>", "<data>!!!!", fvault2.ErrField},
		"reference to nothing":  {0x19, `<data ID="9">`, `<reference IDREF="77"/><data>`, fvault2.ErrField},
		"reference to itself":   {0x19, `<data ID="9">`, `<reference ID="77" IDREF="77"/><data>`, fvault2.ErrField},
		"reference that is cut": {0x19, `<data ID="9">`, `<reference IDREF="`, fvault2.ErrField},
		"base64 over lines":     {0x19, "<data>", "<data>\n\t", nil},
	} {
		t.Run(name, func(t *testing.T) {
			im := fvault2image.Make(fvault2image.Options{Passphrase: "secret", XML: func(kind uint16, text string) string {
				if kind == test.kind {
					text = strings.ReplaceAll(text, test.old, test.new)
				}
				return text
			}})
			if err := opens(t, im.Bytes); !errors.Is(err, test.want) {
				t.Errorf("%v", err)
			}
		})
	}
}

func TestIterationsBeyondMeasureAreRefusedAtOnce(t *testing.T) {
	for _, n := range []uint32{1<<32 - 1, 1_000_000_001} {
		im := fvault2image.Make(fvault2image.Options{Passphrase: "secret", Iterations: n})
		begun := time.Now()
		if err := opens(t, im.Bytes); !errors.Is(err, kdf.ErrCost) {
			t.Errorf("%d: %v", n, err)
		}
		if spent := time.Since(begun); spent > time.Second {
			t.Errorf("%d took %v", n, spent)
		}
	}
}

// TestMostThatAHeaderMayAskForIsReadSoon: four labels that lead to more sound metadata than is read of
// any, on processors that have no instructions for AES, too.
func TestMostThatAHeaderMayAskForIsReadSoon(t *testing.T) {
	image := fvault2image.Endless()
	best := time.Hour
	for range 3 {
		begun := time.Now()
		if err := opens(t, image); !errors.Is(err, fvault2.ErrField) {
			t.Fatalf("%v", err)
		}
		best = min(best, time.Since(begun))
	}
	if best > 5*time.Second {
		t.Errorf("refused after %v", best)
	}
	t.Logf("refused after %v", best)
}

func TestEveryTruncationIsRefused(t *testing.T) {
	image := fvault2image.Make(fvault2image.Options{Passphrase: "secret"}).Bytes
	for _, size := range []int{
		0, 1, 511, 512, fvault2image.Label, fvault2image.Label + 8191, fvault2image.Label + 8192, fvault2image.Metadata,
		fvault2image.Metadata + 8191, fvault2image.Metadata + 5*8192, fvault2image.Data, fvault2image.Data + fvault2image.DataSize - 1,
	} {
		if err := opens(t, image[:size]); err == nil {
			t.Errorf("%d bytes open", size)
		}
	}
	if err := opens(t, image[:fvault2image.Data+fvault2image.DataSize]); err != nil {
		t.Errorf("all but the last header: %v", err)
	}
}

func TestEveryByteOfTheHeaderAndTheMetadataIsGuarded(t *testing.T) {
	im := fvault2image.Make(fvault2image.Options{Passphrase: "secret"})
	change := func(at int) []byte {
		image := bytes.Clone(im.Bytes)
		image[at] ^= 0x10
		return image
	}
	for at := range 512 {
		if v := load(t, change(at)); v.Healthy() {
			t.Fatalf("byte %d of the header may be another", at)
		}
	}
	for at := 0; at < 5*8192; at += 97 {
		if err := opens(t, change(fvault2image.Metadata+at)); !errors.Is(err, fvault2.ErrNoMetadata) {
			t.Fatalf("byte %d of the metadata may be another: %v", at, err)
		}
	}
}

func FuzzLoad(f *testing.F) {
	im := fvault2image.Make(fvault2image.Options{Passphrase: "secret", Iterations: 1, References: true, Bare: true})
	f.Add(uint16(0x19), 112, []byte{1, 2, 3, 4})
	f.Add(uint16(0x1a), 192, []byte("<key>com.apple.corestorage.lv.size</key>"))
	f.Add(uint16(0x305), 64, []byte{2})
	f.Add(uint16(0x11), 220, []byte{0, 1})
	f.Add(uint16(0), 96, []byte{0, 2})
	f.Fuzz(func(t *testing.T, kind uint16, at int, with []byte) {
		change := func(p []byte) {
			if at >= 0 && at < len(p) {
				copy(p[at:], with)
			}
		}
		o := fvault2image.Options{Passphrase: "secret", Iterations: 1, References: true, Bare: true}
		if kind == 0 {
			o.Header = change
		}
		o.Block = func(of uint16, p []byte) {
			if of == kind {
				change(p)
			}
		}
		image := fvault2image.Make(o).Bytes
		v, err := fvault2.Load(bytes.NewReader(image), int64(len(image)))
		if err != nil {
			return
		}
		if v.DataSize == 0 || v.DataOffset+v.DataSize > uint64(len(image)) || len(v.Users) == 0 {
			t.Fatalf("%+v", v)
		}
		for _, u := range v.Users {
			if u.Iterations > 1000 {
				return
			}
		}
		key, err := v.Unlock(t.Context(), []byte("secret"))
		if err == nil {
			if !bytes.Equal(key.Bytes()[:16], im.VolumeKey[:16]) {
				t.Error("another key than was wrapped")
			}
			key.Close()
		}
	})
}

func FuzzHeader(f *testing.F) {
	f.Add(fvault2image.Make(fvault2image.Options{}).Bytes[:512])
	f.Fuzz(func(t *testing.T, p []byte) {
		if len(p) != fvault2.HeaderSize {
			return
		}
		if h, err := fvault2.ParseHeader(p); err == nil && (h.BlockSize < 512 || len(h.Labels) > 4) {
			t.Fatalf("%+v", h)
		}
	})
}
