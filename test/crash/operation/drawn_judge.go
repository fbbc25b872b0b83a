// SPDX-License-Identifier: Apache-2.0

package operation

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"

	"github.com/orthrus-luks/orthrus/luks"
	"github.com/orthrus-luks/orthrus/luks/far"
	"github.com/orthrus-luks/orthrus/luks/header"
	"github.com/orthrus-luks/orthrus/luks/relocate"
	"github.com/orthrus-luks/orthrus/test/crash"
	"github.com/orthrus-luks/orthrus/test/crash/disk"
)

// view is what a volume amounts to.
type view struct {
	neutral string // the metadata without sizes and without the far header
	exact   string // with both
	open    map[string]int
	areas   []disk.Range
	heads   []disk.Range
	far     []disk.Range // the far header's places
}

// drawnJudge tells the crash states of an operation on a drawn volume.
type drawnJudge struct {
	keys     *keyring
	loads    *loads
	before   *disk.Image
	version  int
	seqID    uint64
	old, new view
	between  map[string]bool // neutral facts on the way
	remains  *disk.Remains   // of what was revoked
	repairs  bool            // what changes is the state of the heads
	sync     bool            // what changes is the far header
	unequal  bool            // one head at most is good, or the newest, before
	lone     bool            // one header without a checksum, before or after
	passing  []string        // passphrases that may open, or not, on the way

	mu    sync.Mutex
	known map[farKey]crash.Verdict
}

// exactly are the facts, with sizes and what the heads say of a far header behind them.
func exactly(v *luks.Volume) string {
	if v.Version == 1 {
		return facts(v) + separator
	}
	t, _, found, err := far.Find(v.Metadata())
	_, pending, _ := v.Pending()
	return fmt.Sprintf("%s%sheads %d, pending %v, keyslots area %d, data %+v, far %v %v %s %+v", unlogged(neutral(v)), separator,
		v.Choice.Copy.Header.Size, pending, v.Metadata().KeyslotsSize(), v.Data, found, err, t.Phase, t.Far)
}

// unlogged are facts without the log of a change in several steps, of which there are many on the way.
func unlogged(facts string) string {
	lines := slices.DeleteFunc(strings.Split(facts, "\n"), func(line string) bool {
		return strings.Contains(line, "Type:"+relocate.TokenType+" ")
	})
	return strings.Join(lines, "\n")
}

const separator = "\n--\n"

func (j *drawnJudge) view(m *disk.Image) (view, error) {
	v, err := load(m)
	if err != nil {
		return view{}, err
	}
	open, err := j.keys.opening(m, v)
	w := view{open: open, areas: areasOf(v), heads: heads(v), exact: exactly(v)}
	w.neutral, _, _ = strings.Cut(w.exact, separator)
	if v.Version == 2 {
		t, _, _, _ := far.Find(v.Metadata())
		for _, p := range t.Places() {
			w.far = append(w.far, ranges(p)...)
		}
	}
	return w, err
}

// newDrawnJudge judges what is between two images.
func newDrawnJudge(before, after *disk.Image, passphrases []string) (*drawnJudge, error) {
	j := &drawnJudge{keys: newKeyringOf(fewSuspects, passphrases...), before: before, known: map[farKey]crash.Verdict{}}
	var err error
	if j.old, err = j.view(before); err != nil {
		return nil, err
	}
	if j.new, err = j.view(after); err != nil {
		return nil, err
	}
	v, err := load(before)
	if err != nil {
		return nil, err
	}
	w, err := load(after)
	if err != nil {
		return nil, err
	}
	j.version = v.Version
	if j.lone = v.Version == 1 || w.Version == 1; v.Version == 2 {
		j.seqID = v.Choice.Copy.Header.SeqID
	}
	j.loads = newLoads(append(metadataRanges(v), metadataRanges(w)...), exactly)
	j.between = map[string]bool{j.old.neutral: true, j.new.neutral: true}
	j.remains = disk.RemainsOf(before, j.revoked(v))
	return j, nil
}

// fewSuspects: each keyslot of a drawn volume has a passphrase of its own.
const fewSuspects = 3

// revoked lists the areas of passphrases that are to open nothing afterwards.
func (j *drawnJudge) revoked(v *luks.Volume) []disk.Range {
	var list []disk.Range
	for passphrase, id := range j.old.open {
		if _, stays := j.new.open[passphrase]; stays {
			continue
		}
		if k, err := v.Keyslot(id); err == nil {
			list = append(list, areaOf(k))
		}
	}
	return list
}

// admit lets the facts be right on the way that the states of a record have.
func (j *drawnJudge) admit(t disk.Trace) {
	for _, e := range t.Epochs() {
		if v, err := load(e.Durable); err == nil {
			now, _, _ := strings.Cut(exactly(v), separator)
			j.between[now] = true
		}
	}
}

func (j *drawnJudge) heads() []disk.Range { return slices.Concat(j.old.heads, j.new.heads) }

