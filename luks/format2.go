// SPDX-License-Identifier: Apache-2.0

package luks

import (
	"context"
	"crypto/rand"
	"fmt"

	"github.com/orthrus-luks/orthrus/dm/extent"
	"github.com/orthrus-luks/orthrus/luks/commit"
	"github.com/orthrus-luks/orthrus/luks/digest"
	"github.com/orthrus-luks/orthrus/luks/far"
	"github.com/orthrus-luks/orthrus/luks/fault"
	"github.com/orthrus-luks/orthrus/luks/luks2"
	"github.com/orthrus-luks/orthrus/luks/relocate"
)

// Geometry is where the parts of a new LUKS2 volume lie, in bytes.
type Geometry struct {
	HeaderSize   uint64 // of one head
	KeyslotsSize uint64
	DataOffset   uint64 // 0 where detached and nothing else was asked for
}

// Room is the length of heads and keyslots area together.
func (g Geometry) Room() uint64 { return 2*g.HeaderSize + g.KeyslotsSize }

// Geometry2 places the parts of a new LUKS2 volume whose metadata lies on a device of size bytes;
// 0 for a header file that is yet to be made. It refuses, with a GeometryError, what the format or
// the device cannot hold.
func Geometry2(o FormatOptions, size uint64) (Geometry, error) {
	g := Geometry{HeaderSize: o.MetadataSize, KeyslotsSize: o.KeyslotsSize, DataOffset: o.DataOffset}
	if g.HeaderSize == 0 {
		g.HeaderSize = DefaultHeaderSize
	}
	if !luks2.LegalSize(g.HeaderSize) {
		return g, fault.Geometry("metadata size", "%d bytes is none of 16 KiB to 4 MiB in powers of two", g.HeaderSize)
	}
	if g.KeyslotsSize == 0 {
		g.KeyslotsSize = defaultKeyslotsSize(o, g.HeaderSize, size)
	}
	if g.KeyslotsSize%luks2.AreaAlignment != 0 || g.KeyslotsSize > luks2.MaxKeyslotsSize {
		return g, fault.Geometry("keyslots size", "%d bytes", g.KeyslotsSize)
	}
	if !o.Detached && g.DataOffset == 0 {
		g.DataOffset = extent.Up(g.Room(), o.alignment())
	}
	return g, checkGeometry(g, o, size)
}

func (o FormatOptions) alignment() uint64 {
	if o.Alignment == 0 {
		return DefaultAlignment
	}
	return o.Alignment
}

// defaultKeyslotsSize fills what lies before the data, or before 16 MiB; a small device of its own
// for the header gives what it has.
func defaultKeyslotsSize(o FormatOptions, headerSize, size uint64) uint64 {
	room := uint64(DefaultHeaderRoom)
	if o.DataOffset != 0 { // with a detached header too: readers hold the one against the other
		room = o.DataOffset
	}
	if o.Detached && size != 0 {
		room = min(room, size)
	}
	if room < 2*headerSize {
		return 0
	}
	return min((room-2*headerSize)/luks2.AreaAlignment*luks2.AreaAlignment, luks2.MaxKeyslotsSize)
}

func checkGeometry(g Geometry, o FormatOptions, size uint64) error {
	if g.DataOffset%512 != 0 {
		return fault.Geometry("data offset", "%d bytes is no multiple of 512", g.DataOffset)
	}
	if g.DataOffset != 0 && g.DataOffset < g.Room() {
		return fault.Geometry("data offset", "%d bytes lies inside the metadata, which takes %d", g.DataOffset, g.Room())
	}
	if err := g.fits(o, size); err != nil {
		return err
	}
	if err := g.wholeSectors(o, size); err != nil {
		return err
	}
	if g.KeyslotsSize < luks2.AreaSize(uint32(o.KeySize), 4000) {
		return fault.Geometry("keyslots area", "%d bytes cannot hold one keyslot", g.KeyslotsSize)
	}
	return nil
}

// wholeSectors refuses data that cannot be mapped in sectors of the size chosen: they must begin on one, and
// be a whole number of them. Sectors of 512 bytes always fit; a rest of a file is left out.
func (g Geometry) wholeSectors(o FormatOptions, size uint64) error {
	data := size
	if o.DataSize != 0 {
		data = o.DataSize
	}
	unit := uint64(o.SectorSize)
	if unit <= 512 || data == 0 || data < g.DataOffset {
		return nil
	}
	if g.DataOffset%unit != 0 || (data-g.DataOffset)%unit != 0 {
		return fault.Geometry("sectors", "%d bytes of data at byte %d are no sectors of %d", data-g.DataOffset, g.DataOffset,
			unit)
	}
	return nil
}

