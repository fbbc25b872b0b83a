// SPDX-License-Identifier: Apache-2.0

package reencrypt

import (
	"slices"
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

func (s Side) String() string { return [...]string{"old", "new", "hot"}[s] }

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
	for _, step := range []func(*luks2.Metadata) error{
		r.readVersion, r.readKeyslot, r.readEnds, r.readDigest, r.readParts,
	} {
		if err := step(m); err != nil {
			return r, err
		}
	}
	return r, r.check()
}

const requirements = "config.requirements.mandatory"

func (r *Run) readVersion(m *luks2.Metadata) error {
	names := m.Requirements()
	if len(names) != 1 {
		return foreign(requirements, "%d of them", len(names))
	}
	r.Version = 1 + slices.Index([]string{"online-reencrypt", "online-reencrypt-v2", "online-reencrypt-v3"}, names[0])
	if r.Version == 0 {
		return foreign(requirements, "%.40q is not known", names[0])
	}
	return nil
}

func (r *Run) readKeyslot(m *luks2.Metadata) error {
	found := false
	if r.Reencryption, found = m.Reencryption(); !found {
		return foreign("keyslots", "none of type %s", luks2.TypeReencrypt)
	}
	return nil
}

// readEnds finds the backup segments by their flags; their order is not fixed.
func (r *Run) readEnds(m *luks2.Metadata) error {
	var ends [3][]luks2.Segment
	for _, s := range m.Segments() {
		for i, flag := range []string{"backup-previous", "backup-final", "backup-moved-segment"} {
			if s.HasFlag(flag) {
				ends[i] = append(ends[i], s)
			}
		}
	}
	if len(ends[0]) != 1 || len(ends[1]) != 1 || len(ends[2]) > 1 {
		return foreign("segments", "%d, %d and %d backup segments", len(ends[0]), len(ends[1]), len(ends[2]))
	}
	r.Old, r.New = end(m, ends[0][0]), end(m, ends[1][0])
	if len(ends[2]) == 1 {
		r.Moved = &ends[2][0]
	}
	return nil
}

func end(m *luks2.Metadata, s luks2.Segment) End {
	e := End{Segment: s}
	if d, found := m.DigestOfSegment(s.ID); found {
		e.Key = &d
	}
	return e
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
	segments := slices.DeleteFunc(m.Segments(), luks2.Segment.Backup)
	slices.SortFunc(segments, func(a, b luks2.Segment) int { return a.ID - b.ID })
	start := uint64(0)
	for _, s := range segments {
		p := Part{Segment: s, Start: start}
		if err := r.place(m, &p); err != nil {
			return err
		}
		r.Parts = append(r.Parts, p)
		if start += s.Size; start < s.Size {
			return foreign(member("segments", s.ID), "ends past 64 bits")
		}
	}
	return nil
}

// place tells at which end of the run a segment is, and refuses one that belongs to neither.
func (r *Run) place(m *luks2.Metadata, p *Part) error {
	asNew, asOld := r.fits(m, *p, r.New, r.New.Offset+p.Start), r.fits(m, *p, r.Old, r.Old.Offset+p.Start)
	aside := r.Moved != nil && p.Start == 0 && p.Size <= r.Moved.Size && r.fits(m, *p, r.Old, r.Moved.Offset)
	switch {
	case p.HasFlag("in-reencryption"):
		p.Side = Between
		if !asNew || p.Type == "crypt" && !r.inDigest(m, r.Old.Key, r.Old.Type, p.ID) {
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
func (r *Run) fits(m *luks2.Metadata, p Part, e End, offset uint64) bool {
	if p.Type != e.Type || p.Offset != offset || p.Integrity != nil {
		return false
	}
	if p.Type == "linear" {
		return true
	}
	return p.Encryption == e.Encryption && p.SectorSize == e.SectorSize && p.IVTweak == p.Start/512 &&
		r.inDigest(m, e.Key, e.Type, p.ID)
}

// inDigest: data under a key are listed by its digest, and those under the other key only by the other one.
func (r *Run) inDigest(m *luks2.Metadata, key *luks2.Digest, kind string, id int) bool {
	if kind != "crypt" || key == nil {
		return true
	}
	for _, d := range m.Digests() {
		if d.ID == key.ID {
			return slices.Contains(d.Segments, id)
		}
	}
	return false
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

// Hot returns the zone that is being rewritten, if one is announced.
func (r *Run) Hot() (Part, bool) {
	i := slices.IndexFunc(r.Parts, func(p Part) bool { return p.Side == Between })
	if i < 0 {
		return Part{}, false
	}
	return r.Parts[i], true
}

// has tells whether a part of the data is at that side.
func (r *Run) has(s Side) bool {
	return slices.ContainsFunc(r.Parts, func(p Part) bool { return p.Side == s })
}

// shifts tells that data move, and not in place only.
func (r *Run) shifts() bool { return strings.HasPrefix(r.Area.Type, "datashift") }

func member(section string, id int) string { return section + "." + strconv.Itoa(id) }
