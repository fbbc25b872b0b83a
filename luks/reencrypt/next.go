// SPDX-License-Identifier: Apache-2.0

package reencrypt

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"math"

	"github.com/orthrus-luks/orthrus/dm/extent"
	"github.com/orthrus-luks/orthrus/luks/fault"
	"github.com/orthrus-luks/orthrus/luks/luks2"
)

// Turned is what the metadata become when a zone of the data, in bytes, is at another side: Between to announce it,
// New when it is done, Old to take an announcement back. device is the size of the data device. m is the copy that
// the run was read from, and stays as it is.
func (r *Run) Turned(m *luks2.Metadata, zone extent.Extent, side Side, device uint64) (*luks2.Metadata, error) {
	parts, err := r.turned(zone, side, device)
	if err != nil {
		return nil, err
	}
	list := make([]luks2.Regular, len(parts))
	for i := range parts {
		list[i] = r.regular(&parts[i])
	}
	next := m.Clone()
	return next, next.SetRegular(list)
}

// turned are the parts of the data then, each with its size; the last one is dynamic where it is to be.
func (r *Run) turned(zone extent.Extent, side Side, device uint64) ([]Part, error) {
	sized, err := r.sized(device)
	if err != nil {
		return nil, err
	}
	var parts []Part
	put := func(p Part, from, to uint64) {
		if from >= to {
			return
		}
		p.Start, p.Size = from, to-from
		if last := len(parts) - 1; last >= 0 && p.Side != Between && parts[last].Side == p.Side &&
			parts[last].moved == p.moved {
			parts[last].Size += p.Size
			return
		}
		parts = append(parts, p)
	}
	for i := range sized {
		p := sized[i]
		end := p.Start + p.Size
		put(p, p.Start, min(end, max(zone.Offset, p.Start)))
		if p.Start <= zone.Offset && zone.Offset < end {
			put(Part{Side: side, moved: side == Old && zone.Offset == 0 && r.aside()}, zone.Offset, zone.End())
		}
		put(p, max(p.Start, min(zone.End(), end)), end)
	}
	last := &parts[len(parts)-1]
	last.Dynamic = last.Side != Between && r.reaches(last, sized, device)
	return parts, nil
}

// aside: the first piece of the old data was put somewhere else.
func (r *Run) aside() bool { return r.Moved != nil }

// sized are the parts with the sizes that they have on a device of that size.
func (r *Run) sized(device uint64) ([]Part, error) {
	var list []Part
	for i := range r.Parts {
		p := r.Parts[i]
		if p.Dynamic {
			if p.Offset > device {
				return nil, fault.Geometry("device", "%d bytes, and segment %d begins behind them", device, p.ID)
			}
			p.Size, p.Dynamic = extent.Down(device-p.Offset, uint64(max(p.SectorSize, 512))), false
			if p.Side == Old && r.shifts() && r.Backward() { // what moves up needs room at the end
				p.Size -= min(p.Size, r.Shift)
			}
		}
		if p.Size > 0 {
			list = append(list, p)
		}
	}
	if len(list) == 0 {
		return nil, fault.Geometry("device", "%d bytes, and no data on them", device)
	}
	return list, nil
}

// reaches tells whether the last part goes to the device's end: one before it did, or nothing but the announcement
// of the zone gave the data a size, as programs do while the zone at their end is hot.
func (r *Run) reaches(last *Part, sized []Part, device uint64) bool {
	if r.Parts[len(r.Parts)-1].Dynamic {
		return true
	}
	if !r.New.Dynamic {
		return false
	}
	was := &sized[len(sized)-1]
	at := r.lies(last)
	unit := uint64(max(was.SectorSize, 512))
	return at <= device && extent.Down(device-at, unit) == last.Size
}

// lies is where a part lies on the data device.
func (r *Run) lies(p *Part) uint64 {
	switch {
	case p.Side != Old:
		return r.New.Offset + p.Start
	case p.moved:
		return r.Moved.Offset
	}
	return r.Old.Offset + p.Start
}

// regular is the segment of a part.
func (r *Run) regular(p *Part) luks2.Regular {
	end := &r.New
	if p.Side == Old {
		end = &r.Old
	}
	s := luks2.Segment{Type: end.Type, Offset: r.lies(p), Size: p.Size, Dynamic: p.Dynamic}
	if p.Side == Between {
		s.Flags = []string{"in-reencryption"}
	}
	if s.Type != "crypt" {
		return luks2.Regular{Segment: s}
	}
	s.IVTweak, s.Encryption, s.SectorSize = p.Start/512, end.Encryption, end.SectorSize
	listed := luks2.Regular{Segment: s, Digests: []int{end.Key.ID}}
	if p.Side == Between && r.Old.Key != nil && r.Old.Key.ID != end.Key.ID {
		listed.Digests = append(listed.Digests, r.Old.Key.ID)
	}
	return listed
}

