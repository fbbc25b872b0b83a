// SPDX-License-Identifier: Apache-2.0

package operation

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/orthrus-luks/orthrus/luks"
	"github.com/orthrus-luks/orthrus/luks/header"
	"github.com/orthrus-luks/orthrus/test/crash"
	"github.com/orthrus-luks/orthrus/test/crash/disk"
)

// side is what a volume amounts to before or after an operation.
type side struct {
	facts string
	open  map[string]int // passphrase to keyslot
	areas map[int]disk.Range
}

// judge tells the crash states of one operation.
type judge struct {
	facts    func(*luks.Volume) string
	keys     *keyring
	loads    *loads
	old, new side
	heads    []disk.Range
	seqID    uint64 // LUKS2: before the operation
	before   *disk.Image
	repairs  bool         // the heads may be in conflict, and New is heads in order
	unequal  bool         // the heads are, before the operation
	passing  []disk.Range // areas that hold a key on the way only
	moves    bool         // keyslots may lie at a third place in between
}

func newJudge(before, after *disk.Image, repairs bool) (*judge, error) {
	j, err := newJudgeOf(before, after, facts)
	if err == nil {
		j.repairs = repairs
	}
	return j, err
}

// newJudgeOf goes by those facts.
func newJudgeOf(before, after *disk.Image, facts func(*luks.Volume) string) (*judge, error) {
	j := &judge{facts: facts, keys: newKeyring(), before: before}
	v, err := load(before)
	if err != nil {
		return nil, err
	}
	j.heads, j.loads = heads(v), newLoads(metadataRanges(v), facts)
	if v.Version == 2 {
		j.seqID = v.Choice.Copy.Header.SeqID
	}
	if j.old, err = j.side(before); err != nil {
		return nil, err
	}
	if j.new, err = j.side(after); err != nil {
		return nil, err
	}
	return j, nil
}

func (j *judge) side(m *disk.Image) (side, error) {
	v, err := load(m)
	if err != nil {
		return side{}, err
	}
	open, err := j.keys.opening(m, v)
	s := side{facts: j.facts(v), open: open, areas: map[int]disk.Range{}}
	for _, k := range v.Keyslots {
		s.areas[k.ID] = areaOf(k)
	}
	return s, err
}

func broken(format string, args ...any) crash.Verdict {
	return crash.Verdict{Outcome: crash.Broken, Reason: fmt.Sprintf(format, args...)}
}

// check judges a state of a volume.
func (j *judge) check(c crash.Case) crash.Verdict {
	v, now, err := j.loads.load(c.Image)
	if err != nil {
		return excuse(c, broken("does not load: %v", err), j.heads, nil)
	}
	if wrong := j.checkHeads(v); wrong != "" {
		return excuse(c, broken("%s", wrong), j.sole(), nil)
	}
	open, err := j.keys.opening(c.Image, v)
	if err != nil {
		return broken("unlocking: %v", err)
	}
	for _, passphrase := range slices.Sorted(maps.Keys(j.old.open)) {
		_, opens := open[passphrase]
		if _, stays := j.new.open[passphrase]; stays && !opens {
			return excuse(c, broken("%q opens nothing any more", passphrase), j.single(),
				append(j.material(passphrase), j.present(v)...))
		}
	}
	if j.repairs {
		return j.repaired(c, v, now, names(open))
	}
	verdict := j.outcome(c, now, open)
	if c.Acknowledged && verdict.Outcome != crash.New && !verdict.Outcome.Excusable() &&
		verdict.Outcome != crash.Broken {
		return excuse(c, broken("acknowledged, but the state is the %v one", verdict.Outcome), j.sole(), j.areas())
	}
	if c.Acknowledged && verdict.Outcome == crash.New {
		return excuse(c, j.wiped(c, verdict), j.single(), j.areas())
	}
	return verdict
}

// repaired compares the heads with what a repair is for.
func (j *judge) repaired(c crash.Case, v *luks.Volume, now, set string) crash.Verdict {
	healthy := v.Version == 1 || v.Choice.Healthy() || struck(c, j.heads)
	switch {
	case healthy && now == j.new.facts && set == names(j.new.open):
		return crash.Verdict{Outcome: crash.New}
	case c.Acknowledged:
		return excuse(c, broken("acknowledged, but not repaired"), j.heads, j.areas())
	case now == j.old.facts || now == j.new.facts:
		return crash.Verdict{Outcome: crash.Old}
	}
	return excuse(c, broken("metadata is neither the old nor the new one:\n%s", now), j.heads, j.areas())
}

