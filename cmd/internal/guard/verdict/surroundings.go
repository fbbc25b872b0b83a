// SPDX-License-Identifier: Apache-2.0

package verdict

import (
	"fmt"
	"strings"

	"github.com/orthrus-luks/orthrus/cmd/internal/guard/identity"
	"github.com/orthrus-luks/orthrus/cmd/internal/guard/policy"
	"github.com/orthrus-luks/orthrus/luks/signature"
)

// surroundings prove that nobody else is concerned, and that a person allowed it.
func (s Sight) surroundings(step Step, allowed policy.Policy) proof {
	var p proof
	if step.writes() {
		s.place(&p)
	}
	p.need(Clone, len(s.Clones) == 0, "no other device bears the UUID",
		"the same UUID is on "+strings.Join(s.Clones, ", "))
	p.need(Member, len(s.Device.Members) == 0, "the device belongs to nothing larger",
		"the device belongs to "+strings.Join(s.Device.Members, ", "))
	if step.grows() {
		p.need(Member, s.Device.Parts == 0, "no partition is on the device", "there are partitions on the device")
	}
	p.need(Removable, !s.Device.Removable || allowed.Removable, "the medium stays, or may be written to",
		"the medium is removable")
	p.need(Held, s.Held == "", "no person asked to leave it alone", "left alone: "+s.Held)
	p.need(Often, !s.Often, "it is not mended again and again",
		"it was mended again and again; something else writes there")
	if step.grows() {
		p.need(Policy, allowed.Grow, "the configuration says grow = yes", "the configuration says grow = no")
		return p
	}
	p.need(Policy, allowed.Repair == policy.RepairProven || allowed.Repair == policy.RepairRehearse,
		"the configuration says repair = "+string(allowed.Repair),
		"the configuration says repair = "+string(allowed.Repair))
	return p
}

// place proves that what would be written over is the volume's alone.
func (s Sight) place(p *proof) {
	foreign := s.foreign()
	p.need(Foreign, len(foreign) == 0, "nothing but LUKS is on the device",
		"the device bears a signature of "+strings.Join(foreign, ", "))
	if s.Known != nil {
		p.need(Foreign, s.Known.Chain.Ended == "" || !s.endedHere(), "nothing else was seen here since",
			"since the volume was in order, there was "+s.Known.Chain.Ended)
	}
	users := s.strangers()
	p.need(InUse, len(users) == 0, "nobody uses the device but the volume's own mapping",
		"the device is in use: "+strings.Join(users, ", "))
	p.need(InUse, !s.Upper || s.Mapping != nil, "the volume was not seen on a device below this one",
		"the volume was seen on a device that this one stands on and uses")
	p.need(Reencrypt, !s.reencrypts(), "no reencryption is under way",
		"a reencryption is under way, or was when the volume was last seen: the heads may differ on purpose, and "+
			"only its own recovery may write them")
	p.need(ReadOnly, !s.Device.ReadOnly, "the device can be written", "the device is read-only")
}

// endedHere: what made an end of the volume was seen on this device, or it is not known on which.
func (s Sight) endedHere() bool {
	where := s.Known.Chain.Where
	return where == "" || where == s.Device.Key
}

// strangers lists the users that are not the volume's own mapping.
func (s Sight) strangers() []string {
	var list []string
	for _, u := range s.Users {
		if !u.own(s.UUID) {
			list = append(list, strings.TrimSpace(string(u.Kind)+" "+u.Name))
		}
	}
	return list
}

// foreign lists what else is on the device. Copies and damaged remains claim nothing.
func (s Sight) foreign() []string {
	var kinds []string
	for _, f := range s.Evidence.Signatures {
		if f.Foreign() || s.lastTable(f) {
			kinds = append(kinds, fmt.Sprintf("%s at byte %d", f.Kind, f.Offset))
		}
	}
	if s.Cleared {
		kinds = append(kinds, "a partition table that was wiped, at byte 512")
	}
	return kinds
}

// lastTable: what is left of a partition table (GPT) is its copy at the device's end, and no head is left. Beside a
// head it is from before the volume.
func (s Sight) lastTable(f signature.Signature) bool {
	const last = 4096 // the copy lies in the last sector, which is no longer
	return f.Kind == "gpt" && f.Backup && !f.Damaged && s.headless() && uint64(f.Offset)+last >= s.Evidence.Size
}

// Ends tells by what somebody made an end of the volume: something else was put over it, or its magics were
// taken while it was not mapped. Remembered, it outlives the next thing that is written there. "" for nothing.
func (s Sight) Ends() string {
	if foreign := s.foreign(); len(foreign) > 0 {
		return "a signature of " + strings.Join(foreign, ", ")
	}
	if len(s.Evidence.Wiped) > 0 && s.Mapping == nil {
		return "a head that only lacked its magic, as after wipefs"
	}
	if s.Remains || s.Mark != nil && s.Mark.Reencrypt {
		return identity.UnderWay
	}
	return ""
}