// Finished is what the metadata become when every byte is new: one segment, without the run, its keyslot and the
// keyslots of the old key. gone are the areas that nothing needs any more, by what they are of. keep is a size for
// the data, in bytes, where something lies behind them; 0 for none.
func (r *Run) Finished(m *luks2.Metadata, keep uint64) (next *luks2.Metadata, gone []Gone, err error) {
	next = m.Clone()
	segment := r.New.Segment
	segment.Flags, segment.IVTweak = nil, 0
	if keep > 0 {
		segment.Size, segment.Dynamic = keep, false
	}
	last := luks2.Regular{Segment: segment}
	if segment.Type == "crypt" {
		last.Digests = []int{r.New.Key.ID}
	}
	if err := next.DropBackups(); err != nil {
		return nil, nil, err
	}
	if err := next.SetRegular([]luks2.Regular{last}); err != nil {
		return nil, nil, err
	}
	for _, k := range m.Keyslots() {
		if k.ID != r.Keyslot && !r.idle(k.ID) {
			continue
		}
		if err := next.RemoveKeyslot(k.ID); err != nil {
			return nil, nil, err
		}
		gone = append(gone, Gone{k.ID, extent.Extent{Offset: k.Area.Offset, Size: k.Area.Size}})
	}
	next.DropIdleDigests()
	return next, gone, next.SetRequirements()
}

// Gone is the area of a keyslot that goes.
type Gone struct {
	Keyslot int
	Area    extent.Extent // of the header's device
}

// idle: the keyslot holds the old key, which no data need when all are new.
func (r *Run) idle(id int) bool {
	if r.Old.Key == nil || r.New.Key != nil && r.New.Key.ID == r.Old.Key.ID {
		return false
	}
	for _, k := range r.Old.Key.Keyslots {
		if k == id {
			return true
		}
	}
	return false
}

// Same tells whether two copies tell of one run, whatever is done of it, and are vouched for by one digest.
func (r *Run) Same(o *Run) bool {
	if r.Digest == nil || o.Digest == nil || !bytes.Equal(r.Digest.Value, o.Digest.Value) ||
		(r.Moved == nil) != (o.Moved == nil) {
		return false
	}
	moved := r.Moved == nil || (&End{Segment: *r.Moved}).same(&End{Segment: *o.Moved})
	return moved && r.Version == o.Version && r.Reencryption == o.Reencryption && r.Old.same(&o.Old) &&
		r.New.same(&o.New)
}

// Lacks tells that an end of the run has a key which is not given.
func (r *Run) Lacks(keys Keys) (old, fresh bool) {
	return r.Old.Key != nil && keys.Old == nil, r.New.Key != nil && keys.New == nil
}

// VerifyNew is Verify for the new key alone.
func (r *Run) VerifyNew(ctx context.Context, key []byte) error { return r.New.verify(ctx, "new", key) }

// ByRecord tells that a zone which begins at that byte of the data has a record in the resilience area.
func (r *Run) ByRecord(start uint64) bool {
	p := r.protects(start)
	return p == byChecksum || p == byJournal
}

// Announcing is what the area is to hold before the zone is announced, from the old ciphertext of it; none where
// the old data stay one shift away.
func (r *Run) Announcing(zone extent.Extent, data io.ReaderAt) (record []byte, err error) {
	later := *r
	later.Parts = []Part{{
		Segment: luks2.Segment{Offset: r.New.Offset + zone.Offset, Size: zone.Size}, Start: zone.Offset, Side: Between,
	}}
	if !later.ByRecord(zone.Offset) {
		return nil, nil
	}
	z, err := later.Zone(nil)
	if err != nil {
		return nil, err
	}
	old, err := readFull(data, later.source(&later.Parts[0]), zone.Size)
	if err != nil {
		return nil, err
	}
	return z.Record(old), nil
}

// Left tells whether old data remain beside the hot zone.
func (r *Run) Left() bool { return r.has(Old) }

// largestStep bounds a zone of ours, bytes: it is held in memory and rewritten as one.
const largestStep = 64 << 20

