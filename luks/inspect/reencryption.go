// SPDX-License-Identifier: Apache-2.0

package inspect

import (
	"errors"
	"fmt"

	"github.com/orthrus-luks/orthrus/luks/reencrypt"
)

// Reencryption is what the report says of one that is under way. Offsets and sizes are in bytes.
type Reencryption struct {
	State      string           `json:"state"` // "clean", "hot", "concluded", "foreign"
	Reason     string           `json:"reason"`
	Next       string           `json:"next_step"`
	Cryptsetup string           `json:"cryptsetup"` // what becomes of it there, in a word
	Mode       string           `json:"mode,omitempty"`
	Direction  string           `json:"direction,omitempty"`
	Resilience string           `json:"resilience,omitempty"`
	Pieces     []Piece          `json:"pieces,omitempty"`
	Record     *reencrypt.Count `json:"record,omitempty"`

	Verdict reencrypt.Verdict `json:"-"`
}

// Piece is a part of the data with what it is under.
type Piece struct {
	Start  uint64 `json:"start"` // of the data
	Size   uint64 `json:"size"`  // 0 up to the end
	Side   string `json:"side"`  // "old", "new", "hot"
	Offset uint64 `json:"offset"`
}

// Weigh holds a hot zone that lies on this device against its record, which reads the zone whole. What cannot be
// told stays untold.
func (e *Evidence) Weigh(dev Device) {
	if e.ChoiceErr != nil || e.LUKS1 != nil || e.LUKS1Err != nil {
		return
	}
	v := reencrypt.Judge(e.Heads, e.Choice)
	if v.State != reencrypt.Hot || v.Run.Old.Offset == 0 || v.Run.New.Offset == 0 {
		return
	}
	count, err := v.Run.Weigh(dev, dev)
	switch {
	case err == nil:
		e.Record = &count
	case !errors.Is(err, reencrypt.ErrNoEvidence):
		e.RecordErr = err
	}
}

func (r *Report) judgeReencryption(e Evidence) {
	v := reencrypt.Judge(e.Heads, e.Choice)
	if v.State == reencrypt.None {
		return
	}
	if e.Record != nil {
		v = v.Weighed(*e.Record)
	}
	fate, _ := v.Peer()
	one := &Reencryption{
		State: v.State.String(), Reason: v.Reason, Next: v.Step.String(), Cryptsetup: fate.String(), Verdict: v,
		Mode: v.Run.Mode, Direction: v.Run.Direction, Resilience: v.Run.Area.Type, Record: e.Record,
	}
	for i := range v.Run.Parts {
		p := &v.Run.Parts[i]
		one.Pieces = append(one.Pieces, Piece{p.Start, p.Size, p.Side.String(), p.Offset})
	}
	r.Reencryption = one
	r.add(gradeOf(v, fate), fmt.Sprintf("a reencryption is under way, state %s: %s", v.State, v.Reason))
	if e.RecordErr != nil {
		r.add(Healable, "what is recorded of the hot zone was not compared: "+e.RecordErr.Error())
	}
}

// gradeOf: between two steps nothing is at risk, unless the next program destroys it, or nobody can tell that the run
// is between two; what only a later program
// understands is its own business.
func gradeOf(v reencrypt.Verdict, fate reencrypt.Fate) Grade {
	if v.Step == reencrypt.Resume && fate == reencrypt.Continues || v.State == reencrypt.Foreign && v.Run.Version == 0 {
		return Note
	}
	return Healable
}

// kindOf is what the data of a segment are, and their name.
func kindOf(r Report, s Segment) (kind RegionKind, name string) {
	name = fmt.Sprintf("data, segment %d", s.ID)
	if r.Reencryption == nil || r.Reencryption.Verdict.State == reencrypt.Foreign {
		return Data, name
	}
	parts := r.Reencryption.Verdict.Run.Parts
	for i := range parts {
		if parts[i].ID != s.ID {
			continue
		}
		switch parts[i].Side {
		case reencrypt.New:
			return NewData, name + ", new"
		case reencrypt.Between:
			return HotZone, name + ", the hot zone"
		}
		return Data, name + ", old"
	}
	return Data, name
}

// source is where the old data of a hot zone lie that are moved.
func source(r Report) []Region {
	if r.Reencryption == nil || r.Reencryption.Verdict.State != reencrypt.Hot {
		return nil
	}
	pieces, err := r.Reencryption.Verdict.Run.Pieces(r.DeviceSize)
	if err != nil {
		return nil
	}
	for _, p := range pieces {
		if p.Side == reencrypt.Between && p.Was != p.Offset && p.Was > 0 {
			return []Region{{
				Kind: Data, Offset: p.Was, Size: p.Size, Name: "data, where those of the hot zone come from",
				Keyslot: -1,
			}}
		}
	}
	return nil
}
