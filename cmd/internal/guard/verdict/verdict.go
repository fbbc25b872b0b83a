// SPDX-License-Identifier: Apache-2.0

// Package verdict decides what is to be done about one device, from what was seen of it and what is
// allowed. It looks at nothing itself: equal sights give equal decisions.
package verdict

import (
	"fmt"
	"strings"

	"github.com/orthrus-luks/orthrus/cmd/internal/guard/policy"
	"github.com/orthrus-luks/orthrus/luks/header"
	"github.com/orthrus-luks/orthrus/luks/inspect"
)

// Sight is all that a decision rests on. Sizes are in bytes.
type Sight struct {
	Evidence inspect.Evidence
	Report   inspect.Report // of the evidence; the zero value where it looks like nothing of LUKS
	Device   Device
	Mapping  *Mapping // of the volume, where it is active
	Far      Far      // how the far header stands
	Known    *Known   // what the store has of the volume, nil where it never saw it in order
	Clones   []string // other devices that bear the UUID
	Held     string   // why the volume is to be left alone, "" otherwise
	Often    bool     // it was mended so often of late that something must be at work against it
}

// Device is what the system says of the device.
type Device struct {
	Removable bool
	ReadOnly  bool
	Members   []string // arrays, multipath maps and caches that it belongs to
	Parts     int      // partitions on it
}

// Mapping is an active mapping of the volume.
type Mapping struct {
	Name   string
	UUID   string // of the volume, as the device-mapper has it
	Fits   bool   // offset and cipher are those of the known head
	Size   uint64
	Wanted uint64 // what the device has room for by the header; 0 where nothing tells
	Whole  bool   // it covered all that the device had when it was last seen complete
	Key    bool   // a key is at hand to load another table with
}

// Far is what there is of the third copy, and of transactions that the heads tell of.
type Far struct {
	Wants   Step   // Resume, Sync, Grow or Nothing
	Refused string // why that cannot be done, "" where it can
	Damaged []int  // keyslots that the far header has in order and the device has not
	// Left tells that no head is left and a whole far header is; SeqID is its number.
	Left  bool
	SeqID uint64
}

// Known is what the store remembers.
type Known struct {
	UUID    string
	SeqID   uint64
	Opens   bool     // it has a keyslot
	Changed []string // keyslot areas that are not as they were
}

// Step is what helps.
type Step string

// The steps.
const (
	Nothing Step = ""
	Repair  Step = "repair"   // write one copy of the head from the other
	Restore Step = "restore"  // write both from the store
	FromFar Step = "from far" // write both from the far header
	Resume  Step = "resume"   // conclude a transaction that was begun
	Sync    Step = "sync"     // bring the far header into step with the heads, wipe forgotten copies
	Grow    Step = "grow"     // move the far header and lengthen the data, logged
	Enlarge Step = "enlarge"  // load a longer table
)

// Refusal is a reason against a step.
type Refusal struct {
	Kind Kind
	Text string
}

// Kind classifies refusals.
type Kind string

// The kinds of refusal.
const (
	Policy     Kind = "policy"     // not allowed by the configuration
	Unproven   Kind = "unproven"   // the volume was never seen before, and nothing agrees
	Foreign    Kind = "foreign"    // something else left its signature
	Clone      Kind = "clone"      // which of two is meant is not known
	Member     Kind = "member"     // the device belongs to something larger
	Removable  Kind = "removable"  // media that comes and goes
	ReadOnly   Kind = "read-only"  // nothing can be written
	Unreadable Kind = "unreadable" // a read error may pass, and the copy behind it be newer
	Conflict   Kind = "conflict"   // equal number, different content
	Held       Kind = "held"       // a person took the last repair back
	Older      Kind = "older"      // what is left is older than what was seen
	Erased     Kind = "erased"     // more than the heads is gone: that was on purpose
	Unmapped   Kind = "unmapped"   // nothing proves what lay here
	Often      Kind = "often"      // mended again and again
	NoKey      Kind = "no key"     // the next unlock has to do it
	Locked     Kind = "locked"     // somebody works on the header
	Room       Kind = "room"       // the far header's own rules forbid it
)

