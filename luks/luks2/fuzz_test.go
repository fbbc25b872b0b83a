// SPDX-License-Identifier: Apache-2.0

package luks2

import (
	"bytes"
	"testing"

	"github.com/orthrus-luks/orthrus/test/vectors"
)

// FuzzMetadata: what parses and validates keeps its meaning through a rewrite.
func FuzzMetadata(f *testing.F) {
	f.Add([]byte(plainText))
	for _, m := range vectors.All() {
		if m.LUKS1() {
			continue
		}
		image, _ := vectors.Open(m.Name)
		if c, err := Decode(image, 0); err == nil {
			f.Add(c.Metadata.Text())
		}
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		m, err := ParseMetadata(text)
		if err != nil || m.Validate(MinSize) != nil {
			return
		}
		again, err := ParseMetadata(m.Text())
		if err != nil {
			t.Fatalf("own text does not parse: %v", err)
		}
		if !m.Equal(again) || again.Validate(MinSize) != nil {
			t.Fatal("own text has another meaning")
		}
		for _, slot := range m.Keyslots() {
			if slot.Area.Offset < 2*MinSize || slot.Area.End() < slot.Area.Offset {
				t.Fatalf("keyslot %d at %d+%d passed", slot.ID, slot.Area.Offset, slot.Area.Size)
			}
		}
		_, _ = m.DefaultSegment()
		m.Holes(MinSize)
	})
}

// FuzzHeader: a decoded binary header encodes to the same fields.
func FuzzHeader(f *testing.F) {
	image, _ := vectors.Open("luks2-argon2id-4096")
	f.Add(image[:512], uint64(0))
	f.Add(image[MinSize:MinSize+512], uint64(MinSize))
	f.Fuzz(func(t *testing.T, p []byte, at uint64) {
		h, err := DecodeHeader(p, at)
		if err != nil {
			return
		}
		again, err := DecodeHeader(h.append(nil), at)
		if err != nil || again != h {
			t.Fatalf("%+v became %+v, %v", h, again, err)
		}
		if !bytes.Equal(h.append(nil), again.append(nil)) {
			t.Fatal("unstable encoding")
		}
	})
}
