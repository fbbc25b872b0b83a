// SPDX-License-Identifier: Apache-2.0

package luks1

import (
	"errors"
	"testing"
)

func TestValidateNamesTheFirstBrokenRule(t *testing.T) {
	const device = 4 << 20
	for _, c := range []struct {
		name  string
		spoil func(h *Header)
		kind  error // nil: valid
		field string
		slot  int
	}{
		{"healthy", func(*Header) {}, nil, "", 0},
		{"detached", func(h *Header) { h.PayloadOffset = 0 }, nil, "", 0},
		{"upper-case hash", func(h *Header) { h.HashSpec = "SHA256" }, nil, "", 0},
		{"rotten uuid", func(h *Header) { h.UUID = "\x01\xff" }, nil, "", 0},
		{"unknown flag", func(h *Header) { h.Keyslots[3].Flag = 0xDEADBEEF }, nil, "", 0},
		{"mode without IV", func(h *Header) { h.CipherMode = "" }, nil, "", 0},
		{"payload right behind the material", func(h *Header) { h.PayloadOffset = 3536 + 500 }, nil, "", 0},

		{"no cipher", func(h *Header) { h.CipherName = "" }, ErrInvalid, "cipherName", NoKeyslot},
		{"control character", func(h *Header) { h.CipherMode = "xts\x1b[2J" }, ErrInvalid, "cipherMode", NoKeyslot},
		{"blank", func(h *Header) { h.CipherName = "aes 1" }, ErrInvalid, "cipherName", NoKeyslot},
		{"unknown hash", func(h *Header) { h.HashSpec = "sha257" }, ErrHash, "hashSpec", NoKeyslot},
		{"short hash", func(h *Header) { h.HashSpec = "md5" }, ErrHash, "hashSpec", NoKeyslot},
		{"no key", func(h *Header) { h.KeyBytes = 0 }, ErrInvalid, "keyBytes", NoKeyslot},
		{"huge key", func(h *Header) { h.KeyBytes = 513 }, ErrInvalid, "keyBytes", NoKeyslot},
		{"key overflowing 32 bits", func(h *Header) { h.KeyBytes = 1<<32 - 1 }, ErrInvalid, "keyBytes", NoKeyslot},
		{"no digest", func(h *Header) { h.DigestIterations = 0 }, ErrInvalid, "mkDigestIterations", NoKeyslot},
		{"stripes of a disabled keyslot", func(h *Header) { h.Keyslots[5].Stripes = 4001 }, ErrInvalid, "stripes", 5},
		{"material in the header", func(h *Header) { h.Keyslots[0].Offset = 1 }, ErrInvalid, "keyMaterialOffset", 0},
		{"material in the data", func(h *Header) { h.PayloadOffset = 3536 + 499 }, ErrOverlap, "keyMaterialOffset", 7},
		{"material at the end of numbers", func(h *Header) { h.Keyslots[4].Offset = 1<<32 - 1 }, ErrOverlap, "keyMaterialOffset", 4},
		{"overlap", func(h *Header) { h.Keyslots[2].Offset = 512 + 499 }, ErrOverlap, "keyMaterialOffset", 2},
		{"longer key", func(h *Header) { h.KeyBytes = 65 }, ErrOverlap, "keyMaterialOffset", 1},
		{"one place for two", func(h *Header) { h.Keyslots[2].Offset = h.Keyslots[1].Offset }, ErrOverlap, "keyMaterialOffset", 2},
		{"detached, beyond the device", func(h *Header) { h.PayloadOffset, h.Keyslots[1].Offset = 0, 1<<32-1 }, ErrTooSmall, "keyMaterialOffset", 1},
	} {
		h := sample(t)
		c.spoil(&h)
		err := h.Validate(device)
		if c.kind == nil {
			if err != nil || len(h.Problems(device)) != 0 {
				t.Errorf("%s: %v", c.name, err)
			}
			continue
		}
		var field *FieldError
		if !errors.As(err, &field) || !errors.Is(err, c.kind) || field.Field != c.field || field.Keyslot != c.slot {
			t.Errorf("%s: %v, want %v in %s of keyslot %d", c.name, err, c.kind, c.field, c.slot)
		}
	}
}

func TestValidateMeasuresTheDeviceByTheMaterialAlone(t *testing.T) {
	h := sample(t)
	const end = (3536 + 500) * SectorSize
	for size, want := range map[int64]error{0: nil, end: nil, end - 1: ErrTooSmall} {
		if err := h.Validate(size); !errors.Is(err, want) {
			t.Errorf("device of %d bytes: %v, want %v", size, err, want)
		}
	}
}

func TestProblemsListsEveryBrokenRule(t *testing.T) {
	h := sample(t)
	h.HashSpec, h.KeyBytes, h.Keyslots[1].Stripes = "none", 0, 1
	if got := h.Problems(0); len(got) != 3 || got[0].Field != "hashSpec" || got[2].Keyslot != 1 {
		t.Fatalf("problems: %v", got)
	}
}

func TestLayoutsFollowTheReference(t *testing.T) {
	for _, c := range []struct {
		key             uint32
		place           Placement
		second, last    uint32
		payload         uint32
		refused         error
		valid, detached bool
	}{
		{key: 16, second: 136, last: 8 + 7*128, payload: 2048},
		{key: 32, second: 264, last: 1800, payload: 4096},
		{key: 64, second: 512, last: 3536, payload: 4096},
		{key: 32, place: Placement{Alignment: 8}, second: 264, last: 1800, payload: 2056},
		{key: 16, place: Placement{Alignment: 8}, second: 136, last: 904, payload: 1032},
		{key: 32, place: Placement{Shift: 7}, second: 264, last: 1800, payload: 4103},
		{key: 64, place: Placement{Payload: 8192}, second: 512, last: 3536, payload: 8192},
		{key: 64, place: Placement{Detached: true}, second: 512, last: 3536, payload: 0},
		{key: 64, place: Placement{Payload: 4039}, refused: ErrInvalid},
		{key: 64, place: Placement{Payload: 4040}, second: 512, last: 3536, payload: 4040},
		{key: 64, place: Placement{Alignment: 1 << 31, Shift: 1 << 31}, refused: ErrInvalid},
		{key: 0, refused: ErrInvalid},
		{key: 1 << 31, refused: ErrInvalid},
	} {
		l, err := NewLayout(c.key, c.place)
		if !errors.Is(err, c.refused) {
			t.Errorf("key of %d bytes, %+v: %v, want %v", c.key, c.place, err, c.refused)
		}
		if err != nil {
			continue
		}
		if l.Material[0] != 8 || l.Material[1] != c.second || l.Material[7] != c.last || l.Payload != c.payload {
			t.Errorf("key of %d bytes, %+v: %+v", c.key, c.place, l)
		}
		h := sample(t)
		h.KeyBytes = c.key
		if err := l.Apply(h).Validate(0); err != nil {
			t.Errorf("key of %d bytes, %+v: %v", c.key, c.place, err)
		}
	}
}
