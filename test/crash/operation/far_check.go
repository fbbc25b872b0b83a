// SPDX-License-Identifier: Apache-2.0

package operation

import (
	"bytes"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"sync"

	"github.com/orthrus-luks/orthrus/luks"
	"github.com/orthrus-luks/orthrus/luks/far"
	"github.com/orthrus-luks/orthrus/luks/luks2"
	"github.com/orthrus-luks/orthrus/luks/repair"
	"github.com/orthrus-luks/orthrus/test/crash"
	"github.com/orthrus-luks/orthrus/test/crash/disk"
)

// farJudge tells the crash states of a volume with a far header: the heads as those of any volume, and
// the far header beside them.
type farJudge struct {
	inner   *judge
	c       farChange
	place   far.Place
	before  *disk.Image
	seen    []disk.Range // what says all of a state
	rotting []disk.Range // the far header, where there is one all along
	mu      sync.Mutex
	known   map[farKey]crash.Verdict
}

// farKey identifies a state for the judge of far headers.
type farKey struct {
	sum    disk.Sum
	acked  bool
	struck bool
	before crash.Outcome
}

func newFarJudge(c farChange, before, after *disk.Image) (*farJudge, error) {
	v, err := load(before)
	if err != nil {
		return nil, err
	}
	j := &farJudge{c: c, before: before, known: map[farKey]crash.Verdict{}}
	if j.place, err = far.PlaceAt(farDevice, far.Length(v.Choice.Copy)); err != nil {
		return nil, err
	}
	if j.inner, err = newJudgeOf(before, after, neutral); err != nil {
		return nil, err
	}
	j.seen = append(metadataRanges(v), disk.Range{Length: int64(j.place.Body.Size)})
	for _, e := range j.place.Extents() {
		j.seen = append(j.seen, extent(e))
		if !c.without && !c.gone {
			j.rotting = append(j.rotting, extent(e))
		}
	}
	if !c.whole {
		return j, j.inner.distinguishes()
	}
	return j, nil
}

// neutral are the facts without the far header's token, and without the length of the data, which goes
// with it.
func neutral(v *luks.Volume) string {
	other := luks.FromView(v.Device(), v.View)
	m := v.Metadata().Clone()
	if _, id, found, _ := far.Find(m); found {
		if err := m.RemoveToken(id); err != nil {
			return err.Error()
		}
	}
	for _, s := range m.Segments() {
		if err := m.SetSegmentSize(s.ID, 0); err != nil {
			return err.Error()
		}
	}
	other.Data.Size, other.Data.Dynamic = 0, false
	other.Choice.Copy = luks2.Copy{Header: v.Choice.Copy.Header, Metadata: m}
	return facts(other)
}

// check judges the heads, then what can be had back from the far header, then the far header itself.
func (j *farJudge) check(c crash.Case) crash.Verdict {
	heads := c
	heads.Acknowledged = c.Acknowledged && !j.c.whole
	v := j.inner.check(heads)
	if v.Outcome == crash.Broken || v.Outcome.Excusable() {
		mended, err := j.mended(c.Image)
		if err != nil {
			return v
		}
		heads.Image = mended
		w := j.inner.check(heads)
		if w.Outcome == crash.Broken || w.Outcome.Excusable() {
			return v
		}
		if j.c.whole {
			w.Outcome = j.struckOutcome(c, crash.Between)
		}
		return w
	}
	k := farKey{c.Image.SumOfAll(j.seen), c.Acknowledged, struck(c, j.all()), v.Outcome}
	j.mu.Lock()
	known, ok := j.known[k]
	j.mu.Unlock()
	if ok {
		return known
	}
	v = j.checkFar(c, v)
	j.mu.Lock()
	defer j.mu.Unlock()
	if len(j.known) > 1<<16 {
		j.known = map[farKey]crash.Verdict{}
	}
	j.known[k] = v
	return v
}

// all are the places of the far header.
func (j *farJudge) all() []disk.Range {
	var list []disk.Range
	for _, e := range j.place.Extents() {
		list = append(list, extent(e))
	}
	return list
}

// mended is the image after what a person would run: unlocking, sync, and repair from the far header.
func (j *farJudge) mended(m *disk.Image) (*disk.Image, error) {
	return afterwards(m, func(dev crash.Device) error {
		ctx := context.Background()
		if err := settle(ctx, dev, true); err != nil {
			return err
		}
		return mendKeyslots(dev)
	})
}

// checkFar holds the far header against the invariants. v is what the heads say.
func (j *farJudge) checkFar(c crash.Case, v crash.Verdict) crash.Verdict {
	volume, err := load(c.Image)
	if err != nil {
		return v
	}
	f, err := volume.Far(context.Background())
	hit := struck(c, j.all()) || len(c.Rotted) > 0 || c.Image.Unreadable()
	if err != nil && !hit {
		return broken("far header: %v", err)
	}
	if j.c.whole {
		v.Outcome = j.standing(f)
	}
	if hit {
		if v.Outcome == crash.Between || v.Outcome == crash.Old {
			v.Outcome = j.struckOutcome(c, v.Outcome)
		}
		return v
	}
	if wrong := j.wrong(c, f); wrong != nil {
		return broken("%v", wrong)
	}
	return v
}