// NextZone is the zone that a run between two steps rewrites next: bytes of the data. block is what the data device
// writes as one, bytes. Errors: a ForeignError where the area has no room for a record, or there is no old data left,
// a fault.GeometryError.
func (r *Run) NextZone(device, block uint64) (extent.Extent, error) {
	var none extent.Extent
	sized, err := r.sized(device)
	if err != nil {
		return none, err
	}
	var rest *Part
	for i := range sized {
		p := &sized[i]
		if p.Side == Old && (rest == nil || rest.moved || r.Backward() && !p.moved) {
			rest = p
		}
	}
	if rest == nil || r.Hot() != nil {
		return none, foreign("segments", "no zone is next")
	}
	if rest.moved {
		longest := r.longest(0, block)
		if longest < rest.Size && r.protects(0) != byShift {
			return none, foreign(member("keyslots", r.Keyslot)+".area", "too short for the record of the moved data")
		}
		return extent.Extent{Offset: rest.Start, Size: rest.Size}, nil
	}
	return r.cutZone(rest, block)
}

func (r *Run) cutZone(rest *Part, block uint64) (extent.Extent, error) {
	longest := r.longest(rest.Start+1, block)
	if longest == 0 {
		return extent.Extent{}, foreign(member("keyslots", r.Keyslot)+".area", "no room for the record of a zone")
	}
	size := min(longest, rest.Size)
	if !r.Backward() {
		return extent.Extent{Offset: rest.Start, Size: size}, nil
	}
	end := rest.Start + rest.Size
	switch {
	case r.shifts() && !r.aside() && size < rest.Size && rest.Size < 2*size:
		size = rest.Size - size // the odd rest goes before the last whole shift
	case !r.shifts() && size < rest.Size:
		size = end - extent.Up(end-size, r.granule(block))
	}
	return extent.Extent{Offset: end - size, Size: size}, nil
}

// granule is what zones begin and end on, bytes.
func (r *Run) granule(block uint64) uint64 {
	unit := r.unit()
	if r.protects(1) == byJournal {
		unit = max(unit, block)
	}
	return unit
}

// longest is how long a zone may be, by its record.
func (r *Run) longest(start, block uint64) uint64 {
	switch r.protects(start) {
	case byShift:
		return r.Shift
	case byChecksum:
		return min(r.recordedUnits()*r.unit(), max(extent.Down(largestStep, r.unit()), r.unit()))
	case byJournal:
		return extent.Down(min(r.Area.Size, largestStep), r.granule(block))
	}
	return 0
}

// Seal makes the digest of a message, with a salt of its own; it must not keep the message.
type Seal func(message []byte) (luks2.Digest, error)

// Upgraded are the metadata of a run of version 1 with a digest over them, which it lacks, as one of version 2.
func (r *Run) Upgraded(m *luks2.Metadata, keys Keys, seal Seal) (*luks2.Metadata, error) {
	later := *r
	later.Version = 2
	d, err := later.sealed(keys, seal)
	if err != nil {
		return nil, err
	}
	next := m.Clone()
	if _, err := next.AddDigest(d); err != nil {
		return nil, err
	}
	return next, next.SetRequirements(fmt.Sprintf("online-reencrypt-v%d", later.Version))
}

// Protected are the metadata of a run between two steps with another resilience, "checksum" or "journal". unit is what
// one checksum of that hash covers, bytes; it is made whole sectors. A run that moves data keeps its own: the error is
// then a ForeignError.
func (r *Run) Protected(m *luks2.Metadata, kind, hash string, unit uint32, keys Keys, seal Seal,
) (*luks2.Metadata, error) {
	if r.shifts() || r.Hot() != nil {
		return nil, foreign(member("keyslots", r.Keyslot)+".area", "of a run that keeps its resilience")
	}
	later := *r
	later.Area.Type, later.Hash, later.UnitSize = kind, "", 0
	if kind == "checksum" {
		later.Hash, later.UnitSize = hash, max(unit, r.Old.SectorSize, r.New.SectorSize, 512)
	}
	if err := later.checkResilience(); err != nil {
		return nil, err
	}
	d, err := later.sealed(keys, seal)
	if err != nil {
		return nil, err
	}
	next := m.Clone()
	next.SetDigest(r.Digest.ID, d)
	return next, next.SetResilience(later.Reencryption)
}

func (r *Run) sealed(keys Keys, seal Seal) (luks2.Digest, error) {
	message, err := r.message(keys)
	defer wipe(message)
	if err != nil {
		return luks2.Digest{}, err
	}
	d, err := seal(message)
	d.Keyslots, d.Segments = []int{r.Keyslot}, nil
	return d, err
}

// Length of the data in bytes, where the run has a size; 0 where they go to the device's end.
func (r *Run) Length() uint64 {
	end := uint64(0)
	for i := range r.Parts {
		if r.Parts[i].Dynamic {
			return 0
		}
		end = r.Parts[i].Start + r.Parts[i].Size
	}
	return min(end, math.MaxInt64)
}
