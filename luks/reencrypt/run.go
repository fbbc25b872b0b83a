// SPDX-License-Identifier: Apache-2.0

package reencrypt

import (
	"slices"
	"sort"
	"strconv"
	"strings"

	"github.com/orthrus-luks/orthrus/luks/luks2"
)

// Run is a reencryption as one copy of the metadata tells of it.
type Run struct {
	luks2.Reencryption
	Version  int            // of the requirement: 1, 2 or 3
	Old, New End            // what the data are made of, and what they become
	Moved    *luks2.Segment // where the first piece of the old data was put aside; nil where it was not
	Parts    []Part         // the data, from their start
	Digest   *luks2.Digest  // over the metadata; nil with version 1
	forged   bool           // that digest was made without the keys
}

// End is one end of a run.
type End struct {
	luks2.Segment
	Key *luks2.Digest // of the volume key; nil for plain data
}

// Side says which end a piece of the data is at.
type Side int

// The sides.
const (
	Old Side = iota
	New
	Between // hot: some of it old, some of it new
)

var sideNames = [...]string{"old", "new", "hot"}

func (s Side) String() string { return sideNames[s] }

// Part is a regular segment with its place in the data.
type Part struct {
	luks2.Segment
	Start uint64 // byte of the data
	Side  Side
	moved bool // the old data put aside
}

// Of reads the run out of metadata in order. The error is a ForeignError; the run that comes with it holds what
// could be read. It is nil where no reencryption is under way.
func Of(m *luks2.Metadata) (*Run, error) {
	if !m.Reencrypting() {
		return nil, nil
	}
	r := &Run{}
	err := r.readVersion(m)
	if err == nil {
		err = r.readKeyslot(m)
	}
	if err == nil {
		err = r.readEnds(m)
	}
	if err == nil {
		err = r.readDigest(m)
	}
	if err == nil {
		err = r.readParts(m)
	}
	if err == nil {
		err = r.check()
	}
	return r, err
}

const requirements = "config.requirements.mandatory"

func (r *Run) readVersion(m *luks2.Metadata) error {
	names := m.Requirements()
	if len(names) != 1 {
		return foreign(requirements, "more than that of a reencryption")
	}
	r.Version = 1 + slices.Index([]string{"online-reencrypt", "online-reencrypt-v2", "online-reencrypt-v3"}, names[0])
	if r.Version == 0 {
		return foreign(requirements, "of a version that is not known")
	}
	return nil
}

func (r *Run) readKeyslot(m *luks2.Metadata) error {
	found := false
	if r.Reencryption, found = m.Reencryption(); !found {
		return foreign("keyslots", "none of type reencrypt")
	}
	return nil
}

// readEnds finds the backup segments by their flags; their order is not fixed.
func (r *Run) readEnds(m *luks2.Metadata) error {
	var found [3]int
	segments := m.Segments()
	for at := range segments {
		s := &segments[at]
		for i, flag := range []string{"backup-previous", "backup-final", "backup-moved-segment"} {
			if !s.HasFlag(flag) {
				continue
			}
			if found[i]++; i < 2 {
				[...]*End{&r.Old, &r.New}[i].set(m, s)
			} else {
				r.Moved = s
			}
		}
	}
	if found[0] != 1 || found[1] != 1 || found[2] > 1 {
		return foreign("segments", "the two ends of the run are not described once each")
	}
	return nil
}

func (e *End) set(m *luks2.Metadata, s *luks2.Segment) {
	e.Segment = *s
	if d, found := m.DigestOfSegment(s.ID); found {
		e.Key = &d
	}
}

// readDigest finds the digest over the metadata. One that is the copy of a volume key's was made without the key.
func (r *Run) readDigest(m *luks2.Metadata) error {
	for _, d := range m.Digests() {
		if !slices.Contains(d.Keyslots, r.Keyslot) {
			continue
		}
		if r.Digest != nil || len(d.Segments) > 0 || d.Type != "pbkdf2" {
			return foreign(member("digests", d.ID), "is not one over the metadata")
		}
		for _, key := range []*luks2.Digest{r.Old.Key, r.New.Key} {
			if key != nil && d.SameKey(*key) {
				r.forged = true
				return foreign(member("digests", d.ID), "is a copy of the volume key's: it was made without that key")
			}
		}
		r.Digest = &d
	}
	if r.Digest == nil && r.Version > 1 {
		return foreign("digests", "none over the reencryption's metadata")
	}
	return nil
}