// struckOutcome is that of a state in which a copy was struck, where the far header is what changes: as
// long as one is left, nothing is lost.
func (j *farJudge) struckOutcome(c crash.Case, o crash.Outcome) crash.Outcome {
	if c.Acknowledged && j.c.whole {
		return crash.New
	}
	return o
}

// standing tells old from new where the far header is what changes.
func (j *farJudge) standing(f luks.FarHeader) crash.Outcome {
	sync := !j.c.gone && !j.c.without
	has := f.HasToken && f.Token.Phase == far.Stable
	switch {
	case f.Standing == far.Transit, sync && f.Standing != far.InStep:
		return crash.Between
	case has != j.c.gone:
		return crash.New
	}
	return crash.Old
}

// wrong tells what is wrong with the far header of a state in which nothing struck it.
func (j *farJudge) wrong(c crash.Case, f luks.FarHeader) error {
	switch f.Standing {
	case far.Displaced, far.CutOff, far.Restored, far.Unknown:
		return fmt.Errorf("the far header is %v: %w", f.Standing, f.Why)
	case far.InStep, far.None:
	default:
		if c.Acknowledged {
			return fmt.Errorf("acknowledged, and the far header is %v", f.Standing)
		}
	}
	if f.Standing == far.None && f.HasToken || f.Exposed {
		return errors.New("the token names no far header, or the data reaches over it")
	}
	if len(f.Forgotten) > 0 && (c.Acknowledged || !j.c.forgotten) {
		return errors.New("a copy of the key material is forgotten")
	}
	if c.Acknowledged {
		return j.left(c.Image)
	}
	return j.lossOfHeads(c.Image, f)
}

// left looks for material in the far header that was to go, and for anything where it is to be gone.
func (j *farJudge) left(m *disk.Image) error {
	for passphrase, id := range j.inner.old.open {
		if _, stays := j.inner.new.open[passphrase]; stays {
			continue
		}
		area := j.inner.old.areas[id]
		area.Offset += int64(j.place.Body.Offset)
		if m.Alike(j.before, area) > 0 {
			return fmt.Errorf("the material for %q is left in the far header", passphrase)
		}
	}
	if !j.c.gone {
		return nil
	}
	for _, e := range j.place.Extents() {
		p := make([]byte, e.Size)
		if _, err := m.ReadAt(p, int64(e.Offset)); err != nil || len(bytes.Trim(p, "\x00")) != 0 {
			return fmt.Errorf("something of the far header is left at byte %d", e.Offset)
		}
	}
	return nil
}

// lossOfHeads zeroes both heads: while no update is under way, the far header alone brings the volume
// back, with every passphrase that stays.
func (j *farJudge) lossOfHeads(m *disk.Image, f luks.FarHeader) error {
	if f.Recorded.State != far.Whole || f.Recorded.Locator.Updating() {
		return nil
	}
	back, err := j.mended(withoutHeads(m, j.inner.heads))
	if err != nil {
		return fmt.Errorf("both heads lost, and not brought back: %w", err)
	}
	v, err := load(back)
	if err != nil {
		return fmt.Errorf("both heads lost: %w", err)
	}
	open, err := j.inner.keys.opening(back, v)
	if err != nil {
		return err
	}
	for passphrase := range j.inner.old.open {
		if _, stays := j.inner.new.open[passphrase]; stays {
			if _, opens := open[passphrase]; !opens {
				return fmt.Errorf("both heads lost, and %q opens nothing any more", passphrase)
			}
		}
	}
	return nil
}

// fromFar brings heads back that are both lost; where they are not, or nothing is found, it does nothing.
func fromFar(ctx context.Context, dev crash.Device) error {
	f, err := repair.FindFar(ctx, dev, false, func(far.Found) {})
	if err != nil {
		return nil
	}
	return bring(dev, f)
}

// bring brings heads and keyslot areas back from a far header that was found.
func bring(dev crash.Device, f far.Found) error {
	plan, _, err := repair.FromFar(dev, f, false, rand.Reader)
	if err != nil {
		return err
	}
	return repair.Apply(dev, plan)
}

// recover is what unlocking does, and the next writing verb, and a person where both heads are lost.
func (j *farJudge) recover(dev crash.Device) error {
	return settle(context.Background(), dev, !j.c.whole)
}

// settle syncs a stale far header only where stale says so.
func settle(ctx context.Context, dev crash.Device, stale bool) error {
	if err := fromFar(ctx, dev); err != nil {
		return err
	}
	if err := heal(dev); err != nil {
		return err
	}
	v, err := luks.Load(ctx, dev)
	if err != nil {
		return err
	}
	if _, err := v.Resume(ctx, nil); err != nil {
		return err
	}
	f, err := v.Far(ctx)
	if err != nil {
		return err
	}
	if f.Standing != far.Interrupted && !(stale && f.Standing == far.Stale) {
		return nil
	}
	if _, err := v.SyncFar(ctx, nil, nil); err != nil {
		return err
	}
	if f, err = v.Far(ctx); err != nil || f.Standing != far.InStep {
		return errors.Join(err, errStep)
	}
	return nil
}
