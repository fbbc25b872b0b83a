// SPDX-License-Identifier: Apache-2.0

package luks

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"

	"github.com/orthrus-luks/orthrus/luks/commit"
	"github.com/orthrus-luks/orthrus/luks/convert"
	"github.com/orthrus-luks/orthrus/luks/fault"
	"github.com/orthrus-luks/orthrus/luks/header"
	"github.com/orthrus-luks/orthrus/luks/luks1"
)

// CheckConvert tells whether Convert would refuse; it writes nothing. Errors: convert.Error,
// ErrLUKSMeta, RequirementsError, header.ErrConflict, ErrUnsupported for another version than 1 and
// 2 or the one that the volume has.
func (v *Volume) CheckConvert(version int) error {
	if version == v.Version || version != 1 && version != 2 {
		return fmt.Errorf("LUKS%d to LUKS%d: %w", v.Version, version, ErrUnsupported)
	}
	if version == 2 {
		_, err := v.planUp(v.LUKS1)
		return err
	}
	_, err := v.planDown(v.Choice)
	return err
}

// Convert turns LUKS1 metadata into LUKS2 metadata or the other way round; data and passphrases
// stay. Nothing may use the volume meanwhile. Under the lock it plans again, then copies keyslots out
// of the way, writes the other format around the sector that tells which of the two holds, and that
// sector last; see package convert. At each instant the volume opens with all its passphrases, and
// what an interruption leaves can be converted again. Errors: those of CheckConvert and of writing.
func (v *Volume) Convert(ctx context.Context, version int) error {
	if err := v.CheckConvert(version); err != nil {
		return err
	}
	return commit.Locked(ctx, v.dev, true, func() error {
		uuid := v.UUID
		if err := v.load(); err != nil {
			return err
		}
		if v.UUID != uuid || v.Version == version {
			return ErrAnotherVolume
		}
		err := v.convertDown
		if version == 2 {
			err = v.convertUp
		}
		return errors.Join(err(), v.load())
	})
}

func (v *Volume) planUp(h luks1.Header) (convert.Up, error) {
	if err := noLUKSMeta(v.dev, h); err != nil {
		return convert.Up{}, err
	}
	return convert.PlanUp(h, uint64(max(v.dev.Size(), 0)))
}

func (v *Volume) planDown(choice header.Choice) (convert.Down, error) {
	if err := v.CheckRequirements(); err != nil {
		return convert.Down{}, err
	}
	if choice.Reason == header.Conflicting {
		return convert.Down{}, header.ErrConflict
	}
	return convert.PlanDown(choice.Copy, uint64(max(v.dev.Size(), 0)))
}

func (v *Volume) convertUp() error {
	session, err := commit.Begin1(v.dev, v.UUID)
	if err != nil {
		return err
	}
	plan, err := v.planUp(session.Now())
	if err != nil {
		return err
	}
	heads, err := header.PlanFormat(plan.Copy, rand.Reader)
	if err != nil {
		return err
	}
	if err := carry(session, plan.Clear); err != nil {
		return err
	}
	if err := session.Up(heads); err != nil {
		return err
	}
	return v.settle(plan.Settle)
}

// carry moves keyslots of a LUKS1 volume, each by a change of its own.
func carry(session *commit.Session1, steps []convert.Step) error {
	for _, s := range steps {
		material := make([]byte, s.Header.MaterialSectors()*luks1.SectorSize)
		if err := header.ReadFull(session.Device(), material, s.From); err != nil {
			return fault.Keyslot(s.Keyslot, err)
		}
		wipe, err := noise(areaName(s.Keyslot), s.From, uint64(len(material)))
		if err != nil {
			return err
		}
		before := commit.Area{What: areaName(s.Keyslot), Offset: s.To, Bytes: material}
		c := commit.Change1{Before: []commit.Area{before}, Next: s.Header, After: []commit.Area{wipe}}
		if err := session.Do(c); err != nil {
			return err
		}
	}
	return nil
}

// settle moves keyslots of a LUKS2 volume, each by a commit of its own.
func (v *Volume) settle(moves []convert.Move) error {
	if len(moves) == 0 {
		return nil
	}
	session, err := commit.Begin(v.dev, commit.Options{UUID: v.UUID})
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
	material := make([]byte, slot.Area.Size)
	if err := header.ReadFull(session.Device(), material, slot.Area.Offset); err != nil {
		return c, fault.Keyslot(id, err)
	}
	wipe, err := noise(areaName(id), slot.Area.Offset, slot.Area.Size)
	c.Before = []commit.Area{{What: areaName(id), Offset: to, Bytes: material}}
	c.After = []commit.Area{wipe}
	return c, errors.Join(err, c.Next.Metadata.MoveArea(id, to))
}

func (v *Volume) convertDown() error {
	plan, err := v.planDown(v.Choice)
	if err != nil {
		return err
	}
	if err := v.settle(plan.Settle); err != nil {
		return err
	}
	session, err := commit.Begin(v.dev, commit.Options{UUID: v.UUID})
	if err != nil {
		return err
	}
	if err := session.Down(plan.Header); err != nil {
		return err
	}
	back, err := commit.Begin1(v.dev, v.UUID)
	if err != nil {
		return err
	}
	return carry(back, plan.Return)
}