// wiped looks for material that was to go: whoever holds an old passphrase and an old header would
// open the volume with it.
func (j *judge) wiped(c crash.Case, verdict crash.Verdict) crash.Verdict {
	for passphrase, id := range j.old.open {
		if at, stays := j.new.open[passphrase]; stays && (!j.moves ||
			j.new.areas[at].Offset == j.old.areas[id].Offset) {
			continue
		}
		if left := c.Image.Alike(j.before, j.old.areas[id]); left > 0 {
			return broken("%d sectors of the material for %q are left", left, passphrase)
		}
	}
	return verdict
}

// checkHeads tells what is wrong with heads of which at least one is valid.
func (j *judge) checkHeads(v *luks.Volume) string {
	if v.Version == 1 {
		return ""
	}
	if v.Choice.Reason == header.Conflicting && !j.repairs {
		return "the heads differ under one sequence number"
	}
	if now := v.Choice.Copy.Header.SeqID; header.Newer(j.seqID, now) {
		return fmt.Sprintf("sequence number %d is older than %d", now, j.seqID)
	}
	return ""
}

// present lists where keyslots that move lie now.
func (j *judge) present(v *luks.Volume) []disk.Range {
	if !j.moves {
		return nil
	}
	var list []disk.Range
	for _, k := range v.Keyslots {
		list = append(list, areaOf(k))
	}
	return list
}

// material lists where the keyslots of a passphrase lie before and after.
func (j *judge) material(passphrase string) []disk.Range {
	list := []disk.Range{}
	for _, s := range []side{j.old, j.new} {
		if id, ok := s.open[passphrase]; ok {
			list = append(list, s.areas[id])
		}
	}
	return list
}

// excuse turns a loss into one that the faults explain: they struck the heads, or a keyslot's area.
func excuse(c crash.Case, loss crash.Verdict, heads, areas []disk.Range) crash.Verdict {
	switch {
	case loss.Outcome != crash.Broken:
	case struck(c, heads):
		loss.Outcome = crash.NoCopy
	case struck(c, areas):
		loss.Outcome = crash.Keyslot
	}
	return loss
}

func struck(c crash.Case, places []disk.Range) bool { return slices.ContainsFunc(places, c.Damaged) }

// outcome compares metadata and passphrases with both sides.
func (j *judge) outcome(c crash.Case, now string, open map[string]int) crash.Verdict {
	set := names(open)
	before, after := names(j.old.open), names(j.new.open)
	switch {
	case now != j.old.facts && now != j.new.facts:
		return excuse(c, broken("metadata is neither the old nor the new one:\n%s", now), j.sole(), nil)
	case now == j.new.facts && set == after && (now != j.old.facts || set != before):
		return crash.Verdict{Outcome: crash.New}
	case now == j.old.facts && set == before:
		return crash.Verdict{Outcome: crash.Old}
	case now == j.old.facts && set == after: // the material is wiped before the header changes
		return crash.Verdict{Outcome: crash.New}
	case set == names(union(j.old.open, j.new.open)):
		return crash.Verdict{Outcome: crash.Between}
	}
	return excuse(c, broken("opened by %s; was %s, was to be %s", set, before, after), j.sole(), j.areas())
}

// single is the header where it has no copy, as that of LUKS1 on either side of a conversion.
func (j *judge) single() []disk.Range {
	if len(j.heads) == 1 || j.moves {
		return j.heads
	}
	return nil
}

// sole are the heads where one at most is good, or the newest, before the operation.
func (j *judge) sole() []disk.Range {
	if j.unequal {
		return j.heads
	}
	return j.single()
}

// areas is whatever holds a key.
func (j *judge) areas() []disk.Range {
	list := slices.Clone(j.passing)
	for _, passphrase := range passphrases() {
		list = append(list, j.material(passphrase)...)
	}
	return list
}

func names(open map[string]int) string {
	return strings.Join(slices.Sorted(maps.Keys(open)), " and ")
}

func union(a, b map[string]int) map[string]int {
	all := maps.Clone(a)
	maps.Copy(all, b)
	return all
}

// errSame is returned for an operation that changes nothing: its states could not be told apart.
var errSame = errors.New("the volume is the same before and after")

func (j *judge) distinguishes() error {
	if !j.repairs && j.old.facts == j.new.facts && names(j.old.open) == names(j.new.open) {
		return errSame
	}
	return nil
}
