// SPDX-License-Identifier: Apache-2.0

package verdict

import (
	"github.com/orthrus-luks/orthrus/cmd/internal/guard/policy"
)

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

// writes tells whether the step writes to the device; a table is no write.
func (s Step) writes() bool { return s != Enlarge }

// grows tells whether the step follows a device that became larger.
func (s Step) grows() bool { return s == Enlarge || s == Grow }

// Condition is one part of the proof that a step needs.
type Condition struct {
	Kind  Kind   `json:"name"`
	Holds bool   `json:"holds"`
	Text  string `json:"why"`
}

// Kind names conditions.
type Kind string

// The conditions.
const (
	Policy     Kind = "allowed"        // by the configuration
	Unproven   Kind = "seen before"    // the volume is known, or its remains agree
	Stranger   Kind = "same volume"    // the volume key is the one that is known
	Fits       Kind = "fits"           // its segments can be on this device, as the heads have them
	Older      Kind = "newest state"   // nothing newer was seen
	Fork       Kind = "one history"    // no two states were changed apart
	Foreign    Kind = "no other data"  // nothing else left its signature
	InUse      Kind = "not in use"     // by anybody but the volume's own mapping
	Clone      Kind = "alone"          // no other device bears the UUID
	Member     Kind = "no member"      // the device belongs to nothing larger
	Removable  Kind = "stays"          // no media that comes and goes
	ReadOnly   Kind = "writable"       // the device is
	Unreadable Kind = "readable"       // a read error may pass, and the copy behind it be newer
	Conflict   Kind = "no conflict"    // no equal number with different content
	Held       Kind = "not held"       // a person took the last repair back
	Erased     Kind = "keyslots whole" // only the heads are gone
	Wiped      Kind = "no wipe"        // the heads did not lose their magic alone
	Unmapped   Kind = "mapping fits"   // what is mapped is what is remembered
	Reencrypt  Kind = "no reencryption"
	Often      Kind = "not often"  // mended again and again
	NoKey      Kind = "key"        // to load a table with
	Locked     Kind = "lock"       // nobody works on the header
	Room       Kind = "far header" // its own rules allow it
)

// Decision is the outcome. Do tells that Step is to be taken now: every condition of Proof holds.
type Decision struct {
	Step     Step
	Do       bool
	Rehearse bool // everything but the write
	Proof    []Condition
}

// Against lists the conditions that do not hold, in the order in which they were looked at.
func (d Decision) Against() []Condition {
	var list []Condition
	for _, c := range d.Proof {
		if !c.Holds {
			list = append(list, c)
		}
	}
	return list
}

// Refused tells whether the condition of that kind does not hold.
func (d Decision) Refused(kind Kind) bool {
	for _, c := range d.Proof {
		if c.Kind == kind && !c.Holds {
			return true
		}
	}
	return false
}

// Refuse adds a condition that does not hold.
func (d *Decision) Refuse(kind Kind, text string) {
	d.Do, d.Proof = false, append(d.Proof, Condition{kind, false, text})
}

// Decide finds the one step that comes first, and proves it or says what is against it.
func Decide(s Sight, p policy.Policy) Decision {
	d := Decision{Step: s.step()}
	if d.Step == Nothing {
		return d
	}
	d.Proof = append(s.source(d.Step), s.surroundings(d.Step, p)...)
	d.Do = len(d.Against()) == 0
	d.Rehearse = p.Repair == policy.RepairRehearse
	return d
}

func (s Sight) step() Step {
	switch {
	case s.destroyed():
		return Restore
	case s.Far.Left:
		return FromFar
	case s.hurt():
		return Repair
	case s.Far.Wants != Nothing:
		return s.Far.Wants
	case s.lags():
		return Enlarge
	}
	return Nothing
}
