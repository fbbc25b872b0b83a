// SPDX-License-Identifier: Apache-2.0

package operation

import (
	"context"
	"errors"
	"fmt"

	"github.com/orthrus-luks/orthrus/luks"
	"github.com/orthrus-luks/orthrus/luks/far"
	"github.com/orthrus-luks/orthrus/luks/header"
	"github.com/orthrus-luks/orthrus/luks/luks2"
	"github.com/orthrus-luks/orthrus/luks/relocate"
	"github.com/orthrus-luks/orthrus/test/crash"
	"github.com/orthrus-luks/orthrus/test/crash/disk"
	"github.com/orthrus-luks/orthrus/test/vectors"
)

const mib = 1 << 20

// transaction is a change in several logged steps of a volume that is made for it.
type transaction struct {
	name     string
	from     int64                                 // bytes the device has at first
	far      bool                                  // the volume has a far header
	prepare  func(m *disk.Image) *disk.Image       // reshapes the volume, its device too; may be nil
	run      func(v *luks.Volume) error            // the operation itself
	sizes    []int64                               // the device may come to have meanwhile, bytes
	kept     int64                                 // bytes of data that must stay, 0: all
	foreign  []disk.Range                          // bytes of others that nothing may write to
	owned    []disk.Range                          // in addition to what the places before and after say
	finished func(v *luks.Volume, size int64) bool // the operation is done
	make     func() (*disk.Image, error)           // the volume; nil for one with two passphrases
	keys     func() *keyring                       // its passphrases, with make
}

// largest is what devices of transactions can grow to, bytes.
const largest = 26 * mib

// farVolume formats a volume with two passphrases and fills its data.
func farVolume(size int64, withFar bool) (*disk.Image, error) {
	base := disk.NewImage(make([]byte, size))
	d := disk.NewRecorder(base, disk.Fault{})
	o := luks.FormatOptions{
		Version: 2, Cipher: "aes-cbc-essiv:sha256", KeySize: 16, Hash: "sha256", SectorSize: 512,
		KeyslotsSize: 256 << 10,
		UUID:         "77777777-8888-4999-8aaa-bbbbbbbbbbbb", Keyslot: protection(0), FarHeader: withFar,
	}
	ctx := context.Background()
	v, err := luks.Format(ctx, d, []byte(vectors.K0), o)
	if err != nil {
		return nil, err
	}
	key, err := v.Unlock(ctx, []byte(vectors.K0), luks.UnlockOptions{Keyslot: luks.At(0)})
	if err != nil {
		return nil, err
	}
	defer key.Close()
	if _, err := v.AddKey(ctx, key, []byte(vectors.K1), protection(1)); err != nil {
		return nil, err
	}
	m := d.Trace(nil).After()
	return m.WithBytes(filler(int64(dataLength(v, size))), int64(v.Data.Offset)).WithCapacity(largest), nil
}

// dataLength is how long the data of a volume are on a device of that size, bytes.
func dataLength(v *luks.Volume, size int64) uint64 {
	if v.Data.Dynamic {
		return uint64(size) - v.Data.Offset
	}
	return v.Data.Size
}

// filler is n bytes, each sector of its own.
func filler(n int64) []byte {
	p := make([]byte, n)
	for i := range p {
		p[i] = byte(i) ^ byte(i>>9) ^ byte(i>>17) | 1
	}
	return p
}

// recoverTransaction heals and concludes. What it refuses, and only reports, it has not written for.
func recoverTransaction(dev crash.Device) error {
	ctx := context.Background()
	v, err := luks.Load(ctx, dev)
	if err != nil {
		return err
	}
	if _, err := v.Heal(ctx, false); err != nil {
		return err
	}
	_, err = v.Resume(ctx, nil)
	for _, reported := range []error{
		relocate.ErrShrunk, relocate.ErrNotFree, far.ErrDisplaced, far.ErrUnsure,
		far.ErrRestored,
	} {
		if errors.Is(err, reported) {
			return nil
		}
	}
	return err
}

func (t transaction) volume() (*disk.Image, error) {
	if t.make != nil {
		return t.make()
	}
	return farVolume(t.from, t.far)
}

