// SPDX-License-Identifier: Apache-2.0

package luks1

import (
	"bytes"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/orthrus-luks/orthrus/test/vectors"
)

// sample is a valid header: aes-xts, 64-byte key, keyslots 0 and 6 enabled.
func sample(t testing.TB) Header {
	t.Helper()
	layout, err := NewLayout(64, Placement{})
	if err != nil {
		t.Fatal(err)
	}
	h := layout.Apply(Header{
		CipherName: "aes", CipherMode: "xts-plain64", HashSpec: "sha256",
		KeyBytes: 64, DigestIterations: 1000, UUID: "11111111-2222-4333-8444-666666666666",
	})
	fill(h.Digest[:], 1)
	fill(h.DigestSalt[:], 2)
	return h.WithKeyslot(0, 1000, salt(3)).WithKeyslot(6, 1001, salt(4))
}

func fill(b []byte, seed byte) {
	for i := range b {
		b[i] = seed ^ byte(i*7+1)
	}
}

func salt(seed byte) (s [SaltSize]byte) {
	fill(s[:], seed)
	return s
}

func encoded(t testing.TB, h Header) []byte {
	t.Helper()
	b, err := h.Encode()
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// dumped renders a header as luksDump does, white space reduced to single blanks.
func dumped(h Header) string {
	var b strings.Builder
	fmt.Fprintf(&b, "Version: 1 Cipher name: %s Cipher mode: %s Hash spec: %s ", h.CipherName, h.CipherMode, h.HashSpec)
	fmt.Fprintf(&b, "Payload offset: %d MK bits: %d ", h.PayloadOffset, h.KeyBytes*8)
	fmt.Fprintf(&b, "MK digest: % x MK salt: % x MK iterations: %d UUID: %s ", h.Digest, h.DigestSalt, h.DigestIterations, h.UUID)
	for i, k := range h.Keyslots {
		if !k.Enabled() {
			fmt.Fprintf(&b, "Key Slot %d: DISABLED ", i)
			continue
		}
		fmt.Fprintf(&b, "Key Slot %d: ENABLED Iterations: %d Salt: % x ", i, k.Iterations, k.Salt)
		fmt.Fprintf(&b, "Key material offset: %d AF stripes: %d ", k.Offset, k.Stripes)
	}
	return b.String()
}

func TestDecodeReadsWhatTheReferenceDumps(t *testing.T) {
	for _, m := range vectors.All() {
		if !m.LUKS1() {
			continue
		}
		image, _ := vectors.Open(m.Name)
		h, err := Decode(image)
		if err != nil {
			t.Fatalf("%s: %v", m.Name, err)
		}
		if err := h.Validate(m.Size); err != nil {
			t.Errorf("%s: %v", m.Name, err)
		}
		_, dump, _ := strings.Cut(vectors.Dump(m.Name), "\n")
		if want, got := strings.Join(strings.Fields(dump), " "), strings.TrimSpace(dumped(h)); got != want {
			t.Errorf("%s:\n got %s\nwant %s", m.Name, got, want)
		}
		if h.Encryption() != m.Encryption || int(h.KeyBytes) != len(m.VolumeKey) || int64(h.PayloadOffset)*SectorSize != m.DataOffset {
			t.Errorf("%s: %s, %d-byte key, data at sector %d", m.Name, h.Encryption(), h.KeyBytes, h.PayloadOffset)
		}
		if !bytes.Equal(encoded(t, h)[:HeaderSize], image[:HeaderSize]) {
			t.Errorf("%s: encoding it again gives other bytes", m.Name)
		}
		if g := h.Glitches(); len(g) != 0 {
			t.Errorf("%s: glitches in a healthy header: %v", m.Name, g)
		}
	}
}

func TestEncodePutsFieldsAtTheirOffsets(t *testing.T) {
	b := encoded(t, sample(t))
	if len(b) != ReservedSize {
		t.Fatalf("%d bytes", len(b))
	}
	for _, c := range []struct {
		at   int
		want string // hexadecimal
	}{
		{0, "4c554b53babe0001"},
		{8, hex.EncodeToString([]byte("aes\x00"))},
		{40, hex.EncodeToString([]byte("xts-plain64\x00"))},
		{72, hex.EncodeToString([]byte("sha256\x00"))},
		{104, "00001000" + "00000040"},
		{164, "000003e8"},
		{168, hex.EncodeToString([]byte("11111111-"))},
		{208, "00ac71f3" + "000003e8"},
		{248, "00000008" + "00000fa0"},
		{256, "0000dead" + "00000000"},
		{496, "00ac71f3" + "000003e9"},
		{536, "00000bd8" + "00000fa0"},
		{588, "00000fa0" + "00000000"},
	} {
		if got := hex.EncodeToString(b[c.at : c.at+len(c.want)/2]); got != c.want {
			t.Errorf("byte %d: %s, want %s", c.at, got, c.want)
		}
	}
}

func TestDecodeNamesTheFieldAtFault(t *testing.T) {
	for _, c := range []struct {
		name  string
		spoil func(b []byte) []byte
		kind  error
		field string
	}{
		{"empty", func([]byte) []byte { return nil }, ErrMagic, "magic"},
		{"zeros", func(b []byte) []byte { clear(b); return b }, ErrMagic, "magic"},
		{"secondary magic", func(b []byte) []byte { copy(b, "SKUL"); return b }, ErrMagic, "magic"},
		{"cut", func(b []byte) []byte { return b[:HeaderSize-1] }, ErrShort, "header"},
		{"LUKS2", func(b []byte) []byte { b[7] = 2; return b }, ErrVersion, "version"},
		{"version in the high byte", func(b []byte) []byte { b[6] = 1; return b }, ErrVersion, "version"},
		{"endless cipher", func(b []byte) []byte { fill(b[8:40], 0x80); return b }, ErrInvalid, "cipherName"},
		{"endless mode", func(b []byte) []byte { fill(b[40:72], 0x80); return b }, ErrInvalid, "cipherMode"},
		{"endless hash", func(b []byte) []byte { fill(b[72:104], 0x80); return b }, ErrInvalid, "hashSpec"},
		{"endless uuid", func(b []byte) []byte { copy(b[168:], strings.Repeat("u", 40)); return b }, ErrInvalid, "uuid"},
	} {
		_, err := Decode(c.spoil(encoded(t, sample(t))))
		var field *FieldError
		if !errors.As(err, &field) || !errors.Is(err, c.kind) || field.Field != c.field || field.Keyslot != NoKeyslot {
			t.Errorf("%s: %v, want %v in %s", c.name, err, c.kind, c.field)
		}
	}
}

func TestEncodeRefusesStringsThatDoNotFit(t *testing.T) {
	for name, h := range map[string]Header{
		"long uuid": sample(t).WithUUID(strings.Repeat("x", 40)),
		"NUL":       sample(t).WithUUID("a\x00b"),
	} {
		if _, err := h.Encode(); !errors.Is(err, ErrInvalid) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if _, err := sample(t).WithUUID(strings.Repeat("x", 39)).Encode(); err != nil {
		t.Errorf("39 bytes: %v", err)
	}
}

func TestKeyslotsAreEnabledAndDisabledInPlace(t *testing.T) {
	h := sample(t)
	if got := fmt.Sprint(h.EnabledKeyslots()); got != "[0 6]" {
		t.Errorf("enabled: %s", got)
	}
	if i, ok := h.FreeKeyslot(); i != 1 || !ok {
		t.Errorf("free: %d %v", i, ok)
	}
	dead := h.WithoutKeyslot(6)
	if k := dead.Keyslots[6]; k.Flag != Disabled || k.Salt != [SaltSize]byte{} || k.Iterations != 0 || k.Offset != h.Keyslots[6].Offset {
		t.Errorf("disabled keyslot: %+v", k)
	}
	full := h
	for i := range KeyslotCount {
		full = full.WithKeyslot(i, 1000, salt(byte(i)))
	}
	if _, ok := full.FreeKeyslot(); ok {
		t.Error("a full header has a free keyslot")
	}
	if offset, length := h.Material(1); offset != 512*512 || length != 500*512 {
		t.Errorf("material of keyslot 1: %d, %d bytes", offset, length)
	}
}

func FuzzDecode(f *testing.F) {
	good := encoded(f, sample(f))
	f.Add(good, int64(0))
	for _, name := range []string{"luks1-sha1", "luks1-ripemd"} {
		image, _ := vectors.Open(name)
		f.Add(image[:ReservedSize], int64(len(image)))
	}
	odd := bytes.Clone(good)
	binary.BigEndian.PutUint32(odd[offKeyslots+slotOffset:], 1<<32-1)
	f.Add(odd, int64(1<<40))
	f.Fuzz(func(t *testing.T, b []byte, size int64) {
		h, err := Decode(b)
		if err != nil {
			var field *FieldError
			if !errors.As(err, &field) {
				t.Fatalf("untyped error %v", err)
			}
			return
		}
		again, err := Decode(encoded(t, h))
		if err != nil || again != h {
			t.Fatalf("decoding the encoding: %v\n got %+v\nwant %+v", err, again, h)
		}
		_ = h.Validate(size)
		for _, g := range h.Glitches() {
			h = g.Mend(h)
		}
		for _, g := range h.Glitches() {
			if g.Cause != ForeignOffset && g.Cause != ForeignStripes {
				t.Fatalf("%v survives its mending", g.Cause)
			}
		}
	})
}
