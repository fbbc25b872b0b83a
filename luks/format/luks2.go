// SPDX-License-Identifier: Apache-2.0

package format

import (
	"context"
	"crypto/rand"
	"fmt"

	"github.com/orthrus-luks/orthrus/luks/commit"
	"github.com/orthrus-luks/orthrus/luks/digest"
	"github.com/orthrus-luks/orthrus/luks/far"
	"github.com/orthrus-luks/orthrus/luks/keys"
	"github.com/orthrus-luks/orthrus/luks/luks2"
	"github.com/orthrus-luks/orthrus/luks/relocate"
	"github.com/orthrus-luks/orthrus/luks/view"
)

func (o Options) plan2(ctx context.Context, size uint64, key, passphrase []byte) (f commit.Format, err error) {
	if err := o.checkCipher(len(key)); err != nil {
		return f, err
	}
	g, err := geometryOf(o, size)
	if err != nil {
		return f, err
	}
	if err := o.checkTags(g, size); err != nil {
		return f, err
	}
	m, err := newMetadata2(ctx, key, g, o)
	if err != nil {
		return f, err
	}
	area, err := o.addFirst(ctx, m, g, key, passphrase)
	if err != nil {
		return f, err
	}
	var place far.Place
	if o.FarHeader {
		if place, err = o.placeFar(m, g, size); err != nil {
			return f, err
		}
	}
	return commit.Format{
		Zero:  append(append(o.Wipe, oldMetadata(g, o, size)), o.oldTags(g)...),
		Noise: m.KeyslotsExtent(g.HeaderSize),
		Areas: []commit.Area{area},
		Head:  o.headOf(m, g), Far: place,
	}, o.checkLabels()
}

// addFirst gives the metadata their first keyslot, and returns its material.
func (o Options) addFirst(ctx context.Context, m *luks2.Metadata, g Geometry, key, passphrase []byte) (
	area commit.Area, err error,
) {
	o.Keyslot.Hash = o.Hash
	v := view.View{Version: 2, Data: view.Data{Cipher: o.Cipher, KeySize: len(key)}}
	s, err := keys.Seal(ctx, v, key, passphrase, o.Keyslot)
	if err != nil {
		return area, err
	}
	slot, err := s.Describe(m, g.HeaderSize, o.FirstKeyslot())
	if err != nil {
		return area, err
	}
	if err := m.AddKeyslot(slot); err != nil {
		return area, err
	}
	return s.Material(slot.ID, slot.Area.Offset), m.AssignDigest(0, slot.ID)
}

// newMetadata2 is the metadata without keyslots.
func newMetadata2(ctx context.Context, key []byte, g Geometry, o Options) (*luks2.Metadata, error) {
	m := luks2.NewMetadata(g.HeaderSize, g.KeyslotsSize)
	segment := m.AddCrypt(luks2.Segment{
		Offset: g.DataOffset, Dynamic: true, Encryption: o.Cipher, SectorSize: uint32(o.SectorSize),
		Integrity: o.Integrity,
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
func (o Options) FarPlace(g Geometry, size uint64) (relocate.FarPlan, error) {
	switch {
	case o.Version == 1:
		return relocate.FarPlan{}, fmt.Errorf("%w: LUKS1 has no room for the place of one", relocate.ErrNoFar)
	case o.Detached:
		return relocate.FarPlan{}, fmt.Errorf("%w: its header is detached", relocate.ErrNoFar)
	}
	m := luks2.NewMetadata(g.HeaderSize, g.KeyslotsSize)
	m.AddCrypt(luks2.Segment{
		Offset: g.DataOffset, Dynamic: true, Encryption: o.Cipher,
		SectorSize: uint32(o.SectorSize), Integrity: o.Integrity,
	})
	return relocate.PlaceFar(o.headOf(m, g), size)
}

// placeFar gives the metadata a data segment that ends before the far header, and its token.
func (o Options) placeFar(m *luks2.Metadata, g Geometry, size uint64) (far.Place, error) {
	p, err := o.FarPlace(g, size)
	if err != nil {
		return p.Place, err
	}
	if err := m.SetSegmentSize(0, p.DataSize); err != nil {
		return p.Place, err
	}
	return p.Place, far.Put(m, far.Token{Phase: far.Stable, Far: p.Place, DeviceSize: size, DataSize: p.DataSize})
}

func (o Options) headOf(m *luks2.Metadata, g Geometry) luks2.Copy {
	return luks2.Copy{
		Header: luks2.Header{
			Size: g.HeaderSize, SeqID: formatSeqID, Label: o.Label, Algorithm: "sha256",
			UUID: o.UUID, Subsystem: o.Subsystem,
		},
		Metadata: m,
	}
}

// oldMetadata is what any earlier LUKS header on the device can have used.
func oldMetadata(g Geometry, o Options, size uint64) luks2.Extent {
	end := g.DataOffset
	if o.Detached {
		end = g.Room()
	}
	return luks2.Extent{Size: min(max(end, g.Room()), maxHeaderWipe, size)}
}
