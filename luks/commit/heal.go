// SPDX-License-Identifier: Apache-2.0

package commit

import (
	"crypto/rand"
	"errors"

	"github.com/orthrus-luks/orthrus/luks/header"
	"github.com/orthrus-luks/orthrus/luks/luks1"
	"github.com/orthrus-luks/orthrus/luks/luks2"
	"github.com/orthrus-luks/orthrus/luks/signature"
)

// PlanHeal says how both heads become equal to the one in use; an empty plan where they are. Where another
// signature lies on the device it refuses with a header.ForeignError, and where a copy cannot be read and may
// be newer with header.ErrUnreadable, unless forced. Heads in the middle of a reencryption are never healed:
// header.ErrReencrypting.
func PlanHeal(dev header.Device, heads header.Heads, choice header.Choice, force bool) (Plan, error) {
	healing, err := planHeal(dev, heads, choice, force)
	var p Plan
	p.heads(healing)
	return p, err
}

func planHeal(dev header.Device, heads header.Heads, choice header.Choice, force bool) (header.Plan, error) {
	if choice.Healthy() {
		return header.Plan{}, nil
	}
	if err := header.Doubt(heads, choice); err != nil && !force {
		return header.Plan{}, err
	}
	var foreign []header.Foreign
	if header.Damage(heads) && !force {
		var err error
		if foreign, err = ForeignSignatures(dev); err != nil {
			return header.Plan{}, err
		}
	}
	return header.PlanHeal(heads, choice, foreign, rand.Reader)
}

// Heal makes both heads equal to the one in force, and the far header follow where it may. healed tells whether
// there was anything to do.
func (s *Session) Heal() (healed bool, err error) {
	p, err := PlanHeal(s.dev, s.heads, s.choice, s.o.Force)
	if err != nil || len(p.Stages) == 0 {
		return false, err
	}
	left, err := LeftBehind(s.dev, s.heads, s.choice, s.choice.Copy)
	if err != nil {
		return false, err
	}
	p.loose(s.choice.Copy, left...)
	if err := applySettled(s.dev, p); err != nil {
		return true, err
	}
	if err := s.read(); err != nil {
		return true, err
	}
	s.lag = s.CatchUp()
	return true, nil
}

// ForeignSignatures lists what is on the device beside LUKS, as blkid would: old backups and remains
// with a wrong checksum claim nothing. What cannot be read is unknown, and no reason to leave a
// damaged header as it is.
func ForeignSignatures(dev header.Device) ([]header.Foreign, error) {
	found, err := signature.Detect(dev, dev.Size())
	var unreadable *signature.Unreadable
	if err != nil && !errors.As(err, &unreadable) {
		return nil, err
	}
	var foreign []header.Foreign
	for _, s := range found {
		if s.Foreign() {
			foreign = append(foreign, header.Foreign{
				Kind: s.Kind, Offset: uint64(s.Offset),
				Length: uint64(s.MagicLength),
			})
		}
	}
	return foreign, nil
}

// Mending is the plan of a repair: keyslot material that is known to be what its keyslot had, then heads, which
// may be those of a far header, and then what nobody names any more.
func Mending(areas []Area, heads header.Plan, left ...Area) Plan {
	var p Plan
	p.loose(heads.Now, areas...)
	for _, w := range heads.Writes {
		p.head(w, heads.Next)
	}
	p.loose(heads.Next, left...)
	return p
}

// Mending1 is the same for LUKS1.
func Mending1(sectors []luks1.Write) Plan {
	var p Plan
	p.sectors(sectors)
	return p
}

// Restoring is the plan that puts back what a repair overwrote, each range durable before the next.
func Restoring(areas []Area) Plan {
	var p Plan
	p.loose(luks2.Copy{}, areas...)
	return p
}
