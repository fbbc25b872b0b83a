// SPDX-License-Identifier: Apache-2.0

package luks_test

import (
	"bytes"
	"errors"
	"io"
	"testing"

	"github.com/orthrus-luks/orthrus/luks"
	"github.com/orthrus-luks/orthrus/test/vectors"
)

func TestRecordedDataDecrypts(t *testing.T) {
	for _, m := range vectors.All() {
		t.Run(m.Name, func(t *testing.T) {
			image, _ := vectors.Open(m.Name)
			dev := &memory{image: image}
			v, err := luks.Load(ctx, dev)
			if err != nil {
				t.Fatal(err)
			}
			p, err := v.Plaintext(dev, unlock(t, v, vectors.K0))
			if err != nil {
				t.Fatal(err)
			}
			defer p.Close()
			want := make([]byte, 0, p.Size())
			for i := range uint64(p.Size() / 512) {
				want = append(want, vectors.PlainSector(i)...)
			}
			if len(want) != 128<<10 {
				t.Fatalf("%d bytes of data", len(want))
			}
			for _, r := range []struct{ off, n int64 }{{0, 512}, {0, 128 << 10}, {1, 1}, {511, 2}, {4095, 4098}, {100000, 20000}} {
				got := make([]byte, r.n)
				if n, err := p.ReadAt(got, r.off); err != nil || int64(n) != r.n || !bytes.Equal(got, want[r.off:r.off+r.n]) {
					t.Errorf("%d bytes at %d: %d, %v", r.n, r.off, n, err)
				}
			}
			if n, err := p.ReadAt(make([]byte, 100), p.Size()-10); n != 10 || !errors.Is(err, io.EOF) {
				t.Errorf("over the end: %d, %v", n, err)
			}
			if n, err := p.ReadAt(make([]byte, 1), p.Size()); n != 0 || !errors.Is(err, io.EOF) {
				t.Errorf("at the end: %d, %v", n, err)
			}
		})
	}
}

func TestPlaintextWritesAtAnyPlaceAndNowhereElse(t *testing.T) {
	dev, v := formatted(t, 2)
	p, err := v.Plaintext(dev, unlock(t, v, "one"))
	if err != nil {
		t.Fatal(err)
	}
	defer p.Close()
	want := make([]byte, p.Size())
	if _, err := p.ReadAt(want, 0); err != nil {
		t.Fatal(err)
	}
	head := bytes.Clone(dev.image[:v.Data.Offset])
	for _, w := range []struct{ off, n int64 }{{0, 1}, {511, 2}, {512, 512}, {70000, 5000}, {p.Size() - 3, 3}} {
		piece := bytes.Repeat([]byte{byte(w.off)}, int(w.n))
		if n, err := p.WriteAt(piece, w.off); err != nil || int64(n) != w.n {
			t.Fatalf("%d bytes at %d: %d, %v", w.n, w.off, n, err)
		}
		copy(want[w.off:], piece)
	}
	got := make([]byte, p.Size())
	if _, err := p.ReadAt(got, 0); err != nil || !bytes.Equal(got, want) {
		t.Errorf("data differs, %v", err)
	}
	if !bytes.Equal(head, dev.image[:v.Data.Offset]) {
		t.Error("the header was written to")
	}
	writes := dev.writes
	if _, err := p.WriteAt(make([]byte, 4), p.Size()-3); !errors.Is(err, io.ErrShortWrite) || dev.writes != writes {
		t.Errorf("over the end: %v", err)
	}
}
