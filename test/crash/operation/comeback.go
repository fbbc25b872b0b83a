// SPDX-License-Identifier: Apache-2.0

package operation

import (
	"context"
	"errors"
	"fmt"

	"github.com/orthrus-luks/orthrus/luks/far"
	"github.com/orthrus-luks/orthrus/luks/repair"
	"github.com/orthrus-luks/orthrus/test/crash"
	"github.com/orthrus-luks/orthrus/test/crash/disk"
)

// comeback puts both heads of a volume back that has none: from what was kept of them, as the guard does
// under a mapping, or from the far header, as a person does.
type comeback struct {
	name string
	make func() (*disk.Image, error)                                         // the volume while it was in order
	back func(dev crash.Device, whole *disk.Image, heads []disk.Range) error // puts them back
	dear int
	keys func() *keyring // nil for that of the recorded volumes
}

func comebacks() []comeback {
	return []comeback{
		{
			name: "put kept heads back",
			make: func() (*disk.Image, error) { return change{volume: small}.base() },
			back: fromKept,
		},
		{
			name: "put heads back from the far header",
			make: func() (*disk.Image, error) { return farVolume(8*mib, true) },
			back: fromFound,
			dear: 300,
		},
		{name: "put heads back amid a growth", make: amidGrowth, back: fromFound, dear: 300},
	}
}

func fromFound(dev crash.Device, _ *disk.Image, _ []disk.Range) error {
	f, err := repair.FindFar(context.Background(), dev, false, func(far.Found) {})
	if err != nil {
		return err
	}
	return bring(dev, f)
}

// amidGrowth is a volume whose second far header was being written when the device vanished, its heads as they were
// before.
func amidGrowth() (*disk.Image, error) {
	before, err := farVolume(8*mib, true)
	if err != nil {
		return nil, err
	}
	v, err := load(before)
	if err != nil {
		return nil, err
	}
	place, err := far.PlaceAt(16*mib, far.Length(v.Choice.Copy))
	if err != nil {
		return nil, err
	}
	cut := afterWrites(before.Sized(16*mib), growth("", 16*mib).run, announced+1)
	half := make([]byte, place.Body.Size/2)
	cut = cut.WithBytes(half, int64(place.Body.End())-int64(len(half)))
	for _, h := range heads(v) {
		p := make([]byte, h.Length)
		if _, err := before.ReadAt(p, h.Offset); err != nil {
			return nil, err
		}
		cut = cut.WithBytes(p, h.Offset)
	}
	return cut, nil
}

func fromKept(dev crash.Device, whole *disk.Image, heads []disk.Range) error {
	v, err := load(whole)
	if err != nil {
		return err
	}
	var writes []repair.Write
	for _, h := range heads {
		w := repair.Write{What: "header", Offset: uint64(h.Offset), Bytes: make([]byte, h.Length)}
		if _, err := whole.ReadAt(w.Bytes, h.Offset); err != nil {
			return err
		}
		writes = append(writes, w)
	}
	plan, err := repair.Restore(dev, 2, v.UUID, v.Choice.Copy.Header.SeqID, writes)
	if err != nil {
		return err
	}
	return repair.Apply(dev, plan)
}

func (b comeback) operation() (crash.Operation, error) {
	whole, err := b.make()
	if err != nil {
		return crash.Operation{}, fmt.Errorf("%s: setup: %w", b.name, err)
	}
	j, err := newComebackJudge(whole, b.keys)
	if err != nil {
		return crash.Operation{}, fmt.Errorf("%s: %w", b.name, err)
	}
	lost := withoutHeads(whole, j.heads)
	run := func(dev crash.Device) error { return b.back(dev, whole, j.heads) }
	return crash.Operation{
		Name:  b.name,
		Setup: func() (*disk.Image, error) { return lost, nil },
		Run:   run,
		Check: j.check,
		Recover: func(dev crash.Device) error {
			err := run(dev)
			if errors.Is(err, repair.ErrStillValid) || errors.Is(err, repair.ErrHeadValid) {
				return heal(dev)
			}
			return err
		},
		Owned:  append(j.source, disk.Range{Length: j.end}),
		Copies: j.heads, Areas: j.areas, Unequal: true, Dear: b.dear, Again: true,
	}, nil
}

// comebackJudge tells the states: no head stands yet, or the volume is as it was.
type comebackJudge struct {
	keys         *keyring
	was          side
	heads, areas []disk.Range
	source       []disk.Range // the far header, where they come from there
	end          int64        // of the keyslots area
}

func newComebackJudge(whole *disk.Image, keys func() *keyring) (*comebackJudge, error) {
	if keys == nil {
		keys = newKeyring
	}
	v, err := load(whole)
	if err != nil {
		return nil, err
	}
	shared := &judge{keys: keys(), facts: facts}
	j := &comebackJudge{keys: shared.keys, heads: heads(v), areas: areasOf(v)}
	if t, _, found, err := far.Find(v.Metadata()); err == nil && found {
		j.source = ranges(t.Far)
	}
	j.end = int64(v.Metadata().KeyslotsExtent(v.Choice.Copy.Header.Size).End())
	if j.was, err = shared.side(whole); err == nil && len(j.was.open) == 0 {
		err = errors.New("no passphrase opens anything")
	}
	return j, err
}

func (j *comebackJudge) check(c crash.Case) crash.Verdict {
	v, err := load(c.Image)
	switch {
	case err != nil && c.Acknowledged:
		return excuse(c, broken("acknowledged, and no head stands: %v", err), j.heads, nil)
	case err != nil && struck(c, j.source):
		return crash.Verdict{Outcome: crash.NoCopy, Reason: "the far header was struck, and nothing else is left"}
	case err != nil:
		return crash.Verdict{Outcome: crash.Between}
	}
	open, err := j.keys.opening(c.Image, v)
	if err != nil {
		return broken("unlocking: %v", err)
	}
	switch now := facts(v); {
	case now != j.was.facts:
		return excuse(c, broken("the metadata is another:\n%s", now), j.heads, nil)
	case names(open) != names(j.was.open):
		return excuse(c, broken("opened by %q alone", names(open)), nil, j.areas)
	case c.Acknowledged && !v.Choice.Healthy() && !struck(c, j.heads) && !c.Image.Unreadable():
		return broken("acknowledged, and one head is not in order")
	}
	return crash.Verdict{Outcome: crash.New}
}