// Decision is the outcome. Do tells that Step is to be taken now; otherwise Why says what is against
// it, in the order in which it was looked for.
type Decision struct {
	Step Step
	Do   bool
	Why  []Refusal
}

// OnlyPolicy tells that nothing but the configuration is against the step.
func (d Decision) OnlyPolicy() bool {
	return len(d.Why) == 1 && d.Why[0].Kind == Policy
}

// Reasons are the texts of the refusals.
func (d Decision) Reasons() string {
	var texts []string
	for _, r := range d.Why {
		texts = append(texts, r.Text)
	}
	return strings.Join(texts, "; ")
}

// Decide finds the one step that comes first, and what is against it.
func Decide(s Sight, p policy.Policy) Decision {
	var d Decision
	switch {
	case s.destroyed():
		d = s.restore()
	case s.Far.Left:
		d = s.fromFar()
	case s.hurt():
		d = s.repair()
	case s.Far.Wants != Nothing:
		d = s.tendFar()
	case s.lags():
		d = s.enlarge()
	default:
		return Decision{}
	}
	d.Why = append(d.Why, s.against(d.Step, p)...)
	d.Do = len(d.Why) == 0
	return d
}

// destroyed: no head is left, and the volume is still mapped.
func (s Sight) destroyed() bool {
	if s.Mapping == nil || s.Evidence.LUKS1 != nil {
		return false
	}
	h := s.Evidence.Heads
	return h.Primary.State != header.Valid && h.Secondary.State != header.Valid
}

// hurt: a head is left, and not all is well with it or the other.
func (s Sight) hurt() bool {
	if s.Evidence.LUKS1 != nil {
		return len(s.Evidence.LUKS1.Glitches()) > 0
	}
	if s.Evidence.ChoiceErr != nil || s.Evidence.Choice.Copy.Metadata == nil {
		return false
	}
	return !s.Evidence.Choice.Healthy() || len(s.Far.Damaged) > 0
}

// lags: the device became larger and the mapping did not.
func (s Sight) lags() bool {
	return s.Mapping != nil && s.Mapping.Whole && s.Mapping.Wanted > s.Mapping.Size
}

// repair needs a source that is proven to be the newest there was.
func (s Sight) repair() Decision {
	d := Decision{Step: Repair}
	e := s.Evidence
	if e.LUKS1 != nil {
		if s.Known == nil || s.Known.UUID != e.LUKS1.UUID {
			d.refuse(Unproven, "the volume was never seen in order")
		}
		return d
	}
	h := e.Choice.Copy.Header
	bad := e.Heads.At(header.Secondary - e.Choice.Place)
	switch {
	case e.Choice.Healthy(): // keyslots, each held against its sum
		if s.Known == nil {
			d.refuse(Unproven, "the volume was never seen in order")
		}
	case e.Choice.Reason == header.Conflicting:
		d.refuse(Conflict, "the copies differ under the same number; repair --choose decides")
	case bad.State == header.Unreadable:
		d.refuse(Unreadable, fmt.Sprintf("the %v cannot be read, and may be newer: %v", bad.Place, bad.Err))
	case s.Known != nil && header.Newer(s.Known.SeqID, h.SeqID):
		d.refuse(Older, fmt.Sprintf("what is left has seqid %d, and %d was seen", h.SeqID, s.Known.SeqID))
	case s.Known == nil && bad.Copy.Header.UUID != h.UUID:
		d.refuse(Unproven, "the volume was never seen in order, and nothing of the other copy agrees")
	}
	return d
}

// bringBack is a step that writes over both heads: one that cannot be read may be the better one.
func (s Sight) bringBack(step Step) Decision {
	d := Decision{Step: step}
	h := s.Evidence.Heads
	for _, f := range []header.Found{h.Primary, h.Secondary} {
		if f.State == header.Unreadable {
			d.refuse(Unreadable, fmt.Sprintf("the %v cannot be read: %v", f.Place, f.Err))
		}
	}
	return d
}

