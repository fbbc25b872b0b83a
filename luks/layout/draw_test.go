// SPDX-License-Identifier: Apache-2.0

package layout_test

import (
	"math"
	"slices"

	"pgregory.net/rapid"

	"github.com/orthrus-luks/orthrus/luks/far"
	"github.com/orthrus-luks/orthrus/luks/layout"
	"github.com/orthrus-luks/orthrus/luks/luks1"
	"github.com/orthrus-luks/orthrus/luks/luks2"
)

const (
	page = luks2.AreaAlignment
	mib  = 1 << 20
	last = math.MaxUint64
)

// volume is a LUKS2 volume as a test makes it, and what it was made of.
type volume struct {
	head     luks2.Copy
	keyslots uint64 // length of the keyslots area
	slots    []luks2.Keyslot
	data     uint64 // offset; 0 is detached
	length   uint64 // of the data; 0 is up to the device's end
	device   uint64
	token    far.Token
}

// make builds the head that says so.
func (v *volume) make(t rapid.TB, size uint64) {
	m := luks2.NewMetadata(size, v.keyslots)
	for _, k := range v.slots {
		if err := m.AddKeyslot(k); err != nil {
			t.Fatal(err)
		}
	}
	m.AddCrypt(luks2.Segment{
		Offset: v.data, Size: v.length, Dynamic: v.length == 0, Encryption: "aes-xts-plain64", SectorSize: 512,
	})
	if v.token != (far.Token{}) {
		if err := far.Put(m, v.token); err != nil {
			t.Fatal(err)
		}
	}
	v.head = luks2.Copy{Header: luks2.Header{Size: size}, Metadata: m}
}

// metadata is where heads and keyslots area end.
func (v *volume) metadata() uint64 { return 2*v.head.Header.Size + v.keyslots }

func slotAt(id int, offset, size uint64) luks2.Keyslot {
	return luks2.Keyslot{
		ID: id, Type: luks2.TypeLUKS2, KeySize: 64, AF: luks2.AF{Type: "luks1", Stripes: 4000, Hash: "sha256"},
		Area: luks2.Area{Type: "raw", Offset: offset, Size: size, Encryption: "aes-xts-plain64", KeySize: 64},
		KDF:  luks2.KDF{Type: "pbkdf2", Hash: "sha256", Iterations: 1000, Salt: []byte{byte(id), 1, 2, 3}},
	}
}

// drawVolume draws a volume that every reader takes for a sound one.
func drawVolume(t *rapid.T) *volume {
	size := rapid.SampledFrom(luks2.Sizes()).Draw(t, "head")
	v := &volume{keyslots: page * rapid.OneOf(
		rapid.Uint64Range(0, 40), rapid.SampledFrom([]uint64{4032, luks2.MaxKeyslotsSize / page}),
	).Draw(t, "keyslots area")}
	at, end := 2*size, 2*size+v.keyslots
	for id := range rapid.IntRange(0, 8).Draw(t, "keyslots") {
		at += page * rapid.Uint64Range(0, 3).Draw(t, "gap")
		length := rapid.SampledFrom([]uint64{512, page, 3 * page, 5*page - 512}).Draw(t, "area")
		if at+length > end {
			break
		}
		v.slots = append(v.slots, slotAt(id, at, length))
		at += luks2.AlignUp(length)
	}
	// The order of the text is not that of the places.
	v.slots = rapid.Permutation(v.slots).Draw(t, "order")
	v.device = end + 512*rapid.SampledFrom([]uint64{0, 1, 8, 4096, 1 << 18, 1 << 30}).Draw(t, "room")
	if !rapid.Bool().Draw(t, "detached") {
		v.drawData(t, end)
	}
	v.make(t, size)
	return v
}

// drawData puts the data, and a far header behind them, between the metadata's end and the device's.
func (v *volume) drawData(t *rapid.T, end uint64) {
	v.data = end + min(512*rapid.SampledFrom([]uint64{0, 0, 1, 8, 2048}).Draw(t, "spare"), v.device-end)
	room := v.device - v.data
	if rapid.Bool().Draw(t, "fixed") {
		v.length = rapid.Uint64Range(0, room/512).Draw(t, "length") * 512
	}
	place, err := far.PlaceAt(v.device, end)
	if err != nil || place.Start() < v.data || !rapid.Bool().Draw(t, "far header") {
		return
	}
	v.length = rapid.Uint64Range(1, max((place.Start()-v.data)/512, 1)).Draw(t, "data before it") * 512
	v.token = far.Token{Phase: far.Stable, Far: place, DeviceSize: v.device, DataSize: v.length}
	other := place.Locator - far.Alignment
	if rapid.Bool().Draw(t, "two places") && place.Start() >= v.data+far.Alignment {
		v.token.Phase = far.Rebuilding
		v.token.To = far.Place{Locator: other, Body: luks2.Extent{Offset: place.Start() - far.Alignment, Size: end}}
	}
}

