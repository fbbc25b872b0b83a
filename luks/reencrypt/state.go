// SPDX-License-Identifier: Apache-2.0

package reencrypt

import (
	"fmt"
	"slices"

	"github.com/orthrus-luks/orthrus/dm/extent"
	"github.com/orthrus-luks/orthrus/luks/header"
	"github.com/orthrus-luks/orthrus/luks/luks2"
)

// State is where a volume stands in a reencryption.
type State int

// The states.
const (
	None      State = iota // no reencryption is under way
	Clean                  // between two steps, or before the first one
	Hot                    // within a step: a zone is announced, and may be rewritten in part
	Concluded              // every byte is new, and the metadata still tell of a run
	Foreign                // what the metadata tell is not understood, or not to be believed
)

var stateNames = [...]string{"none", "clean", "hot", "concluded", "foreign"}

func (s State) String() string { return stateNames[s] }

// Step is what can be done next without risk.
type Step int

// The steps.
const (
	Nothing  Step = iota
	Resume        // go on where the run stopped
	Recover       // bring the hot zone to its end, then go on
	TakeBack      // go by the head that announces no zone
	Conclude      // take the run and the old key out of the metadata; touch no data
	Confirm       // somebody must vouch for what the metadata tell
	Refuse        // touch nothing
)

var stepNames = [...]string{"nothing", "resume", "recover", "take back", "conclude", "confirm", "refuse"}

func (s Step) String() string { return stepNames[s] }

// Heads says what both heads together prove about a hot zone.
type Heads int

// What they prove.
const (
	Settled    Heads = iota // no zone is hot, or both heads announce it, the second one after the area reached the disk
	NotWritten              // only the newest head announces it: its data are not written before the other one does
	Alone                   // no second head confirms it: nothing proves that the record in the area reached the disk
	Disagree                // the heads contradict each other in another way
)

// Verdict is what a volume's metadata tell, both heads taken together.
type Verdict struct {
	State  State
	Reason string // in words
	Step   Step
	Heads  Heads
	Run    *Run // of the head in use; nil where State is None, and incomplete where it is Foreign
	Before *Run // with NotWritten: of the head that does not announce the zone
	Count  *Count
}

// Judge looks at the heads of a LUKS2 volume and the choice that was made among them.
func Judge(h header.Heads, c header.Choice) Verdict {
	if c.Copy.Metadata == nil {
		return Verdict{}
	}
	v := OfMetadata(c.Copy.Metadata)
	switch {
	case v.State == None:
		return v
	case c.Reason == header.Conflicting:
		v.State, v.Step, v.Heads = Foreign, Refuse, Disagree
		v.Reason = "the two heads tell different things under the same number"
	case v.State == Hot:
		v.weighHeads(h, c)
	}
	return v
}

// OfMetadata judges one copy by itself.
func OfMetadata(m *luks2.Metadata) Verdict {
	run, err := Of(m)
	v := Verdict{Run: run}
	switch {
	case run == nil:
	case err != nil:
		v.State, v.Step, v.Reason = Foreign, Refuse, err.Error()
	case run.Version == 1:
		v.State, v.Step = Foreign, Confirm
		v.Reason = "it was begun by a program of before 2.4.3, and nothing authenticates its metadata"
	default:
		v.State, v.Step, v.Reason = run.state()
	}
	return v
}

// state of a run that obeys every rule.
func (r *Run) state() (State, Step, string) {
	hot := r.Hot()
	switch {
	case hot != nil && r.beside():
		return Hot, Refuse, "a zone was being rewritten in place, and its old data are kept nowhere"
	case hot != nil:
		return Hot, Recover, fmt.Sprintf("a zone of %d bytes at byte %d of the data was being rewritten", hot.Size,
			hot.Start)
	case !r.has(Old) && r.Parts[0].Dynamic:
		return Concluded, Conclude, "every byte is new, and only the metadata still tell of a run"
	case !r.has(Old):
		return Foreign, Refuse, "every byte is new, in a segment that has a size, which no program leaves so"
	case r.Area.Type == "none":
		return Clean, Confirm, "it runs without resilience and records its progress only where it is stopped by " +
			"hand; had it crashed, going on would destroy what it did since"
	case !r.has(New):
		return Clean, Resume, "nothing is done yet"
	}
	return Clean, Resume, "it stopped between two steps"
}

