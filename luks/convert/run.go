// SPDX-License-Identifier: Apache-2.0

package convert

import (
	"crypto/rand"
	"errors"

	"github.com/orthrus-luks/orthrus/luks/commit"
	"github.com/orthrus-luks/orthrus/luks/fault"
	"github.com/orthrus-luks/orthrus/luks/header"
	"github.com/orthrus-luks/orthrus/luks/keys"
	"github.com/orthrus-luks/orthrus/luks/luks1"
	"github.com/orthrus-luks/orthrus/luks/luks2"
	"github.com/orthrus-luks/orthrus/luks/view"
)

// Check tells whether a volume cannot become one of the other version; it writes nothing. Errors: Error,
// header.ErrLUKSMeta, luks2.RequirementsError, header.ErrConflict.
func Check(dev header.Device, v view.View) error {
	if v.Version == 1 {
		_, err := planUp(dev, v.LUKS1)
		return err
	}
	_, err := planDown(dev, v)
	return err
}

// Run makes a volume one of the other version, for a caller that holds the exclusive lock and has read it under
// that. Errors: those of Check and of writing.
func Run(dev header.Device, v view.View) error {
	if v.Version == 1 {
		return toLUKS2(dev, v.UUID)
	}
	return toLUKS1(dev, v)
}

func planUp(dev header.Device, h luks1.Header) (Up, error) {
	if err := header.NoLUKSMeta(dev, h); err != nil {
		return Up{}, err
	}
	return PlanUp(h, uint64(max(dev.Size(), 0)))
}

func planDown(dev header.Device, v view.View) (Down, error) {
	if err := v.CheckRequirements(); err != nil {
		return Down{}, err
	}
	if v.Choice.Reason == header.Conflicting {
		return Down{}, header.ErrConflict
	}
	return PlanDown(v.Choice.Copy, uint64(max(dev.Size(), 0)))
}

func toLUKS2(dev header.Device, uuid string) error {
	session, err := commit.Begin1(dev, uuid)
	if err != nil {
		return err
	}
	plan, err := planUp(dev, session.Now())
	if err != nil {
		return err
	}
	heads, err := header.PlanFormat(plan.Copy, rand.Reader)
	if err != nil {
		return err
	}
	if err := carry(session, plan.Clear); err != nil {
		return commit.Preparing(err)
	}
	if err := session.Up(heads); err != nil {
		return err
	}
	return commit.Settling(settle(dev, uuid, plan.Settle))
}

func toLUKS1(dev header.Device, v view.View) error {
	plan, err := planDown(dev, v)
	if err != nil {
		return err
	}
	if err := settle(dev, v.UUID, plan.Settle); err != nil {
		return commit.Preparing(err)
	}
	session, err := commit.Begin(dev, commit.Options{UUID: v.UUID})
	if err != nil {
		return err
	}
	if err := session.Down(plan.Header); err != nil {
		return err
	}
	back, err := commit.Begin1(dev, v.UUID)
	if err != nil {
		return commit.Settling(err)
	}
	return commit.Settling(carry(back, plan.Return))
}

// carry moves keyslots of a LUKS1 volume, each by a change of its own.
func carry(session *commit.Session1, steps []Step) error {
	for _, s := range steps {
		length := uint64(s.Header.MaterialSectors() * luks1.SectorSize)
		copied, wipe, err := moved(session.Device(), s.Keyslot, luks2.Extent{Offset: s.From, Size: length}, s.To)
		if err != nil {
			return err
		}
		c := commit.Change1{Before: []commit.Area{copied}, Next: s.Header, After: []commit.Area{wipe}}
		if err := session.Do(c); err != nil {
			return err
		}
	}
	return nil
}

// settle moves keyslots of a LUKS2 volume, each by a commit of its own.
func settle(dev header.Device, uuid string, moves []Move) error {
	if len(moves) == 0 {
		return nil
	}
	session, err := commit.Begin(dev, commit.Options{UUID: uuid})
	if err != nil {
		return err
	}
	for _, m := range moves {
		c, err := moving(session, m.Keyslot, m.To)
		if err != nil {
			return err
		}
		if err := session.Do(c); err != nil {
			return err
		}
	}
	return nil
}

// moving copies a keyslot's material to another place and wipes the one it leaves.
func moving(session *commit.Session, id int, to uint64) (c commit.Change, err error) {
	c.Next = session.Now()
	slot, err := c.Next.Metadata.Keyslot(id)
	if err != nil {
		return c, err
	}
	from := luks2.Extent{Offset: slot.Area.Offset, Size: slot.Area.Size}
	copied, wipe, err := moved(session.Device(), id, from, to)
	c.Before, c.After = []commit.Area{copied}, []commit.Area{wipe}
	return c, errors.Join(err, c.Next.Metadata.MoveArea(id, to))
}

// moved is a keyslot's material at its next place, and what overwrites the one that it leaves.
func moved(dev header.Device, id int, from luks2.Extent, to uint64) (copied, wipe commit.Area, err error) {
	wipe, err = keys.Noise(id, from)
	if err != nil {
		return copied, wipe, err
	}
	copied = commit.Area{What: wipe.What, Offset: to, Bytes: make([]byte, from.Size)}
	if err := header.ReadFull(dev, copied.Bytes, from.Offset); err != nil {
		return copied, wipe, fault.Keyslot(id, err)
	}
	return copied, wipe, nil
}