// readParts lines the regular segments up.
func (r *Run) readParts(m *luks2.Metadata) error {
	segments := m.Segments()
	for i := range segments {
		if !segments[i].Backup() {
			r.Parts = append(r.Parts, Part{Segment: segments[i]})
		}
	}
	sort.Slice(r.Parts, func(a, b int) bool { return r.Parts[a].ID < r.Parts[b].ID })
	start := uint64(0)
	for i := range r.Parts {
		p := &r.Parts[i]
		p.Start = start
		if err := r.place(m, p); err != nil {
			return err
		}
		if start += p.Size; start < p.Size {
			return foreign(member("segments", p.ID), "ends past 64 bits")
		}
	}
	if len(r.Parts) == 0 {
		return foreign("segments", "no regular one")
	}
	return nil
}

// place tells at which end of the run a segment is, and refuses one that belongs to neither.
func (r *Run) place(m *luks2.Metadata, p *Part) error {
	asNew, asOld := p.fits(m, &r.New, r.New.Offset+p.Start), p.fits(m, &r.Old, r.Old.Offset+p.Start)
	aside := r.Moved != nil && p.Start == 0 && p.Size <= r.Moved.Size && p.fits(m, &r.Old, r.Moved.Offset)
	switch {
	case p.HasFlag("in-reencryption"):
		p.Side = Between
		if !asNew || p.Type == "crypt" && !r.Old.lists(m, p.ID) {
			return foreign(member("segments", p.ID), "is hot, and lies at no place of the new data")
		}
	case asNew && (!asOld && !aside || r.identity()):
		p.Side = New
	case aside:
		p.Side, p.moved = Old, true
	case asOld:
		p.Side = Old
	default:
		return foreign(member("segments", p.ID), "lies at no place of the old data and at none of the new")
	}
	return nil
}

// fits tells whether a segment is a piece of that end of the run, which would lie there.
func (p *Part) fits(m *luks2.Metadata, e *End, offset uint64) bool {
	if p.Type != e.Type || p.Offset != offset || p.Integrity != nil {
		return false
	}
	if p.Type == "linear" {
		return true
	}
	return p.Encryption == e.Encryption && p.SectorSize == e.SectorSize && p.IVTweak == p.Start/512 &&
		e.lists(m, p.ID)
}

// lists: data under a key are listed by its digest, and those under the other key only by the other one.
func (e *End) lists(m *luks2.Metadata, id int) bool {
	return e.Type != "crypt" || e.Key == nil || slices.Contains(e.Key.Segments, id)
}

// identity: what the data become is what they are, so that either reading of them is right.
func (r *Run) identity() bool {
	same := r.Old.Type == r.New.Type && r.Old.Encryption == r.New.Encryption &&
		r.Old.SectorSize == r.New.SectorSize && r.Old.Offset == r.New.Offset
	return same && r.Moved == nil && (r.Old.Key == nil) == (r.New.Key == nil) &&
		(r.Old.Key == nil || r.Old.Key.ID == r.New.Key.ID)
}

// Backward tells that the run goes from the end of the data to their start.
func (r *Run) Backward() bool { return r.Direction == "backward" }

// Hot returns the zone that is being rewritten, nil where none is announced.
func (r *Run) Hot() *Part { return r.first(Between) }

// first part of the data at that side, nil where there is none.
func (r *Run) first(s Side) *Part {
	for i := range r.Parts {
		if r.Parts[i].Side == s {
			return &r.Parts[i]
		}
	}
	return nil
}

// has tells whether a part of the data is at that side.
func (r *Run) has(s Side) bool { return r.first(s) != nil }

// shifts tells that data move, and not in place only.
func (r *Run) shifts() bool { return strings.HasPrefix(r.Area.Type, "datashift") }

func member(section string, id int) string { return section + "." + strconv.Itoa(id) }
