// SPDX-License-Identifier: Apache-2.0

package operation

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"

	"github.com/orthrus-luks/orthrus/luks"
	"github.com/orthrus-luks/orthrus/luks/repair"
	"github.com/orthrus-luks/orthrus/test/crash"
	"github.com/orthrus-luks/orthrus/test/crash/disk"
	"github.com/orthrus-luks/orthrus/test/vectors"
)

// mending brings the damaged material of a keyslot back from the far header, while the heads are in order.
type mending struct{ name string }

func mendings() []mending { return []mending{{"mend a keyslot from the far header"}} }

func mendKeyslots(dev crash.Device) error {
	ctx := context.Background()
	v, err := luks.Load(ctx, dev)
	if err != nil {
		return err
	}
	f, err := v.Far(ctx)
	if err := errors.Join(err, f.Why); err != nil {
		return err
	}
	plan, err := repair.Make(dev, repair.KeepNone, rand.Reader)
	if err != nil {
		return err
	}
	plan.MendKeyslots(f.Recorded, v.Choice.Copy, f.Damaged)
	return repair.Apply(dev, plan)
}

func (m mending) operation() (crash.Operation, error) {
	whole, err := farVolume(8*mib, true)
	if err != nil {
		return crash.Operation{}, fmt.Errorf("%s: setup: %w", m.name, err)
	}
	j, err := newComebackJudge(whole, nil)
	if err != nil {
		return crash.Operation{}, fmt.Errorf("%s: %w", m.name, err)
	}
	area := j.was.areas[j.was.open[vectors.K0]]
	damaged := whole.WithBytes(make([]byte, area.Length), area.Offset)
	return crash.Operation{
		Name:    m.name,
		Setup:   func() (*disk.Image, error) { return damaged, nil },
		Run:     mendKeyslots,
		Check:   func(c crash.Case) crash.Verdict { return j.checkMended(c, area) },
		Recover: mendKeyslots,
		Owned:   []disk.Range{{Length: j.end}},
		Copies:  j.heads, Dear: 300, Again: true,
	}, nil
}

// checkMended: heads and the other keyslot are as they were all along.
func (j *comebackJudge) checkMended(c crash.Case, area disk.Range) crash.Verdict {
	v, err := load(c.Image)
	if err != nil {
		return excuse(c, broken("no head stands: %v", err), j.heads, nil)
	}
	open, err := j.keys.opening(c.Image, v)
	if err != nil {
		return broken("unlocking: %v", err)
	}
	_, mended := open[vectors.K0]
	_, other := open[vectors.K1]
	switch now := facts(v); {
	case now != j.was.facts:
		return excuse(c, broken("the metadata is another:\n%s", now), j.heads, nil)
	case !other:
		return excuse(c, broken("opened by %q alone", names(open)), nil, j.areas)
	case mended:
		return crash.Verdict{Outcome: crash.New}
	case c.Acknowledged:
		return excuse(c, broken("acknowledged, and the keyslot is not mended"), nil, []disk.Range{area})
	}
	return crash.Verdict{Outcome: crash.Between}
}