func holds(e luks2.Extent, at uint64) bool { return at >= e.Offset && at-e.Offset < e.Size }

// owner says by itself, for a single byte, whose it is.
func (v *volume) owner(at uint64) (layout.Owner, int) {
	size := v.head.Header.Size
	if at < 2*size {
		return layout.Owner(at / size), -1
	}
	for _, k := range v.slots {
		if holds(luks2.Extent{Offset: k.Area.Offset, Size: k.Area.Size}, at) {
			return layout.Area, k.ID
		}
	}
	for _, p := range []far.Place{v.token.Far, v.token.To} {
		if p != (far.Place{}) && (holds(p.Body, at) || holds(luks2.Extent{Offset: p.Locator, Size: 4096}, at) ||
			holds(luks2.Extent{Offset: p.Locator + mib/2, Size: 4096}, at)) {
			return layout.FarHeader, -1
		}
	}
	switch {
	case at < v.metadata():
		return layout.Free, -1
	case v.data == 0, at < v.data:
		return layout.Spare, -1
	case v.length == 0, at-v.data < v.length:
		return layout.Data, -1
	}
	return layout.Nobody, -1
}

// edges are the bytes of the device at which an owner may change.
func (v *volume) edges() []uint64 {
	size := v.head.Header.Size
	list := []uint64{0, size, 2 * size, v.metadata(), v.data, v.data + v.length, v.device}
	for _, k := range v.slots {
		list = append(list, k.Area.Offset, k.Area.End())
	}
	for _, p := range v.token.Places() {
		for _, e := range p.Extents() {
			list = append(list, e.Offset, e.End())
		}
	}
	slices.Sort(list)
	return slices.Compact(slices.DeleteFunc(list, func(at uint64) bool { return at > v.device }))
}

// drawHeader1 draws a LUKS1 header whose key material lies in any order, with gaps, apart from each other. data
// is where the material ends at the latest.
func drawHeader1(t *rapid.T) luks1.Header {
	h := luks1.Header{
		CipherName: "aes", CipherMode: "xts-plain64", HashSpec: "sha256", DigestIterations: 1000,
		KeyBytes: rapid.SampledFrom([]uint32{1, 16, 32, 33, 64}).Draw(t, "key"),
	}
	at := uint32(2)
	for _, id := range rapid.Permutation([]int{0, 1, 2, 3, 4, 5, 6, 7}).Draw(t, "order") {
		at += rapid.SampledFrom([]uint32{0, 0, 1, 6, 4096}).Draw(t, "gap")
		h.Keyslots[id] = luks1.Keyslot{Flag: luks1.Disabled, Offset: at, Stripes: luks1.Stripes}
		if rapid.Bool().Draw(t, "enabled") {
			h = h.WithKeyslot(id, 1000, [luks1.SaltSize]byte{byte(id)})
		}
		at += uint32(h.MaterialSectors())
	}
	if !rapid.Bool().Draw(t, "detached") {
		h.PayloadOffset = at + rapid.SampledFrom([]uint32{0, 1, 2048}).Draw(t, "spare")
	}
	return h
}

// owner1 is volume.owner for LUKS1.
func owner1(h luks1.Header, at uint64) (layout.Owner, int) {
	if at < 1024 {
		return layout.Primary, -1
	}
	sectors := (uint64(h.KeyBytes)*4000 + 511) / 512
	for id, k := range h.Keyslots {
		if s := at / 512; s >= uint64(k.Offset) && s-uint64(k.Offset) < sectors {
			if k.Enabled() {
				return layout.Area, id
			}
			return layout.Free, -1
		}
	}
	if h.PayloadOffset == 0 || at < uint64(h.PayloadOffset)*512 {
		return layout.Spare, -1
	}
	return layout.Data, -1
}