// weighHeads: a zone's data are written only after both heads announce it, the primary first, each synced.
func (v *Verdict) weighHeads(h header.Heads, c header.Choice) {
	other := h.At(otherThan(c.Place))
	switch {
	case c.Healthy(), v.repeats(other, c):
	case other.State == header.Damaged && c.Place == header.Secondary:
		// What tears the primary is the write that comes after the data.
	case other.State != header.Valid || c.Place == header.Secondary:
		v.alone()
	case v.follows(h, c):
		v.Heads, v.Before, v.Step = NotWritten, OfMetadata(other.Copy.Metadata).Run, TakeBack
		v.Reason += "; one head only announces it, which proves that its data are still old"
	default:
		v.Heads, v.Step = Disagree, Refuse
		v.Reason += "; the other head tells neither this nor what came before it"
	}
}

// repeats: the other head announces the same zone, under an older number: both did, before one was written again.
func (v *Verdict) repeats(other header.Found, c header.Choice) bool {
	if other.State != header.Valid || other.Copy.Header.UUID != c.Copy.Header.UUID {
		return false
	}
	o := OfMetadata(other.Copy.Metadata)
	if o.State != Hot || !o.Run.Same(v.Run) || !slices.Equal(o.Run.done(), v.Run.done()) {
		return false
	}
	a, b := o.Run.Hot(), v.Run.Hot()
	return a.Start == b.Start && a.Size == b.Size
}

// alone: a record in the area may not have reached the disk.
func (v *Verdict) alone() {
	v.Heads = Alone
	v.Reason += "; no second head confirms it"
	if v.Step == Recover && v.Run.protects(v.Run.Hot().Start) != byShift {
		v.Step = Refuse
	}
}

// follows: the other head is of the commit before, in which the zone was not hot.
func (v *Verdict) follows(h header.Heads, c header.Choice) bool {
	other := h.At(otherThan(c.Place)).Copy
	before := OfMetadata(other.Metadata)
	return before.State == Clean && other.Header.UUID == c.Copy.Header.UUID &&
		other.Header.SeqID+1 == c.Copy.Header.SeqID && before.Run.leadsTo(v.Run)
}

func otherThan(p header.Place) header.Place { return header.Secondary - p }

// leadsTo tells whether a run between two steps is the one that then announced this zone: the same ends, as much of
// it done, and the zone old until then.
func (r *Run) leadsTo(next *Run) bool {
	hot := next.Hot()
	if r.Reencryption != next.Reencryption || !r.Old.same(&next.Old) || !r.New.same(&next.New) ||
		!slices.Equal(r.done(), next.done()) {
		return false
	}
	for i := range r.Parts {
		p := &r.Parts[i]
		inside := p.Start <= hot.Start && (p.Dynamic || hot.Start+hot.Size <= p.Start+p.Size)
		if inside && p.Side == Old {
			return true
		}
	}
	return false
}

// done lists what is new, bytes of the data.
func (r *Run) done() (list []extent.Extent) {
	for i := range r.Parts {
		if p := &r.Parts[i]; p.Side == New {
			list = append(list, extent.Extent{Offset: p.Start, Size: p.Size})
		}
	}
	return list
}

func (a *End) same(b *End) bool {
	return a.Type == b.Type && a.Offset == b.Offset && a.Size == b.Size && a.Dynamic == b.Dynamic &&
		a.Encryption == b.Encryption && a.SectorSize == b.SectorSize
}
