// SPDX-License-Identifier: Apache-2.0

package far

import (
	"bytes"
	"reflect"
	"testing"

	"github.com/orthrus-luks/orthrus/luks/luks2"
)

// FuzzLocator: no bytes make Decode fail otherwise than with an error, and what it accepts encodes to
// the same bytes.
func FuzzLocator(f *testing.F) {
	l := example()
	for _, l := range []Locator{l, New(l.UUID, l.Place, l.Contents, l.DeviceSize), l.Successor(Contents{8, l.Parts[:2]}, l.DeviceSize)} {
		p, err := l.Encode()
		if err != nil {
			f.Fatal(err)
		}
		f.Add(p[:atSum])
	}
	f.Fuzz(func(t *testing.T, fields []byte) {
		p := make([]byte, SlotSize)
		copy(p, fields)
		resum(p)
		got, err := decodeSlot(p, l.Place.Locator)
		if err != nil {
			return
		}
		again, err := got.Encode()
		if err != nil || !bytes.Equal(again, p) {
			t.Fatalf("accepted, and encodes to other bytes: %v", err)
		}
		if next, err := got.Successor(got.Contents, got.DeviceSize).Encode(); err != nil {
			t.Fatalf("no successor: %v, %x", err, next)
		}
		if got.Place.Body.Size <= 1<<20 {
			got.Verify(make([]byte, got.Place.Body.Size))
		}
	})
}

// FuzzToken: what is accepted comes back as it was; nothing panics.
func FuzzToken(f *testing.F) {
	for _, phase := range phases {
		text, err := Token{Phase: phase, DeviceSize: 1 << 40}.Encode()
		if err != nil {
			f.Fatal(err)
		}
		f.Add([]byte(text))
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		m := luks2.NewMetadata(luks2.MinSize, 1<<20)
		if m.SetToken(3, text) != nil {
			return
		}
		got, _, found, err := Find(m)
		if err != nil || !found {
			return
		}
		_ = got.Check(16<<20, 1<<40)
		if err := Put(m, got); err != nil {
			t.Fatal(err)
		}
		if again, _, _, err := Find(m); err != nil || !reflect.DeepEqual(again, got) {
			t.Fatalf("%+v became %+v, %v", got, again, err)
		}
	})
}