func (t transaction) operation() (crash.Operation, error) {
	base, err := t.volume()
	if err != nil {
		return crash.Operation{}, fmt.Errorf("%s: setup: %w", t.name, err)
	}
	if t.prepare != nil {
		base = t.prepare(base)
	}
	run := func(dev crash.Device) error {
		v, err := luks.Load(context.Background(), dev)
		if err != nil {
			return err
		}
		return t.run(v)
	}
	after, err := afterwards(base, run)
	if err != nil {
		return crash.Operation{}, fmt.Errorf("%s: %w", t.name, err)
	}
	j, err := newTransactionJudge(t, base, after)
	if err != nil {
		return crash.Operation{}, fmt.Errorf("%s: %w", t.name, err)
	}
	return crash.Operation{
		Name:    t.name,
		Setup:   func() (*disk.Image, error) { return base, nil },
		Run:     run,
		Check:   j.check,
		Recover: recoverTransaction,
		Owned:   append(j.owned(base, after), t.owned...),
		Copies:  j.heads,
		Sizes:   t.sizes,
		Dear:    300,
		Again:   true,
		Unequal: !j.equal,
	}, nil
}

// transactionJudge tells the crash states of a transaction.
type transactionJudge struct {
	t         transaction
	keys      *keyring
	base      *disk.Image
	heads     []disk.Range
	equal     bool         // both heads are good, before
	areas     []disk.Range // of keyslots, before
	seqID     uint64
	data      disk.Range // what must stay
	dataSum   disk.Sum
	foreign   []disk.Sum
	old       far.Token
	open      int // passphrases that open the volume
	oldHeader uint64
}

func newTransactionJudge(t transaction, base, after *disk.Image) (*transactionJudge, error) {
	v, err := load(base)
	if err != nil {
		return nil, err
	}
	j := &transactionJudge{t: t, keys: newKeyring(), base: base, heads: heads(v), seqID: v.Choice.Copy.Header.SeqID}
	if t.keys != nil {
		j.keys = t.keys()
	}
	open, err := j.keys.opening(base, v)
	if err != nil {
		return nil, err
	}
	j.open, j.equal = len(open), v.Version == 2 && v.Choice.Healthy()
	j.oldHeader = v.Choice.Copy.Header.Size
	for _, k := range v.Keyslots {
		j.areas = append(j.areas, areaOf(k))
	}
	j.old, _, _, _ = far.Find(v.Metadata())
	j.data = disk.Range{Offset: int64(v.Data.Offset), Length: t.kept}
	if t.kept == 0 {
		j.data.Length = int64(dataLength(v, base.Size()))
	}
	j.dataSum = base.SumOf(j.data)
	for _, r := range t.foreign {
		j.foreign = append(j.foreign, base.SumOf(r))
	}
	w, err := load(after)
	if err == nil && !t.finished(w, after.Size()) {
		err = errors.New("it does not come to its end")
	}
	return j, err
}

// owned is what a transaction may write: heads and keyslots area, before and after, far headers, and where
// those belong on devices of the sizes that are tried.
func (j *transactionJudge) owned(images ...*disk.Image) []disk.Range {
	var list []disk.Range
	for _, m := range images {
		v, err := load(m)
		if err != nil {
			continue
		}
		list = append(list, disk.Range{Length: int64(v.Metadata().KeyslotsExtent(v.Choice.Copy.Header.Size).End())})
		t, _, found, err := far.Find(v.Metadata())
		for _, p := range t.Places() {
			if found && err == nil {
				list = append(list, ranges(p)...)
			}
		}
		for _, size := range j.t.sizes {
			if p, err := far.PlaceAt(uint64(size), far.Length(v.Choice.Copy)); err == nil && found {
				list = append(list, ranges(p)...)
			}
		}
	}
	return list
}

func ranges(p far.Place) []disk.Range {
	var list []disk.Range
	for _, e := range p.Extents() {
		list = append(list, extent(e))
	}
	return list
}

func (j *transactionJudge) check(c crash.Case) crash.Verdict {
	v, err := load(c.Image)
	if err != nil {
		return excuse(c, broken("does not load: %v", err), j.everyHead(nil), nil)
	}
	if now := v.Choice.Copy.Header.SeqID; header.Newer(j.seqID, now) {
		return excuse(c, broken("sequence number %d is older than %d", now, j.seqID), j.everyHead(v), nil)
	}
	if wrong := unfit(c.Image, j.base, v); wrong != "" {
		return excuse(c, broken("%s", wrong), j.everyHead(v), nil)
	}
	open, err := j.keys.opening(c.Image, v)
	if err != nil {
		return broken("unlocking: %v", err)
	}
	if len(open) != j.open {
		return excuse(c, broken("opened by %q alone", names(open)), nil, append(j.areas, areasOf(v)...))
	}
	if c.Image.Size() >= j.data.End() && c.Image.SumOf(j.data) != j.dataSum {
		return excuse(c, broken("data were changed"), nil, []disk.Range{j.data})
	}
	for i, r := range j.t.foreign {
		if c.Image.Size() >= r.End() && c.Image.SumOf(r) != j.foreign[i] {
			return excuse(c, broken("bytes of something else at %d were written", r.Offset), nil, []disk.Range{r})
		}
	}
	if wrong := j.checkFar(c, v); wrong.Outcome == crash.Broken {
		return wrong
	}
	return j.outcome(c, v)
}