func (j *drawnJudge) areas(v *luks.Volume) []disk.Range {
	list := slices.Concat(j.old.areas, j.new.areas)
	if v != nil {
		list = append(list, areasOf(v)...)
	}
	return list
}

// sole are the heads where one at most is good before.
func (j *drawnJudge) sole() []disk.Range {
	if j.unequal || j.lone {
		return j.heads()
	}
	return nil
}

// unfit holds the metadata against the device as cryptsetup does: it refuses heads whose keyslots area
// would reach beyond the device's end. A device that was cut since is not the volume's fault.
func unfit(m, before *disk.Image, v *luks.Volume) string {
	if v.Version == 1 || m.Size() < before.Size() {
		return ""
	}
	if end := v.Metadata().KeyslotsExtent(v.Choice.Copy.Header.Size).End(); end > uint64(m.Size()) {
		return fmt.Sprintf("the keyslots area ends at byte %d of a device of %d", end, m.Size())
	}
	return ""
}

func (j *drawnJudge) check(c crash.Case) crash.Verdict {
	v, now, err := j.loads.load(c.Image)
	if err != nil {
		return excuse(c, broken("does not load: %v", err), j.heads(), nil)
	}
	if wrong := j.checkHeads(c, v); wrong != "" {
		return excuse(c, broken("%s", wrong), j.sole(), nil)
	}
	open, err := j.keys.opening(c.Image, v)
	if err != nil {
		return broken("unlocking: %v", err)
	}
	if wrong := j.checkKeys(open); wrong != "" {
		return excuse(c, broken("%s", wrong), j.sole(), j.areas(v))
	}
	verdict := j.outcome(c, v, now, open)
	if verdict.Outcome == crash.Broken || verdict.Outcome.Excusable() {
		return verdict
	}
	return j.withFar(c, v, verdict)
}

func (j *drawnJudge) checkHeads(c crash.Case, v *luks.Volume) string {
	if v.Version == 1 {
		return ""
	}
	if v.Choice.Reason == header.Conflicting {
		return "the heads differ under one sequence number"
	}
	if now := v.Choice.Copy.Header.SeqID; j.version == 2 && header.Newer(j.seqID, now) {
		return fmt.Sprintf("sequence number %d is older than %d", now, j.seqID)
	}
	return unfit(c.Image, j.before, v)
}

// checkKeys: what opens before and after opens at each instant, and nothing else does but what opens at
// either end.
func (j *drawnJudge) checkKeys(open map[string]int) string {
	for passphrase := range j.old.open {
		_, opens := open[passphrase]
		if _, stays := j.new.open[passphrase]; stays && !opens && !slices.Contains(j.passing, passphrase) {
			return fmt.Sprintf("%q opens nothing any more", passphrase)
		}
	}
	if len(open) == 0 && len(j.new.open) > 0 {
		return "nothing opens any more"
	}
	for passphrase := range open {
		_, was := j.old.open[passphrase]
		if _, is := j.new.open[passphrase]; !was && !is && !slices.Contains(j.passing, passphrase) {
			return fmt.Sprintf("%q opens keyslot %d, and never should", passphrase, open[passphrase])
		}
	}
	return ""
}

// outcome compares metadata and passphrases with both ends.
func (j *drawnJudge) outcome(c crash.Case, v *luks.Volume, now string, open map[string]int) crash.Verdict {
	set := names(open)
	before, after := names(j.old.open), names(j.new.open)
	plain, _, _ := strings.Cut(now, separator)
	is := crash.Between
	switch {
	case !j.between[plain]:
		return excuse(c, broken("metadata is neither the old nor the new one:\n%s", plain), j.sole(), nil)
	case j.repairs:
		if is = crash.Old; v.Version == 1 || v.Choice.Healthy() || struck(c, j.heads()) {
			is = crash.New
		}
	case j.sync:
	case now == j.new.exact && set == after && (now != j.old.exact || set != before):
		is = crash.New
	case now == j.old.exact && set == before:
		is = crash.Old
	case now == j.old.exact && set == after: // the material is wiped before the heads change
		is = crash.New
	}
	if !c.Acknowledged {
		return crash.Verdict{Outcome: is}
	}
	if wrong := j.unfinished(c, v, now, set == after); wrong != "" {
		return excuse(c, broken("acknowledged, and %s", wrong), j.acknowledgedHeads(v), append(j.areas(v), j.far(v)...))
	}
	return crash.Verdict{Outcome: crash.New}
}

// acknowledgedHeads excuse what an acknowledged operation left undone: a fault that struck the newest head
// behind its back.
func (j *drawnJudge) acknowledgedHeads(v *luks.Volume) []disk.Range {
	if v.Version == 1 || j.lone {
		return j.heads()
	}
	return j.sole()
}

