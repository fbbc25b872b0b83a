// SPDX-License-Identifier: Apache-2.0

package luks2

import (
	"bytes"
	"encoding/json"
	"slices"
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

// FuzzObject: objects, lists and their compact text are what encoding/json makes of them.
func FuzzObject(f *testing.F) {
	for _, text := range []string{
		plainText, `{}`, ` { } `, `[]`, `{"a":1,"a":2}`, "{\"\\u0041\\\"\" : [ {\"x\":null} ,-1.5e3, \"\\\\\" ] ,\t\"\xff\":true}",
		`{"a":[1,[2,"]"],{"}":"{"}]}`, `{"a"}`, `{"a":}`, `{`, `[1,2`, `"x"`, `7`, `{"a":"\`, "",
	} {
		f.Add([]byte(text))
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		o, err := parseObject(text)
		if want, ok := decodedObject(text); ok != (err == nil) {
			t.Fatalf("accepted: %v, by encoding/json: %v; %v", err == nil, ok, err)
		} else if ok && !slices.EqualFunc(o.members, want, sameMember) {
			t.Fatalf("members %q, want %q", o.members, want)
		}
		if list, err := splitList(text); err == nil && json.Valid(text) {
			var want []json.RawMessage
			if err := json.Unmarshal(text, &want); err != nil || !slices.EqualFunc(list, want, slices.Equal) {
				t.Fatalf("elements %q, want %q, %v", list, want, err)
			}
		}
		var want bytes.Buffer
		if json.Compact(&want, text) == nil && !bytes.Equal(appendCompact(nil, text), want.Bytes()) {
			t.Fatalf("compact %q, want %q", appendCompact(nil, text), want.Bytes())
		}
	})
}

func sameMember(a, b member) bool { return a.key == b.key && bytes.Equal(a.value, b.value) }

// decodedObject reads an object token by token.
func decodedObject(text []byte) ([]member, bool) {
	if !json.Valid(text) {
		return nil, false
	}
	dec := json.NewDecoder(bytes.NewReader(text))
	if open, err := dec.Token(); err != nil || open != json.Delim('{') {
		return nil, false
	}
	var o object
	for dec.More() {
		key, err := dec.Token()
		var value json.RawMessage
		if err != nil || dec.Decode(&value) != nil {
			return nil, false
		}
		o.set(key.(string), value)
	}
	return o.members, len(o.members) <= maxMembers
}