// checkFar: at every instant the far header that the heads believe in is whole and ours, and holds the
// keyslots that open.
func (j *transactionJudge) checkFar(c crash.Case, v *luks.Volume) crash.Verdict {
	t, _, found, err := far.Find(v.Metadata())
	if err != nil {
		return broken("token: %v", err)
	}
	if !found || t.Far.None() || t.Phase == far.Rebuilding || int64(t.Far.End()) > c.Image.Size() ||
		j.isForeign(t.Far) {
		return crash.Verdict{}
	}
	f := far.Read(readOnly{c.Image}, t.Far)
	if f.State != far.Whole || !f.Locator.Of(v.UUID) {
		return excuse(c, broken("phase %s, the far header in force is %v: %v", t.Phase, f.State, f.Err), nil,
			ranges(t.Far))
	}
	for _, k := range v.Keyslots {
		material := make([]byte, k.Area.Size)
		if n, err := c.Image.ReadAt(material, int64(k.Area.Offset)); n < len(material) || err != nil {
			continue
		}
		if !f.Locator.Updating() && !f.Locator.Vouches(k.Area, material) {
			return excuse(c, broken("the far header in force lacks keyslot %d", k.ID), nil,
				append(ranges(t.Far), areaOf(k)))
		}
	}
	return crash.Verdict{}
}

// isForeign: the setup put something else there.
func (j *transactionJudge) isForeign(p far.Place) bool {
	for _, r := range j.t.foreign {
		for _, e := range ranges(p) {
			if r.Overlaps(e) {
				return true
			}
		}
	}
	return false
}

func (j *transactionJudge) outcome(c crash.Case, v *luks.Volume) crash.Verdict {
	t, _, _, _ := far.Find(v.Metadata())
	_, pending, err := v.Pending()
	switch {
	case err != nil:
		return broken("log: %v", err)
	case j.t.finished(v, c.Image.Size()):
		if c.Acknowledged {
			return j.clean(c, v)
		}
		return crash.Verdict{Outcome: crash.New}
	case c.Acknowledged:
		return excuse(c, broken("acknowledged, but in phase %s, header of %d bytes", t.Phase,
			v.Choice.Copy.Header.Size), j.everyHead(v), nil)
	case !pending && t == j.old && v.Choice.Copy.Header.Size == j.oldHeader:
		return crash.Verdict{Outcome: crash.Old}
	}
	return crash.Verdict{Outcome: crash.Between}
}

// clean looks for what an acknowledged transaction must have wiped: the old far header, and areas that
// keyslots left.
func (j *transactionJudge) clean(c crash.Case, v *luks.Volume) crash.Verdict {
	t, _, _, _ := far.Find(v.Metadata())
	gone := j.areas
	if !j.old.Far.None() && t.Far != j.old.Far {
		gone = append(gone[:len(gone):len(gone)], ranges(j.old.Far)...)
	}
	for _, r := range gone {
		if !j.isGone(r, v, t) {
			continue
		}
		if left := c.Image.Alike(j.base, r); left > 0 {
			return excuse(c, broken("%d sectors at %d are left", left, r.Offset), nil, []disk.Range{r})
		}
	}
	return crash.Verdict{Outcome: crash.New}
}

// isGone: nothing of the volume lies in the range any more.
func (j *transactionJudge) isGone(r disk.Range, v *luks.Volume, t far.Token) bool {
	for _, foreign := range j.t.foreign {
		if foreign.Overlaps(r) {
			return false
		}
	}
	for _, now := range append(areasOf(v), ranges(t.Far)...) {
		if now.Overlaps(r) {
			return false
		}
	}
	return true
}

func areasOf(v *luks.Volume) []disk.Range {
	var list []disk.Range
	for _, k := range v.Keyslots {
		list = append(list, areaOf(k))
	}
	return list
}

func (j *transactionJudge) everyHead(v *luks.Volume) []disk.Range {
	if v == nil {
		return []disk.Range{{Length: 2 * luks2.MaxSize}}
	}
	return append(heads(v), j.heads...)
}
