// SPDX-License-Identifier: Apache-2.0

package verdict

import (
	"fmt"
	"strings"

	"github.com/orthrus-luks/orthrus/cmd/internal/guard/identity"
	"github.com/orthrus-luks/orthrus/luks/header"
)

// proof collects conditions.
type proof []Condition

// need adds a condition: what is the case where it holds, and what stands against it where it does not.
func (p *proof) need(kind Kind, holds bool, yes, no string) {
	text := yes
	if !holds {
		text = no
	}
	*p = append(*p, Condition{kind, holds, text})
}

// source proves that what would be written is what belongs there.
func (s Sight) source(step Step) proof {
	switch step {
	case Repair:
		return s.fromOtherCopy()
	case Restore:
		return s.fromStore()
	case FromFar:
		return s.fromFar()
	case Enlarge:
		return s.enlarge()
	}
	return s.tendFar()
}

// fromOtherCopy needs a source that is proven to be the newest there was.
func (s Sight) fromOtherCopy() proof {
	var p proof
	e := s.Evidence
	choice := e.Choice
	switch {
	case e.LUKS1 != nil, choice.Healthy():
		p.need(Unproven, s.Known != nil, "the volume is known", "the volume was never seen in order")
	default:
		bad := e.Heads.At(header.Secondary - choice.Place)
		agrees := s.Known != nil || bad.Copy.Header.UUID == choice.Copy.Header.UUID
		p.need(Unproven, agrees, "the volume is known, or the remains of the other copy agree",
			"the volume was never seen in order, and nothing of the other copy agrees")
		p.need(Conflict, choice.Reason != header.Conflicting, "the copies do not contradict each other",
			"the copies differ under the same number; repair --choose decides")
		p.need(Unreadable, bad.State != header.Unreadable, "both places can be read",
			fmt.Sprintf("the %v cannot be read, and may be newer: %v", bad.Place, bad.Err))
	}
	if e.LUKS1 == nil {
		p.fits(s)
	}
	p.need(Erased, len(s.Far.Erased) == 0, "of each keyslot that comes back something is left",
		fmt.Sprintf("of keyslots %v nothing is left, as after an erase whose heads were put back; repair brings them "+
			"back", s.Far.Erased))
	p.lineage(s, s.Mark)
	since := s.otherSince()
	p.need(Older, since == "", "no other state was seen since", "since then there was "+since)
	p.later(s, "")
	p.need(Older, s.Last == nil || s.Mark == nil || s.Mark.Follows(*s.Last), "nothing newer was seen on this device",
		s.lastText())
	p.need(Older, !s.Far.Newer, "the far header is not newer", "the far header is newer than the head that is left")
	return p
}

// otherSince tells of a state that was seen after the one in the head that is left; "" for none.
func (s Sight) otherSince() string {
	if s.relation(s.Mark) != identity.Same || s.Evidence.Choice.Healthy() {
		return ""
	}
	if c := s.Known.Chain; c.Fork != nil && !c.Elsewhere() || c.Passed != "" {
		return c.Since()
	}
	return ""
}

// lastText names the state that was seen last on the device.
func (s Sight) lastText() string {
	if s.Last == nil {
		return ""
	}
	return fmt.Sprintf("the state that was seen last on this device has seqid %d, of UUID %s", s.Last.SeqID, s.Last.UUID)
}

// lastHere proves that what would be written is what was seen last on this very device.
func (p *proof) lastHere(s Sight, m *identity.Mark, hint string) {
	p.need(Older, s.Last == nil || m != nil && m.Follows(*s.Last), "nothing newer was seen on this device",
		s.lastText()+", and what is kept is another"+hint)
}

// outdated: a state was seen since, on this device or elsewhere, which does not lead to that one.
func (s Sight) outdated(m *identity.Mark) bool {
	return s.Later != "" || s.Last != nil && (m == nil || !m.Follows(*s.Last))
}

// fits proves that what would be copied, or acted upon, is not the header of something else: a checksum is right
// over whatever was written with it.
func (p *proof) fits(s Sight) {
	p.need(Fits, len(s.Report.Misfits()) == 0, "the header fits the device",
		"the header does not fit the device: "+strings.Join(s.Report.Misfits(), ", "))
}

// lineage proves that a state continues what was seen of the volume.
func (p *proof) lineage(s Sight, m *identity.Mark) {
	r := s.relation(m)
	p.need(Stranger, r != identity.Stranger, "its volume key is the one that is known, or none is",
		"another volume key was known under this UUID: formatted anew, or somebody else's; guard accept decides")
	p.need(Older, r != identity.Older, "no newer state was seen", s.olderText(m))
	p.need(Fork, r != identity.Forked, "its history has one line",
		"two states of this volume were changed apart, as by a clone or a restored backup; guard accept says "+
			"which counts")
}

func (s Sight) olderText(m *identity.Mark) string {
	if s.Known == nil || m == nil {
		return ""
	}
	tip, _ := s.Known.Chain.Tip()
	return fmt.Sprintf("what is left has seqid %d, and %d was seen: a backup was restored, or it is a clone; "+
		"guard accept decides", m.SeqID, tip.SeqID)
}

