// SPDX-License-Identifier: Apache-2.0

package convert

import (
	"errors"
	"fmt"
	"testing"

	"github.com/orthrus-luks/orthrus/luks/luks1"
	"github.com/orthrus-luks/orthrus/luks/luks2"
)

// volume1 is a LUKS1 header with the keyslots enabled and the data beginning at a sector; 0 for the
// usual place.
func volume1(t *testing.T, keyBytes uint32, payload uint32, enabled ...int) luks1.Header {
	t.Helper()
	layout, err := luks1.NewLayout(keyBytes, luks1.Placement{Payload: payload})
	if err != nil {
		t.Fatal(err)
	}
	h := layout.Apply(luks1.Header{
		CipherName: "aes", CipherMode: "xts-plain64", HashSpec: "sha256", KeyBytes: keyBytes, DigestIterations: 1000,
		UUID: "11111111-2222-4333-8444-555555555555",
	})
	for _, id := range enabled {
		h = h.WithKeyslot(id, 1000+uint32(id), [luks1.SaltSize]byte{byte(id + 1)})
	}
	if err := h.Validate(0); err != nil {
		t.Fatal(err)
	}
	return h
}

// walkUp replays a plan: each LUKS1 step copies to a place that no enabled keyslot lies at and leaves
// a valid header; the heads meet nothing; the moves arrive.
func walkUp(t *testing.T, h luks1.Header, up Up) map[int]uint64 {
	t.Helper()
	length := luks2.AlignUp(uint64(h.MaterialSectors()) * luks1.SectorSize)
	for _, s := range up.Clear {
		for id, k := range h.Keyslots {
			if k.Enabled() && overlaps(k, s.To, length) {
				t.Errorf("%+v: over keyslot %d", s.Move, id)
			}
		}
		if err := s.Header.Validate(0); err != nil {
			t.Errorf("%+v: %v", s.Move, err)
		}
		h = s.Header
	}
	now := map[int]uint64{}
	for _, slot := range up.Copy.Metadata.Keyslots() {
		now[slot.ID] = slot.Area.Offset
		if slot.Area.Offset < headsEnd {
			t.Errorf("keyslot %d at %d lies under the heads", slot.ID, slot.Area.Offset)
		}
	}
	if err := up.Copy.Metadata.Validate(headSize); err != nil {
		t.Error(err)
	}
	return replay(t, now, up.Settle, length, up.Room)
}

func firstOf(n int) []int {
	var ids []int
	for id := range n {
		ids = append(ids, id)
	}
	return ids
}

func TestEveryNumberOfKeyslotsGoesUpAndDown(t *testing.T) {
	for _, keyBytes := range []uint32{16, 32, 64} {
		length := luks2.AreaSize(keyBytes, luks1.Stripes)
		for _, payload := range []uint32{0, uint32((headsEnd + 8*length) / 512)} { // usual, and tight
			for used := 1; used <= 8; used++ {
				t.Run(fmt.Sprint(keyBytes, payload, used), func(t *testing.T) {
					h := volume1(t, keyBytes, payload, firstOf(used)...)
					up, err := PlanUp(h, 1<<30)
					roomy := uint64(h.PayloadOffset)*512 >= headsEnd+9*length
					if used == 8 && !roomy {
						if !errors.Is(err, ErrNoRoom) {
							t.Fatalf("error %v", err)
						}
						return
					}
					if err != nil {
						t.Fatal(err)
					}
					at := walkUp(t, h, up)
					if used == 7 && !roomy {
						return // stays where it is
					}
					for id := range used {
						if want := headsEnd + uint64(id)*length; at[id] != want {
							t.Errorf("keyslot %d ends at %d, want %d", id, at[id], want)
						}
					}
					down(t, up, at, h)
				})
			}
		}
	}
}

// down converts back what went up, and wants the same header.
func down(t *testing.T, up Up, at map[int]uint64, want luks1.Header) {
	t.Helper()
	for id, offset := range at {
		if err := up.Copy.Metadata.MoveArea(id, offset); err != nil {
			t.Fatal(err)
		}
	}
	d, err := PlanDown(up.Copy, 1<<30)
	if err != nil {
		t.Fatal(err)
	}
	length := luks2.AlignUp(uint64(want.MaterialSectors()) * luks1.SectorSize)
	replay(t, at, d.Settle, length, up.Room)
	h := d.Header
	for _, s := range d.Return {
		if err := h.Validate(0); err != nil {
			t.Error(err)
		}
		h = s.Header
	}
	if h != want {
		t.Errorf("got %+v\nwant %+v", h, want)
	}
	if err := h.Validate(0); err != nil {
		t.Error(err)
	}
}

