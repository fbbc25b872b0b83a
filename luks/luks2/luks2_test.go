// SPDX-License-Identifier: Apache-2.0

package luks2

import (
	"bytes"
	"errors"
	"strings"
	"testing"

	"github.com/orthrus-luks/orthrus/test/vectors"
)

// recorded yields every LUKS2 volume made by cryptsetup.
func recorded(t *testing.T, visit func(t *testing.T, name string, image []byte)) {
	t.Helper()
	count := 0
	for _, m := range vectors.All() {
		if m.LUKS1() {
			continue
		}
		count++
		image, _ := vectors.Open(m.Name)
		t.Run(m.Name, func(t *testing.T) { visit(t, m.Name, image) })
	}
	if count == 0 {
		t.Fatal("no recorded LUKS2 volume")
	}
}

func TestRecordedCopiesDecodeAndEncodeToTheSameBytes(t *testing.T) {
	recorded(t, func(t *testing.T, _ string, image []byte) {
		primary, err := Decode(image, 0)
		if err != nil {
			t.Fatal(err)
		}
		at := primary.Header.Size
		secondary, err := Decode(image[at:], at)
		if err != nil {
			t.Fatal(err)
		}
		if !primary.Metadata.Equal(secondary.Metadata) || primary.Header.SeqID != secondary.Header.SeqID {
			t.Error("the copies differ")
		}
		for _, c := range []Copy{primary, secondary} {
			encoded, err := Encode(c)
			if err != nil {
				t.Fatal(err)
			}
			if !bytes.Equal(encoded, image[c.Header.Offset:c.Header.Offset+c.Header.Size]) {
				t.Errorf("copy at %d: encoding changed the bytes", c.Header.Offset)
			}
		}
	})
}

func TestViewsOfARecordedVolume(t *testing.T) {
	image, _ := vectors.Open("luks2-metadata-64k")
	c, err := Decode(image, 0)
	if err != nil {
		t.Fatal(err)
	}
	m := c.Metadata
	slot, err := m.Keyslot(1)
	if err != nil {
		t.Fatal(err)
	}
	if slot.Priority != PriorityPrefer || slot.Area.Offset != 389120 || slot.Area.Encryption != "aes-xts-plain64" ||
		slot.KDF.Type != "pbkdf2" || slot.KDF.Iterations != 1000 || len(slot.KDF.Salt) != 32 || slot.AF.Stripes != 4000 {
		t.Errorf("keyslot 1: %+v", slot)
	}
	if d, ok := m.DigestOfKeyslot(1); !ok || d.ID != 0 || len(d.Value) != 32 {
		t.Errorf("digest: %+v", d)
	}
	if token, err := m.Token(7); err != nil || token.Type != "vendor-unknown" || token.Keyslots[0] != 1 {
		t.Errorf("token 7: %v %v", token.Type, err)
	}
	if m.DataOffset() != 1<<20 || m.KeyslotsSize() != 786432 {
		t.Errorf("data at %d, keyslots %d", m.DataOffset(), m.KeyslotsSize())
	}
	if size, dynamic := m.DataSize(); size != 0 || !dynamic {
		t.Errorf("data size %d %v", size, dynamic)
	}
	want := Extent{Offset: 131072 + 2*258048, Size: 258048}
	if got, err := m.FindArea(c.Header.Size, want.Size); err != nil || got != want {
		t.Errorf("free area %+v %v, want %+v", got, err, want)
	}
	var room *RoomError
	if _, err := m.FindArea(c.Header.Size, 1<<20); !errors.As(err, &room) || !errors.Is(err, ErrNoRoom) || room.Available != 786432-2*258048 {
		t.Errorf("oversized area: %v", err)
	}
}

