// SPDX-License-Identifier: Apache-2.0

package keys

import (
	"bytes"
	"errors"
	"testing"

	"github.com/orthrus-luks/orthrus/luks/commit"
	"github.com/orthrus-luks/orthrus/luks/kdf"
	"github.com/orthrus-luks/orthrus/luks/luks1"
	"github.com/orthrus-luks/orthrus/luks/luks2"
	"github.com/orthrus-luks/orthrus/luks/unlock"
	"github.com/orthrus-luks/orthrus/luks/view"
)

// cheap is sealed with the least costs.
func cheap(t *testing.T, v view.View) Sealed {
	t.Helper()
	n := New{KDF: kdf.Params{Type: kdf.PBKDF2, Hash: "sha256", Iterations: 1000}}
	s, err := Seal(t.Context(), v, make([]byte, 32), []byte("passphrase"), n)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func luks1Header(t *testing.T) luks1.Header {
	t.Helper()
	parts, err := luks1.NewLayout(32, luks1.Placement{Alignment: 2048})
	if err != nil {
		t.Fatal(err)
	}
	return parts.Apply(luks1.Header{
		CipherName: "aes", CipherMode: "xts-plain64", HashSpec: "sha256", KeyBytes: 32, DigestIterations: 1000,
		UUID: "11111111-2222-4333-8444-555555555555",
	})
}

func TestLUKS1KeyslotsAreTakenFromTheLowestOn(t *testing.T) {
	h := luks1Header(t)
	s := cheap(t, view.View{Version: 1, LUKS1: h})
	for want := range luks1.KeyslotCount {
		c, id, err := Add1(h, s, unlock.Slot{})
		offset, length := h.Material(want)
		if err != nil || id != want || !c.Next.Keyslots[id].Enabled() || len(c.Before) != 1 ||
			c.Before[0].Offset != uint64(offset) || int64(len(c.Before[0].Bytes)) > length {
			t.Fatalf("keyslot %d: %d, %v", want, id, err)
		}
		if _, _, err := Add1(c.Next, s, unlock.At(want)); !errors.Is(err, luks2.ErrTaken) {
			t.Errorf("keyslot %d once more: %v", want, err)
		}
		h = c.Next
	}
	for _, id := range []int{unlock.AnyKeyslot, luks1.KeyslotCount, -2} {
		if _, _, err := Add1(h, s, unlock.At(id)); !errors.Is(err, luks2.ErrNoID) {
			t.Errorf("keyslot %d: %v", id, err)
		}
	}
}

func TestErasingWipesTheMaterialOfEachKeyslot(t *testing.T) {
	h := luks1Header(t)
	s := cheap(t, view.View{Version: 1, LUKS1: h})
	h = s.Enable(s.Enable(h, 2), 5)
	c, err := Erase1(h)
	if err != nil || len(c.Next.EnabledKeyslots()) != 0 || len(c.Before) != 2 {
		t.Fatalf("%d keyslots, %d areas, %v", len(c.Next.EnabledKeyslots()), len(c.Before), err)
	}
	for i, id := range []int{2, 5} {
		if offset, length := h.Material(id); !covers(c.Before[i], offset, length) {
			t.Errorf("keyslot %d: %d bytes at %d", id, len(c.Before[i].Bytes), c.Before[i].Offset)
		}
	}
	one, err := Kill1(h, commit.Expect{}, 2)
	if offset, length := h.Material(2); err != nil || !covers(one.Before[0], offset, length) ||
		one.Next.Keyslots[2].Enabled() || !one.Next.Keyslots[5].Enabled() {
		t.Errorf("killing one: %v", err)
	}
}

// covers tells whether an area is that range, and random.
func covers(a commit.Area, offset, length int64) bool {
	return a.Offset == uint64(offset) && int64(len(a.Bytes)) == length && !bytes.Equal(a.Bytes, make([]byte, length))
}

func TestLUKS2KeyslotsGetAreasOfTheirOwn(t *testing.T) {
	m := luks2.NewMetadata(luks2.MinSize, 1<<20)
	segment := m.AddCrypt(luks2.Segment{Offset: 2 << 20, Dynamic: true, Encryption: "aes-xts-plain64", SectorSize: 512})
	digest, err := m.AddDigest(luks2.Digest{
		Type: "pbkdf2", Segments: []int{segment}, Hash: "sha256", Iterations: 1000, Salt: make([]byte, 32),
		Value: make([]byte, 32),
	})
	if err != nil {
		t.Fatal(err)
	}
	now := luks2.Copy{Header: luks2.Header{Size: luks2.MinSize}, Metadata: m}
	s := cheap(t, view.View{Version: 2, Data: view.Data{Cipher: "aes-xts-plain64", KeySize: 32}})
	var taken []luks2.Extent
	for {
		c, id, err := Add(now, s, New{}, Bound(digest))
		if errors.Is(err, luks2.ErrNoRoom) {
			break
		}
		if err != nil || id != len(taken) {
			t.Fatalf("keyslot %d: %v", id, err)
		}
		area := c.Before[0].Extent()
		for _, other := range taken {
			if area.Overlaps(other) {
				t.Errorf("keyslot %d at %+v, another at %+v", id, area, other)
			}
		}
		if d, found := c.Next.Metadata.DigestOfKeyslot(id); !found || d.ID != digest {
			t.Errorf("keyslot %d has no digest", id)
		}
		taken, now = append(taken, area), c.Next
	}
	if len(taken) != 8 {
		t.Errorf("%d keyslots in 1 MiB", len(taken))
	}
}
