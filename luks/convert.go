// SPDX-License-Identifier: Apache-2.0

package luks

import (
	"bytes"
	"context"
	"crypto/rand"
	"errors"
	"fmt"

	"github.com/orthrus-luks/orthrus/luks/commit"
	"github.com/orthrus-luks/orthrus/luks/convert"
	"github.com/orthrus-luks/orthrus/luks/header"
	"github.com/orthrus-luks/orthrus/luks/luks1"
	"github.com/orthrus-luks/orthrus/luks/luks2"
)

// ErrLUKSMeta refuses to convert a LUKS1 volume with data of luksmeta behind its keyslots, where
// LUKS2 would have its own.
var ErrLUKSMeta = errors.New("LUKSMETA data lies behind the keyslots")

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
	return locked(ctx, v.dev, true, func() error {
		uuid := v.UUID
		if err := v.load(); err != nil {
			return err
		}
		if v.UUID != uuid || v.Version == version {
			return ErrAnotherVolume
		}
		if version == 2 {
			return v.convertUp()
		}
		return v.convertDown()
	})
}

func (v *Volume) planUp(h luks1.Header) (convert.Up, error) {
	if err := v.noLUKSMeta(h); err != nil {
		return convert.Up{}, err
	}
	return convert.PlanUp(h, uint64(max(v.dev.Size(), 0)))
}

// luksMeta begins what luksmeta stores, at the first 4 KiB behind all keyslots.
const luksMeta = "LUKSMETA"

func (v *Volume) noLUKSMeta(h luks1.Header) error {
	p := make([]byte, len(luksMeta))
	n, err := v.dev.ReadAt(p, int64(roundUp(materialRoom1(h).End(), luks2.AreaAlignment)))
	if n == len(p) && string(p) == luksMeta {
		return ErrLUKSMeta
	}
	if n < len(p) && v.LUKS1.PayloadOffset != 0 {
		return fmt.Errorf("looking for LUKSMETA data: %w", err)
	}
	return nil
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
	plan, err := v.planUp(v.LUKS1)
	if err != nil {
		return err
	}
	if err := commit.Settle(v.dev); err != nil {
		return err
	}
	heads, err := header.PlanFormat(plan.Copy, rand.Reader)
	if err != nil {
		return err
	}
	for _, step := range plan.Clear {
		if err := v.relocate1(step); err != nil {
			return err
		}
	}
	if err := v.switchUp(heads); err != nil {
		return err
	}
	if err := v.load(); err != nil {
		return err
	}
	return v.settle(plan.Settle)
}

// relocate1 moves a keyslot of a LUKS1 volume.
func (v *Volume) relocate1(s convert.Step) error {
	material := make([]byte, s.Header.MaterialSectors()*luks1.SectorSize)
	if n, err := v.dev.ReadAt(material, int64(s.From)); n < len(material) {
		return &KeyslotError{s.Keyslot, err}
	}
	wipe, err := noise(areaName(s.Keyslot), s.From, uint64(len(material)))
	if err != nil {
		return err
	}
	before := areaWrite{areaName(s.Keyslot), s.To, material}
	return v.take(step1{before: []areaWrite{before}, next: s.Header, after: []areaWrite{wipe}})
}

// switchUp writes both heads around the LUKS1 header, whose second sector stays within the primary's
// padding until sector 0 has made it LUKS2.
func (v *Volume) switchUp(heads header.Plan) error {
	primary, secondary := heads.Writes[0], heads.Writes[1]
	old, err := readLUKS1Sectors(v.dev)
	if err != nil {
		return err
	}
	mixed := bytes.Clone(primary.Bytes)
	copy(mixed[luks1.SectorSize:], old[luks1.SectorSize:])
	if err := luks2.Seal(mixed); err != nil {
		return err
	}
	for _, w := range []areaWrite{
		{"secondary header", secondary.Offset, secondary.Bytes},
		{"primary header", luks1Room, mixed[luks1Room:]},
		{"sector 0", 0, mixed[:luks1.SectorSize]},
	} {
		if err := commit.WriteArea(v.dev, w.what, w.offset, w.bytes); err != nil {
			return err
		}
	}
	return commit.Apply(v.dev, header.Plan{Writes: heads.Writes[:1]})
}

// settle moves keyslots of a LUKS2 volume, each by a commit of its own.
func (v *Volume) settle(moves []convert.Move) error {
	for _, m := range moves {
		err := v.amend2(func(now luks2.Copy) (change, error) { return v.moving(now, m.Keyslot, m.To) })
		if err != nil {
			return err
		}
	}
	return nil
}

func (v *Volume) convertDown() error {
	plan, err := v.planDown(v.Choice)
	if err != nil {
		return err
	}
	if err := v.settle(plan.Settle); err != nil {
		return err
	}
	if err := v.wholeAgain(); err != nil {
		return err
	}
	headsEnd := 2 * v.Choice.Copy.Header.Size
	raw, err := plan.Header.Encode()
	if err != nil {
		return err
	}
	for _, w := range []areaWrite{
		{"sector 1", luks1.SectorSize, raw[luks1.SectorSize:]},
		{"sector 0", 0, raw[:luks1.SectorSize]},
	} {
		if err := commit.WriteArea(v.dev, w.what, w.offset, w.bytes); err != nil {
			return err
		}
	}
	if err := v.forgetHeads(headsEnd); err != nil {
		return err
	}
	for _, step := range plan.Return {
		if err := v.relocate1(step); err != nil {
			return err
		}
	}
	return v.load()
}

// wholeAgain makes both heads equal, and durable, before the primary goes: the secondary alone speaks for the
// volume while sector 0 is written.
func (v *Volume) wholeAgain() error {
	heads := header.Read(v.dev)
	choice, err := header.Choose(heads)
	if err != nil {
		return err
	}
	plan, err := v.planHeal(heads, choice, false)
	if err != nil {
		return err
	}
	return commit.Apply(v.dev, plan)
}

// forgetHeads overwrites what is left of LUKS2 behind the LUKS1 header, the secondary first.
func (v *Volume) forgetHeads(end uint64) error {
	secondary := end / 2
	if err := commit.WriteArea(v.dev, "old secondary header", secondary, make([]byte, end-secondary)); err != nil {
		return err
	}
	return commit.WriteArea(v.dev, "old primary header", luks1Room, make([]byte, secondary-luks1Room))
}