// unfinished tells what an acknowledged operation has left undone.
func (j *drawnJudge) unfinished(c crash.Case, v *luks.Volume, now string, opens bool) string {
	struckHead := struck(c, append(heads(v), j.heads()...)) || c.Image.Unreadable()
	switch left := j.remains.In(c.Image); {
	case now != j.new.exact:
		return "the metadata is not the new one:\n" + now + "\nwas to be:\n" + j.new.exact
	case !opens:
		return "other passphrases open it"
	case v.Version == 2 && !v.Choice.Healthy() && !struckHead:
		return fmt.Sprintf("the heads are not equal: %v", v.Choice.Reason)
	case len(left) > 0:
		return fmt.Sprintf("%d sectors of revoked material are left, the first at byte %d", len(left), left[0].Offset)
	}
	return ""
}

func (j *drawnJudge) far(v *luks.Volume) []disk.Range {
	list := slices.Concat(j.old.far, j.new.far)
	if v != nil && v.Version == 2 {
		t, _, _, _ := far.Find(v.Metadata())
		for _, p := range t.Places() {
			list = append(list, ranges(p)...)
		}
	}
	return list
}

// withFar judges the far header beside the heads, where there is one before or after.
func (j *drawnJudge) withFar(c crash.Case, v *luks.Volume, verdict crash.Verdict) crash.Verdict {
	if len(j.old.far)+len(j.new.far) == 0 || v.Version == 1 {
		return verdict
	}
	hit := struck(c, append(j.far(v), j.areas(v)...)) || len(c.Rotted) > 0 || c.Image.Unreadable()
	k := farKey{c.Image.Sum(), c.Acknowledged, hit, verdict.Outcome}
	j.mu.Lock()
	known, ok := j.known[k]
	j.mu.Unlock()
	if !ok {
		known = j.checkFar(c, verdict, hit)
		j.mu.Lock()
		defer j.mu.Unlock()
		j.known[k] = known
	}
	return known
}

func (j *drawnJudge) checkFar(c crash.Case, verdict crash.Verdict, hit bool) crash.Verdict {
	v, err := load(c.Image)
	if err != nil {
		return broken("%v", err)
	}
	f, err := v.Far(context.Background())
	if hit || struck(c, j.heads()) {
		return verdict
	}
	switch {
	case err != nil:
		return broken("far header: %v", err)
	case f.Standing == far.Displaced, f.Standing == far.CutOff, f.Standing == far.Restored, f.Standing == far.Unknown:
		return broken("the far header is %v: %v", f.Standing, f.Why)
	case c.Acknowledged && f.Standing != far.InStep && f.Standing != far.None:
		return broken("acknowledged, and the far header is %v", f.Standing)
	case f.Exposed, len(f.Forgotten) > 0:
		return broken("the data reach over the far header, or a copy of it is forgotten")
	case slices.ContainsFunc(f.Damaged, j.stays) && firm(verdict):
		return broken("the far header takes keyslots %v for damaged, which nothing struck", f.Damaged)
	case f.Standing == far.InStep && (c.Acknowledged || firm(verdict)):
		return j.lossOfHeads(c, f, verdict)
	}
	return verdict
}

// stays tells whether a keyslot is there before and after. One that goes is overwritten before the heads forget it, and
// the far header is right to say so where it could not be told.
func (j *drawnJudge) stays(id int) bool {
	for passphrase, was := range j.old.open {
		if _, opens := j.new.open[passphrase]; was == id && !opens {
			return false
		}
	}
	return true
}

// firm tells whether a state is wholly the one before or the one after.
func firm(v crash.Verdict) bool { return v.Outcome == crash.Old || v.Outcome == crash.New }

// lossOfHeads zeroes both heads: the far header alone brings the volume back, with every passphrase.
func (j *drawnJudge) lossOfHeads(c crash.Case, f luks.FarHeader, verdict crash.Verdict) crash.Verdict {
	back, err := afterwards(withoutHeads(c.Image, j.new.heads), func(dev crash.Device) error {
		return settle(context.Background(), dev, true)
	})
	if err != nil {
		return broken("both heads lost, and not brought back: %v", err)
	}
	v, err := load(back)
	if err != nil {
		return broken("both heads lost: %v", err)
	}
	open, err := j.keys.opening(back, v)
	if err != nil {
		return broken("unlocking: %v", err)
	}
	// Before the end is acknowledged the far header may be one step behind.
	behind := !c.Acknowledged && names(open) == names(j.old.open)
	if names(open) != names(j.new.open) && !behind {
		return broken("both heads lost, and the far header brings back what %q open, not %q", names(open), names(j.new.open))
	}
	return verdict
}

// expected holds what an operation without faults does to passphrases against what it is for.
func (j *drawnJudge) expected(gains, loses []string) error {
	want := maps.Clone(j.old.open)
	for _, p := range loses {
		delete(want, p)
	}
	for _, p := range gains {
		want[p] = 0
	}
	if names(want) != names(j.new.open) {
		return fmt.Errorf("opened by %q afterwards, not by %q", names(j.new.open), names(want))
	}
	return nil
}