func TestBinaryHeaderFieldsWrongInTurn(t *testing.T) {
	image, _ := vectors.Open("luks2-argon2id-4096")
	cases := []struct {
		name string
		at   int
		to   string
		kind error
	}{
		{"magic wiped", atMagic, "\x00\x00\x00\x00\x00\x00", ErrMagic},
		{"magic of the secondary", atMagic, SecondaryMagic, ErrMagic},
		{"version 3", atVersion, "\x00\x03", ErrVersion},
		{"size below the smallest", atSize, "\x00\x00\x00\x00\x00\x00\x20\x00", ErrSize},
		{"size above the largest", atSize, "\x00\x00\x00\x00\x00\x80\x00\x00", ErrSize},
		{"size at the edge of 64 bits", atSize, "\xff\xff\xff\xff\xff\xff\xf0\x00", ErrSize},
		{"size of another class", atSize, "\x00\x00\x00\x00\x00\x00\x80\x00", ErrChecksum},
		{"offset of the secondary", atOffset, "\x00\x00\x00\x00\x00\x00\x40\x00", ErrOffset},
		{"seqid", atSeqID, "\x01", ErrChecksum},
		{"label", atLabel, "x", ErrChecksum},
		{"unknown checksum algorithm", atAlgorithm, "md4\x00", ErrChecksum},
		{"salt", atSalt, "\x00\x00", ErrChecksum},
		{"uuid", atUUID, "zzzz", ErrChecksum},
		{"subsystem", atSubsystem, "x", ErrChecksum},
		{"padding", atOffset + 8, "x", ErrChecksum},
		{"checksum", atChecksum, "\x00\x01", ErrChecksum},
		{"padding behind the checksum", endChecksum, "x", ErrChecksum},
		{"JSON", BinarySize + 1, " ", ErrChecksum},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			broken := bytes.Clone(image)
			copy(broken[c.at:], c.to)
			_, err := Decode(broken, 0)
			if !errors.Is(err, c.kind) {
				t.Errorf("error %v, want %v", err, c.kind)
			}
			if strings.ContainsAny(err.Error(), "\n\x00") {
				t.Errorf("not one clean line: %q", err)
			}
		})
	}
}

func TestTruncatedCopiesAreDamagedAtEveryLength(t *testing.T) {
	image, _ := vectors.Open("luks2-argon2id-4096")
	for n := range MinSize {
		if _, err := Decode(image[:n], 0); err == nil {
			t.Fatalf("%d bytes decoded", n)
		}
	}
}

func TestForeignPaddingIsAcceptedWithATrueChecksumAndZeroedOnRewrite(t *testing.T) {
	image, _ := vectors.Open("luks2-argon2id-4096")
	odd := bytes.Clone(image[:MinSize])
	odd[1000] = 0xaa
	sum, err := checksum("sha256", odd)
	if err != nil {
		t.Fatal(err)
	}
	copy(odd[atChecksum:], sum)
	c, err := Decode(odd, 0)
	if err != nil {
		t.Fatal(err)
	}
	clean, err := Encode(c)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(clean, image[:MinSize]) {
		t.Error("rewrite kept the padding or changed something else")
	}
}

func TestJSONAreaSyntax(t *testing.T) {
	image, _ := vectors.Open("luks2-argon2id-4096")
	c, err := Decode(image, 0)
	if err != nil {
		t.Fatal(err)
	}
	text := c.Metadata.Text()
	area := func(prefix string, body []byte, suffix string) []byte {
		out := make([]byte, MinSize-BinarySize)
		copy(out, prefix+string(body)+suffix)
		return out
	}
	full := bytes.Repeat([]byte{' '}, MinSize-BinarySize)
	copy(full, text)
	deep := []byte(strings.Replace(string(text), `"config"`, `"x":`+strings.Repeat("[", 33)+strings.Repeat("]", 33)+`,"config"`, 1))
	cases := []struct {
		name string
		area []byte
		ok   bool
	}{
		{"as written", area("", text, ""), true},
		{"white space inside", area("", bytes.Replace(text, []byte(`"keyslots":{`), []byte("\"keyslots\" : \n{"), 1), ""), true},
		{"leading space", area(" ", text, ""), false},
		{"text behind the NUL", area("", text, "\x00x"), false},
		{"space behind the brace", area("", text, " \t\r\n"), true},
		{"other white space behind the brace", area("", text, "\v"), false},
		{"text behind space", area("", text, " x"), false},
		{"second object", area("", text, "{}"), false},
		{"no NUL", full, false},
		{"no closing brace", area("", text[:len(text)-1], ""), false},
		{"an array", area("", []byte("[]"), ""), false},
		{"empty", area("", nil, ""), false},
		{"too deep", area("", deep, ""), false},
	}
	for _, tc := range cases {
		t.Run(tc.name, func(t *testing.T) {
			_, err := parseArea(tc.area)
			if (err == nil) != tc.ok {
				t.Errorf("error %v, want ok %v", err, tc.ok)
			}
			if err != nil && !errors.Is(err, ErrJSON) {
				t.Errorf("kind: %v", err)
			}
		})
	}
}