// VerySmall tells that few keyslots fit.
func (g Geometry) VerySmall() bool { return g.KeyslotsSize < smallKeyslotsLimit }

// format2 prepares a LUKS2 volume; nothing is written yet.
func (v *Volume) format2(ctx context.Context, key, passphrase []byte, o FormatOptions) (f commit.Format, err error) {
	o.KeySize = len(key)
	if err := checkCipher(o.Cipher, len(key), o.SectorSize); err != nil {
		return f, err
	}
	g, err := Geometry2(o, uint64(v.dev.Size()))
	if err != nil {
		return f, err
	}
	m, err := newMetadata2(ctx, key, g, o)
	if err != nil {
		return f, err
	}
	o.Keyslot.Hash = o.Hash
	s, err := v.seal(ctx, key, passphrase, o.Keyslot)
	if err != nil {
		return f, err
	}
	slot, err := describe(m, g.HeaderSize, o.firstKeyslot(), s)
	if err != nil {
		return f, err
	}
	if err := m.AddKeyslot(slot); err != nil {
		return f, err
	}
	if err := m.AssignDigest(0, slot.ID); err != nil {
		return f, err
	}
	var place far.Place
	if o.FarHeader {
		if place, err = o.placeFar(m, g, uint64(v.dev.Size())); err != nil {
			return f, err
		}
	}
	return commit.Format{
		Zero:  append(o.Wipe, oldMetadata(g, o, uint64(v.dev.Size()))),
		Noise: m.KeyslotsExtent(g.HeaderSize),
		Areas: []commit.Area{{What: areaName(slot.ID), Offset: slot.Area.Offset, Bytes: s.material}},
		Head:  o.headOf(m, g), Far: place,
	}, o.checkLabels()
}

// newMetadata2 is the metadata without keyslots.
func newMetadata2(ctx context.Context, key []byte, g Geometry, o FormatOptions) (*luks2.Metadata, error) {
	m := luks2.NewMetadata(g.HeaderSize, g.KeyslotsSize)
	segment := m.AddCrypt(luks2.Segment{
		Offset: g.DataOffset, Dynamic: true, Encryption: o.Cipher, SectorSize: uint32(o.SectorSize),
	})
	d, err := digest.New(ctx, key, o.Hash, max(o.DigestIterations, digest.MinIterations), 0, rand.Reader)
	if err != nil {
		return nil, err
	}
	_, err = m.AddDigest(luks2.Digest{
		Type: "pbkdf2", Segments: []int{segment}, Hash: d.Hash, Iterations: d.Iterations, Salt: d.Salt, Value: d.Sum,
	})
	return m, err
}

// FarPlace says where the far header of a new volume with that geometry would lie on a device of size
// bytes, and refuses, with ErrNoFar or ErrNoFarRoom, what cannot have one.
func (o FormatOptions) FarPlace(g Geometry, size uint64) (FarPlan, error) {
	switch {
	case o.Version == 1:
		return FarPlan{}, fmt.Errorf("%w: LUKS1 has no room for the place of one", ErrNoFar)
	case o.Detached:
		return FarPlan{}, fmt.Errorf("%w: its header is detached", ErrNoFar)
	}
	m := luks2.NewMetadata(g.HeaderSize, g.KeyslotsSize)
	m.AddCrypt(luks2.Segment{
		Offset: g.DataOffset, Dynamic: true, Encryption: o.Cipher,
		SectorSize: uint32(o.SectorSize),
	})
	return relocate.PlaceFar(o.headOf(m, g), size)
}

// placeFar gives the metadata a data segment that ends before the far header, and its token.
func (o FormatOptions) placeFar(m *luks2.Metadata, g Geometry, size uint64) (far.Place, error) {
	p, err := o.FarPlace(g, size)
	if err != nil {
		return p.Place, err
	}
	if err := m.SetSegmentSize(0, p.DataSize); err != nil {
		return p.Place, err
	}
	return p.Place, far.Put(m, far.Token{Phase: far.Stable, Far: p.Place, DeviceSize: size, DataSize: p.DataSize})
}

func (o FormatOptions) headOf(m *luks2.Metadata, g Geometry) luks2.Copy {
	return luks2.Copy{
		Header: luks2.Header{
			Size: g.HeaderSize, SeqID: formatSeqID, Label: o.Label, Algorithm: "sha256",
			UUID: o.UUID, Subsystem: o.Subsystem,
		},
		Metadata: m,
	}
}

// oldMetadata is what any earlier LUKS header on the device can have used.
func oldMetadata(g Geometry, o FormatOptions, size uint64) luks2.Extent {
	end := g.DataOffset
	if o.Detached {
		end = g.Room()
	}
	return luks2.Extent{Size: min(max(end, g.Room()), maxHeaderWipe, size)}
}
