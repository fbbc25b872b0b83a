// SPDX-License-Identifier: Apache-2.0

package luks

import (
	"context"

	"github.com/orthrus-luks/orthrus/luks/commit"
	"github.com/orthrus-luks/orthrus/luks/far"
	"github.com/orthrus-luks/orthrus/luks/header"
	"github.com/orthrus-luks/orthrus/luks/luks2"
)

// FarPlace says where the far header of a new volume with that geometry would lie on a device of size
// bytes, and refuses, with ErrNoFar or ErrNoFarRoom, what cannot have one.
func (o FormatOptions) FarPlace(g Geometry, size uint64) (FarPlan, error) {
	switch {
	case o.Version == 1:
		return FarPlan{}, noFar("LUKS1 has no room for the place of one")
	case o.Detached:
		return FarPlan{}, noFar("its header is detached")
	}
	m := luks2.NewMetadata(g.HeaderSize, g.KeyslotsSize)
	m.AddCrypt(luks2.Segment{Offset: g.DataOffset, Dynamic: true, Encryption: o.Cipher, SectorSize: uint32(o.SectorSize)})
	return planFar(o.headOf(m, g), size)
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

// formatFar writes the far header of a new volume, whose keyslot areas are on the device already and
// whose heads the plan is going to write.
func formatFar(dev Device, head luks2.Copy, plan header.Plan, place far.Place) error {
	s := farStep{v: &Volume{dev: dev}, next: head, old: far.Found{Body: make([]byte, place.Body.Size)}}
	if err := s.prepare(plan); err != nil {
		return err
	}
	return commit.FarCreate(dev, far.New(head.Header.UUID, place, s.desired.Contents, uint64(dev.Size())), s.desired.Body)
}

// EveryFar finds the far headers of any volume near the device's end, and those whose places heads that
// can still be read name.
func EveryFar(ctx context.Context, dev Device) ([]far.Found, error) {
	var all []far.Found
	seen := map[uint64]bool{}
	add := func(f far.Found) bool {
		if f.State >= far.Foreign && !seen[f.Place.Locator] {
			seen[f.Place.Locator] = true
			all = append(all, f)
		}
		return true
	}
	if choice, err := header.Choose(header.Read(dev)); err == nil {
		if t, _, found, err := far.Find(choice.Copy.Metadata); err == nil && found {
			for _, p := range t.Places() {
				add(far.Read(dev, p))
			}
		}
	}
	return all, far.Search(ctx, dev, far.NearEnd(dev), add)
}

// wipeEveryFar wipes the far headers of a device that is about to be formatted. Damaged ones are wiped
// too, unless the device is but to hold a header: then what overwrote them stays.
func wipeEveryFar(ctx context.Context, dev Device, detached bool) error {
	all, err := EveryFar(ctx, dev)
	if err != nil {
		return err
	}
	for _, f := range all {
		if detached && f.State != far.Whole {
			continue
		}
		if err := commit.FarWipe(dev, f); err != nil {
			return &FarError{Place: f.Place, Err: err}
		}
	}
	return nil
}