// bothHeads is for a step that writes over both: one that cannot be read may be the better one.
func (p *proof) bothHeads(s Sight) {
	h := s.Evidence.Heads
	for _, f := range []header.Found{h.Primary, h.Secondary} {
		p.need(Unreadable, f.State != header.Unreadable, fmt.Sprintf("the place of the %v can be read", f.Place),
			fmt.Sprintf("the %v cannot be read: %v", f.Place, f.Err))
	}
}

// lastSeen proves that what is remembered is what lay here last, and that nothing but the heads is gone.
func (p *proof) lastSeen(s Sight, hint string) {
	p.need(Older, s.Forgot == "", "what was seen last could be remembered", s.Forgot+hint)
	p.need(Unproven, s.Known != nil && s.Known.Kept, "what was last seen is kept", s.unknownText()+hint)
	if s.Known == nil || !s.Known.Kept {
		return
	}
	p.need(Older, s.Known.Chain.Passed == "", "no later state was seen", "since then there was "+s.Known.Chain.Passed)
	apart := s.Known.Chain.Fork == nil || s.Known.Chain.Elsewhere() && s.here()
	p.need(Fork, apart, "what was seen last is what is kept", s.forkText())
	p.need(Erased, s.Known.Opens, "it has keyslots", "no keyslot was left when the volume was last seen")
	p.need(Erased, len(s.Known.Changed) == 0, "nothing but the heads is gone",
		"more than the heads is gone ("+strings.Join(s.Known.Changed, ", ")+"), as after an erase"+hint)
}

func (s Sight) unknownText() string {
	if s.reencrypted() {
		return "a reencryption was under way when the volume was last seen, so no head is kept to put back"
	}
	if s.Known != nil {
		return "no head is kept of the state that was seen last"
	}
	return "the volume was never seen in order, so nothing is known to put back"
}

// tip is the state of which a head is kept; nil where none is known.
func (s Sight) tip() *identity.Mark {
	if s.Known == nil {
		return nil
	}
	if tip, seen := s.Known.Chain.Tip(); seen {
		return &tip.Mark
	}
	return nil
}

// here: the volume was seen on this device last.
func (s Sight) here() bool {
	tip, _ := s.Known.Chain.Tip()
	return tip.Device == s.Device.Key
}

func (s Sight) forkText() string {
	c := s.Known.Chain
	if c.Fork == nil {
		return ""
	}
	tip, _ := c.Tip()
	if c.Fork.Relation == identity.Stranger {
		return "what was seen last under this UUID has another volume key than what is kept"
	}
	return fmt.Sprintf("what was seen last has seqid %d, and what is kept %d: a backup was restored, or there "+
		"is a clone", c.Fork.SeqID, tip.SeqID)
}

// later proves that what would be written was not outdated under another UUID, or on another device.
func (p *proof) later(s Sight, hint string) {
	where := " under UUID " + s.Later
	if s.Later == s.UUID {
		where = ", on this device or on another"
	}
	p.need(Older, s.Later == "", "no newer state was seen elsewhere",
		"a newer state of the volume was seen"+where+hint)
}

// fromStore needs the head that belongs to the mapping, and everything but the heads untouched.
func (s Sight) fromStore() proof {
	var p proof
	p.bothHeads(s)
	p.lastSeen(s, "")
	p.lastHere(s, s.tip(), "")
	p.need(Unmapped, s.Mapping.Fits, "the mapping fits the head that is kept",
		"the mapping does not fit the head that is known")
	return p
}

// fromFar needs a far header that is the state last seen, and no sign that somebody wanted it gone.
func (s Sight) fromFar() proof {
	var p proof
	r := s.relation(s.Far.Mark)
	hint := "; repair --from-far brings its head back"
	switch {
	case s.Known != nil && s.Known.Chain.Since() != "":
		hint = "; what repair --from-far brings back is from before that"
	case len(s.foreign()) > 0:
		hint = ""
	case s.outdated(s.Far.Mark), r != identity.Same && s.Known != nil:
		hint = "; repair --from-far brings that other state back, with keys that may have been revoked since"
	}
	p.bothHeads(s)
	p.lastSeen(s, hint)
	p.need(Wiped, len(s.Evidence.Wiped) == 0, "the heads are damaged, not unsigned",
		"the heads only lack their magic, as after wipefs, which a person does on purpose"+hint)
	p.later(s, hint)
	p.lastHere(s, s.Far.Mark, hint)
	p.need(Older, s.Far.Mark != nil && (s.Known == nil || r == identity.Same), "the far header is the state last seen",
		"the far header is not the state that was last seen: "+string(r)+hint)
	return p
}

// tendFar is left to the rules of the far header and its log. What is copied to it, and takes the place of what it
// had, must be whole: the far header may be the last that has it.
func (s Sight) tendFar() proof {
	var p proof
	p.need(Room, s.Far.Refused == "", "the far header's rules allow it", s.Far.Refused)
	p.fits(s)
	hurt := s.Report.Hurt()
	p.need(Erased, len(hurt) == 0, "every keyslot's material is whole",
		fmt.Sprintf("the material of keyslots %v is not whole, and the far header may have it", hurt))
	p.lineage(s, s.Mark)
	return p
}

// enlarge needs a key.
func (s Sight) enlarge() proof {
	var p proof
	p.need(NoKey, s.Mapping.Key, "a key is at hand", "no key is at hand: the next unlock maps the new size")
	p.fits(s)
	p.lineage(s, s.Mark)
	return p
}
