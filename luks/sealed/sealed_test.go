// SPDX-License-Identifier: Apache-2.0

package sealed

import (
	"bytes"
	"errors"
	"testing"
)

type note struct {
	Text string `json:"text"`
}

var magic = Magic([]byte("orthrus test 1\n\x00"))

func TestWhatIsSealedComesBack(t *testing.T) {
	p, err := Encode(magic, note{"two"}, []byte("ab"), []byte("cde"))
	if err != nil {
		t.Fatal(err)
	}
	var got note
	body, err := Decode(magic, p, &got)
	if err != nil || got.Text != "two" || !bytes.Equal(body, []byte("abcde")) {
		t.Errorf("%v, %+v, %q", err, got, body)
	}
}

func TestEveryChangedByteIsNoticed(t *testing.T) {
	p, err := Encode(magic, note{"x"}, []byte("body"))
	if err != nil {
		t.Fatal(err)
	}
	for i := range p {
		p[i] ^= 0x20
		if _, err := Decode(magic, p, &note{}); !errors.Is(err, ErrFormat) {
			t.Errorf("byte %d: %v", i, err)
		}
		p[i] ^= 0x20
		if _, err := Decode(magic, p[:i], &note{}); !errors.Is(err, ErrFormat) {
			t.Errorf("%d bytes: %v", i, err)
		}
	}
}

func FuzzDecode(f *testing.F) {
	p, err := Encode(magic, note{"x"}, []byte("body"))
	if err != nil {
		f.Fatal(err)
	}
	f.Add(p)
	f.Add(p[:30])
	f.Fuzz(func(t *testing.T, p []byte) {
		var n note
		body, err := Decode(magic, p, &n)
		if err != nil {
			return
		}
		if len(body) > len(p) {
			t.Errorf("%d bytes out of %d", len(body), len(p))
		}
	})
}
