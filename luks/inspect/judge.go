// SPDX-License-Identifier: Apache-2.0

package inspect

import (
	"fmt"
	"sort"

	"github.com/orthrus-luks/orthrus/dm/extent"
	"github.com/orthrus-luks/orthrus/luks/header"
	"github.com/orthrus-luks/orthrus/luks/luks2"
)

// Judge turns evidence into a report. The error is ErrNotLUKS where nothing looks like LUKS.
func Judge(e Evidence) (Report, error) {
	r := Report{
		DeviceSize: e.Size, Keyslots: []Keyslot{}, Segments: []Segment{}, Findings: []Finding{},
		Tools: []Opinion{}, room: e.room(), apart: e.DataSize != nil,
	}
	switch {
	case e.LUKS1 != nil || e.LUKS1Err != nil:
		r.judge1(e)
	case e.ChoiceErr == nil:
		r.judge2(e)
	case e.nothing():
		return r, ErrNotLUKS
	default:
		r.judgeLost(e)
	}
	r.judgeForeign(e)
	r.judgeTools(e)
	r.conclude()
	return r, nil
}

// nothing: neither head is there, not even one without its magic.
func (e Evidence) nothing() bool {
	return e.Heads.Primary.State == header.Absent && e.Heads.Secondary.State == header.Absent && len(e.Wiped) == 0 &&
		len(e.Texts) == 0 &&
		(e.Far == nil || e.Far.Lost == nil)
}

func (r *Report) judge2(e Evidence) {
	h, m := e.Choice.Copy.Header, e.Choice.Copy.Metadata
	r.Version, r.UUID, r.Label, r.Subsystem = 2, h.UUID, h.Label, h.Subsystem
	r.Chosen, r.Because = e.Choice.Place.String(), e.Choice.Reason.String()
	r.Copies = copies(e.Heads, e.Choice)
	r.Requirements = m.Requirements()
	for _, t := range m.Tokens() {
		r.Tokens = append(r.Tokens, Token{t.ID, t.Type, t.Keyslots})
	}
	r.judgeCopies()
	r.LeftAlone = header.LeftAlone(e.Heads, e.Choice)
	r.judgeDropped(m)
	r.keyslots2(m, e.Areas)
	r.judgeKeyslots()
	r.segments2(m, r.room)
	r.judgeFar(e.Far)
	if e.Resizing {
		r.add(Healable, "a change of the keyslots area was cut off; repair concludes it, or takes it back")
	}
	r.judgeReach(e, m)
	r.judgeSegments(m.KeyslotsExtent(h.Size).End())
	r.judgeRequirements()
	r.judgeReencryption(e)
}

// judgeLost: something of LUKS2 is there, and no valid copy.
func (r *Report) judgeLost(e Evidence) {
	r.Version = 2
	r.Copies = copies(e.Heads, header.Choice{})
	for _, f := range []header.Found{e.Heads.Primary, e.Heads.Secondary} {
		if r.UUID == "" {
			r.UUID = f.Copy.Header.UUID
		}
	}
	if e.Choice.Copy.Metadata != nil { // valid, and larger than the device
		r.UUID = e.Choice.Copy.Header.UUID
		r.add(Lost, e.ChoiceErr.Error()+": the device was cut short, or this is only a part of it")
		return
	}
	for _, w := range e.Wiped {
		r.Version, r.UUID = w.Version, w.UUID
		r.add(Lost, fmt.Sprintf("LUKS%d header at byte %d lacks its magic and is in order otherwise", w.Version,
			w.Offset))
	}
	for _, at := range e.Texts {
		r.add(Lost, fmt.Sprintf("metadata at byte %d stands without a valid header before it", at))
	}
	if len(e.Wiped) == 0 {
		r.add(Lost, "no valid header is left")
	}
	r.judgeLostFar(e.Far)
}

// copies describes both heads; of two valid ones the one not chosen is stale or conflicting.
func copies(h header.Heads, c header.Choice) []Copy {
	var list []Copy
	for _, f := range []header.Found{h.Primary, h.Secondary} {
		one := Copy{
			Place: f.Place.String(), Offset: f.Offset, Size: f.Copy.Header.Size, State: f.State.String(),
			SeqID: f.Copy.Header.SeqID,
		}
		if f.Err != nil {
			one.Why = f.Err.Error()
		}
		if f.State == header.Valid && c.Copy.Metadata != nil && f.Place != c.Place {
			switch c.Reason {
			case header.PrimaryNewer, header.SecondaryNewer:
				one.State, one.Why = "stale", fmt.Sprintf("older than seqid %d", c.Copy.Header.SeqID)
			case header.Conflicting:
				one.State, one.Why = "conflicting", c.Reason.String()
			}
		}
		if !luks2.LegalSize(one.Size) || f.State == header.Absent {
			one.Size, one.SeqID = 0, 0
		}
		list = append(list, one)
	}
	return list
}

