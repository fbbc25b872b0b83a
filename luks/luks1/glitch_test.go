// SPDX-License-Identifier: Apache-2.0

package luks1

import (
	"fmt"
	"testing"
)

func TestGlitchesAreNamedAndMended(t *testing.T) {
	for _, c := range []struct {
		name  string
		spoil func(h *Header)
		want  string // the glitches; "" none
	}{
		{"healthy", func(*Header) {}, ""},
		{"ecb", func(h *Header) { h.CipherMode = "ecb-plain" }, "ECB mode with an initialisation vector: -1 cipherMode ecb-plain->ecb"},
		{"plain ecb", func(h *Header) { h.CipherMode = "ecb" }, ""},
		{"hash", func(h *Header) { h.HashSpec = "SHA256" }, "hash in upper case: -1 hashSpec SHA256->sha256"},
		{"offset", func(h *Header) { h.Keyslots[2].Offset = 0 }, "wrong place of key material: 2 keyMaterialOffset 0->1016"},
		{"stripes", func(h *Header) { h.Keyslots[2].Stripes = 0 }, "wrong number of stripes: 2 stripes 0->4000"},
		{"enabled keyslot", func(h *Header) { h.Keyslots[0].Stripes = 0 }, ""},
		{"disabled flag", func(h *Header) { h.Keyslots[3].Flag = 0xDEAC }, "unknown keyslot flag: 3 active 0x0000deac->0x0000dead"},
		{"enabled flag", func(h *Header) { h.Keyslots[6].Flag = 0xAC71F2 }, "unknown keyslot flag: 6 active 0x00ac71f2->0x00ac71f3"},
		{
			"unusual layout", func(h *Header) { h.Keyslots[0].Offset, h.Keyslots[2].Offset = 9, 0 },
			"",
		},
		{"unusual key", func(h *Header) { h.KeyBytes, h.Keyslots[2].Offset = 48, 0 }, ""},
	} {
		h := sample(t)
		c.spoil(&h)
		got := ""
		for _, g := range h.Glitches() {
			got += fmt.Sprintf("%v: %d %s %s->%s", g.Cause, g.Keyslot, g.Field, g.Was, g.Becomes)
		}
		if got != c.want {
			t.Errorf("%s:\n got %s\nwant %s", c.name, got, c.want)
		}
		if c.want != "" && mended(h).Validate(0) != nil {
			t.Errorf("%s: not valid after mending: %v", c.name, mended(h).Validate(0))
		}
	}
}

func mended(h Header) Header {
	for _, g := range h.Glitches() {
		h = g.Mend(h)
	}
	return h
}

func TestPartitionTableOverDisabledKeyslotsIsMended(t *testing.T) {
	want := sample(t).WithoutKeyslot(6)
	b := encoded(t, want)
	clear(b[446:510])
	b[446] = 0x80
	b[510], b[511] = 0x55, 0xAA
	h, err := Decode(b)
	if err != nil {
		t.Fatal(err)
	}
	if h.Validate(0) == nil {
		t.Fatal("the damage goes unnoticed")
	}
	if got := mended(h); got != want {
		t.Fatalf("mended:\n got %+v\nwant %+v", got, want)
	}
}

func TestPartitionTableOverAnEnabledKeyslotIsLeftAlone(t *testing.T) {
	h := sample(t)
	h.Keyslots[6].Salt[6], h.Keyslots[6].Salt[7] = 0x55, 0xAA
	if g := h.Glitches(); len(g) != 0 {
		t.Fatalf("%v", g)
	}
}