// A keyslots area may end before the usual place of a keyslot, with room for that before the data.
func TestKeyslotsGoBehindAShortAreaAfterTheSwitch(t *testing.T) {
	up, err := PlanUp(volume1(t, 16, 0, 0, 1, 5, 7), 1<<30)
	if err != nil {
		t.Fatal(err)
	}
	length, at := luks2.AreaSize(16, luks1.Stripes), map[int]uint64{}
	for i, slot := range up.Copy.Metadata.Keyslots() {
		at[slot.ID] = headsEnd + uint64(i)*length
		if err := up.Copy.Metadata.MoveArea(slot.ID, at[slot.ID]); err != nil {
			t.Fatal(err)
		}
	}
	room := luks2.Extent{Offset: headsEnd, Size: areaUnit + 7*length - headsEnd} // as far as keyslot 7 begins in LUKS1
	up.Copy.Metadata.SetSizes(headSize, room.Size)
	d, err := PlanDown(up.Copy, 1<<30)
	if err != nil {
		t.Fatal(err)
	}
	replay(t, at, d.Settle, length, room)
	h := d.Header
	for _, s := range d.Return {
		h = s.Header
	}
	for _, id := range h.EnabledKeyslots() {
		if want := areaUnit + uint64(id)*length; uint64(h.Keyslots[id].Offset)*luks1.SectorSize != want {
			t.Errorf("keyslot %d ends at sector %d, want byte %d", id, h.Keyslots[id].Offset, want)
		}
	}
}

func TestOldLayoutsGoUpWhereAKeyslotIsFree(t *testing.T) {
	h := volume1(t, 32, 2056, firstOf(7)...) // no more than eight keyslots before the data
	up, err := PlanUp(h, 1<<30)
	if err != nil {
		t.Fatal(err)
	}
	walkUp(t, h, up)
	if _, err := PlanUp(volume1(t, 32, 2056, firstOf(8)...), 1<<30); !errors.Is(err, ErrNoRoom) {
		t.Errorf("error %v", err)
	}
}

func TestWhatLUKS1CannotHoldIsNamed(t *testing.T) {
	base := func() luks2.Copy {
		up, err := PlanUp(volume1(t, 64, 0, 0, 1), 1<<30)
		if err != nil {
			t.Fatal(err)
		}
		return up.Copy
	}
	cases := []struct {
		name string
		edit func(m *luks2.Metadata) error
		want string
	}{
		{"token", func(m *luks2.Metadata) error { return m.SetToken(0, []byte(`{"type":"x","keyslots":[]}`)) }, "LUKS2 header contains 1 token(s)"},
		{"argon2", func(m *luks2.Metadata) error {
			slot, err := m.Keyslot(1)
			slot.KDF = luks2.KDF{Type: "argon2id", Time: 4, Memory: 64, CPUs: 1, Salt: slot.KDF.Salt}
			return errors.Join(err, m.ReplaceKeyslot(slot))
		}, "keyslot 1 is not LUKS1 compatible"},
		{"other hash", func(m *luks2.Metadata) error {
			slot, err := m.Keyslot(1)
			slot.AF.Hash = "sha512"
			return errors.Join(err, m.ReplaceKeyslot(slot))
		}, "keyslot 1 is not LUKS1 compatible"},
		{"digest of its own", func(m *luks2.Metadata) error {
			_, err := m.AddDigest(luks2.Digest{Type: "pbkdf2", Hash: "sha256", Iterations: 1000, Keyslots: []int{1}})
			return err
		}, "key slot digests are not LUKS1 compatible"},
		{"fixed size", func(m *luks2.Metadata) error { return m.SetSegmentSize(0, 1<<20) }, "the data has a fixed size of 1048576 bytes"},
		{"unknown flag", func(m *luks2.Metadata) error { m.SetFlags([]string{"later"}); return nil }, "LUKS2 header contains what LUKS1 has no place for: config.flags.later"},
	}
	for _, c := range cases {
		copied := base()
		if err := c.edit(copied.Metadata); err != nil {
			t.Fatal(c.name, err)
		}
		_, err := PlanDown(copied, 1<<30)
		var refusal *Error
		if !errors.As(err, &refusal) || refusal.To != 1 || refusal.Why != c.want {
			t.Errorf("%s: %v", c.name, err)
		}
	}
}

// overlaps tells whether a keyslot of that length covers bytes from at on.
func overlaps(k luks1.Keyslot, at, length uint64) bool {
	offset := uint64(k.Offset) * luks1.SectorSize
	return at < offset+length && offset < at+length
}