func (r *Report) judgeCopies() {
	for _, c := range r.Copies {
		if c.State != "valid" {
			r.add(Healable, fmt.Sprintf("%s header at byte %d is %s: %s", c.Place, c.Offset, c.State, c.Why))
		}
	}
}

// judgeDropped names members that readers leave out, each in its own memory.
func (r *Report) judgeDropped(m *luks2.Metadata) {
	for _, path := range m.Dropped() {
		r.add(Note, fmt.Sprintf("%s: belongs to no such kdf and is ignored", path))
	}
}

func (r *Report) judgeRequirements() {
	for _, name := range r.Requirements {
		r.add(Note, fmt.Sprintf("requirement %q: the volume is not activated by programs that do not know it", name))
	}
}

// judgeForeign names what else left its signature on the device.
func (r *Report) judgeForeign(e Evidence) {
	for _, s := range e.Signatures {
		if s.Foreign() {
			r.add(Note, fmt.Sprintf("signature of %s (%s) at byte %d", s.Kind, s.Usage, s.Offset))
		}
	}
	if e.Unseen != nil {
		r.add(Note, e.Unseen.Error())
	}
}

// judgeSegments holds the data against the device. areasEnd is where header and keyslot areas end.
func (r *Report) judgeSegments(areasEnd uint64) {
	r.judgePossible()
	for _, s := range r.Segments {
		if s.Backup {
			continue
		}
		end := s.recordedExtent().End()
		switch {
		case !r.apart && (s.Offset == 0 || r.DeviceSize <= s.Offset && r.DeviceSize <= extent.Up(areasEnd, 1<<20)):
			r.add(Note,
				fmt.Sprintf("segment %d: its data lies on another device; this is a detached header or a backup of one",
					s.ID))
		case s.Offset >= r.room:
			r.misfit(Healable,
				fmt.Sprintf("segment %d starts at byte %d, the device ends at %d: it was cut short, or this is a part of it",
					s.ID, s.Offset, r.room))
		case !s.Dynamic && end > r.room:
			const text = "segment %d ends at byte %d, the device at %d: %d bytes of data are not there"
			r.misfit(Healable, fmt.Sprintf(text, s.ID, end, r.room, end-r.room))
		case s.Dynamic && s.SectorSize > 0 && s.Size%uint64(s.SectorSize) != 0:
			r.add(Note, fmt.Sprintf("segment %d: the last %d bytes of the device make no whole sector of %d", s.ID,
				s.Size%uint64(s.SectorSize), s.SectorSize))
		}
	}
	r.judgeRest()
}

// judgeRest: room behind data of a fixed size.
func (r *Report) judgeRest() {
	end := uint64(0)
	for _, s := range r.Segments {
		if s.Dynamic || s.Offset == 0 && !r.apart {
			return
		}
		if !s.Backup {
			end = max(end, s.recordedExtent().End())
		}
	}
	if end > 0 && end < r.room && (r.Far == nil || r.Far.Place == nil) {
		r.add(Note, fmt.Sprintf("%d bytes behind the data, from byte %d on, belong to no segment", r.room-end,
			end))
	}
}

func (r *Report) segments2(m *luks2.Metadata, size uint64) {
	for _, s := range m.Segments() {
		one := Segment{
			ID: s.ID, Type: s.Type, Offset: s.Offset, Size: s.Size, Dynamic: s.Dynamic, Backup: s.Backup(),
			Cipher: s.Encryption, SectorSize: s.SectorSize, recorded: s.Size,
		}
		if s.Integrity != nil {
			one.Integrity = s.Integrity.Type
		}
		if s.Dynamic && size > s.Offset {
			one.Size = size - s.Offset
		}
		r.Segments = append(r.Segments, one)
	}
	sort.Slice(r.Segments, func(i, j int) bool { return r.Segments[i].ID < r.Segments[j].ID })
}