// restore needs the head that belongs to the mapping, and everything but the heads untouched.
func (s Sight) restore() Decision {
	d := s.bringBack(Restore)
	switch {
	case s.Known == nil:
		d.refuse(Unproven, "the volume was never seen in order, so nothing is known to put back")
	case !s.Mapping.Fits:
		d.refuse(Unmapped, "the mapping does not fit the head that is known")
	case !s.Known.Opens:
		d.refuse(Erased, "no keyslot was left when the volume was last seen")
	case len(s.Known.Changed) > 0:
		d.refuse(Erased, "more than the heads is gone ("+strings.Join(s.Known.Changed, ", ")+"), as after an erase")
	}
	return d
}

// fromFar needs a far header that belongs to a volume seen in order, and no sign of an erase.
func (s Sight) fromFar() Decision {
	d := s.bringBack(FromFar)
	switch {
	case s.Known == nil:
		d.refuse(Unproven, "the volume was never seen in order; repair --from-far brings its head back")
	case header.Newer(s.Known.SeqID, s.Far.SeqID):
		d.refuse(Older, fmt.Sprintf("the far header has seqid %d, and %d was seen", s.Far.SeqID, s.Known.SeqID))
	case !s.Known.Opens:
		d.refuse(Erased, "no keyslot was left when the volume was last seen")
	case len(s.Known.Changed) > 0:
		d.refuse(Erased, "more than the heads is gone ("+strings.Join(s.Known.Changed, ", ")+"), as after an erase; repair --from-far brings all back")
	}
	return d
}

// tendFar is left to the rules of the far header and its log.
func (s Sight) tendFar() Decision {
	d := Decision{Step: s.Far.Wants}
	if s.Far.Refused != "" {
		d.refuse(Room, s.Far.Refused)
	}
	return d
}

// enlarge needs a key.
func (s Sight) enlarge() Decision {
	d := Decision{Step: Enlarge}
	if !s.Mapping.Key {
		d.refuse(NoKey, "no key is at hand: the next unlock maps the new size")
	}
	return d
}

func (d *Decision) refuse(kind Kind, text string) { d.Why = append(d.Why, Refusal{kind, text}) }

// against lists what forbids any step that writes.
func (s Sight) against(step Step, p policy.Policy) []Refusal {
	var d Decision
	writes := step != Enlarge // a table is no write to the device
	grows := step == Enlarge || step == Grow
	if writes {
		for _, kind := range s.foreign() {
			d.refuse(Foreign, "the device bears a signature of "+kind)
		}
	}
	if len(s.Clones) > 0 {
		d.refuse(Clone, "the same UUID is on "+strings.Join(s.Clones, ", "))
	}
	if len(s.Device.Members) > 0 {
		d.refuse(Member, "the device belongs to "+strings.Join(s.Device.Members, ", "))
	}
	if grows && s.Device.Parts > 0 {
		d.refuse(Member, "there are partitions on the device")
	}
	if s.Device.Removable && !p.Removable {
		d.refuse(Removable, "the medium is removable")
	}
	if s.Device.ReadOnly && writes {
		d.refuse(ReadOnly, "the device is read-only")
	}
	if s.Held != "" {
		d.refuse(Held, "left alone: "+s.Held)
	}
	if s.Often {
		d.refuse(Often, "it was mended again and again; something else writes there")
	}
	if !grows && p.Repair != policy.RepairProven {
		d.refuse(Policy, "the configuration says repair = "+string(p.Repair))
	}
	if grows && !p.Grow {
		d.refuse(Policy, "the configuration says grow = no")
	}
	return d.Why
}

// foreign lists what else is on the device. Copies and damaged remains claim nothing.
func (s Sight) foreign() []string {
	var kinds []string
	for _, f := range s.Evidence.Signatures {
		if f.Kind != "crypto_LUKS" && !f.Backup && !f.Damaged {
			kinds = append(kinds, fmt.Sprintf("%s at byte %d", f.Kind, f.Offset))
		}
	}
	return kinds
}
