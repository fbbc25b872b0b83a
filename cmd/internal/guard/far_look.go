// SPDX-License-Identifier: Apache-2.0

package guard

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/orthrus-luks/orthrus/cmd/internal/guard/identity"
	"github.com/orthrus-luks/orthrus/cmd/internal/guard/store"
	"github.com/orthrus-luks/orthrus/cmd/internal/guard/verdict"
	"github.com/orthrus-luks/orthrus/luks"
	"github.com/orthrus-luks/orthrus/luks/far"
	"github.com/orthrus-luks/orthrus/luks/header"
	"github.com/orthrus-luks/orthrus/luks/inspect"
	"github.com/orthrus-luks/orthrus/luks/luks2"
	"github.com/orthrus-luks/orthrus/luks/relocate"
	"github.com/orthrus-luks/orthrus/luks/view"
)

// transactionLimit bounds a transaction on a disk that does not answer. What it leaves is resumed.
const transactionLimit = 2 * time.Minute

// unlocked is a device that is only read, so that no lock is taken: a look that finds something odd is
// repeated under the lock before anything is done.
type unlocked struct {
	header.Device
	live func() ([]luks2.Extent, error)
}

func (u unlocked) Live() ([]luks2.Extent, error) { return u.live() }

// farLeft is the far header at the end of a device on which no head is left; nil for none. Near the end, where it lies
// once the device has grown, it is looked for where a volume was seen, or a person asks: that takes a thousand reads. A
// search of the whole device is for repair --from-far.
func farLeft(file *luks.File, e inspect.Evidence, last string, asked bool) (left *far.Found) {
	if !headless(e) || e.LUKS1Err != nil {
		return nil
	}
	whole := func(f far.Found) bool { return f.State == far.Whole && !f.Unfinished() }
	if f := far.AtEnd(file); whole(f) {
		return &f
	}
	if last == "" && !asked {
		return nil
	}
	_ = far.Search(context.Background(), file, far.NearEnd(file), func(f far.Found) bool {
		if whole(f) && (last == "" || f.Locator.UUID == last) {
			left = &f
		}
		return left == nil
	}) // it ends early with its context alone
	return left
}

// lookFar judges the far header and what the heads tell of transactions. Only a volume whose heads are
// in order is looked at: they come first.
func (l *look) lookFar(s store.Store, file *luks.File) {
	e := l.sight.Evidence
	if l.lost != nil {
		l.sight.Far = verdict.Far{Left: true}
		if c, err := l.lost.Head(); err == nil {
			m := identity.Of2(c)
			l.sight.Far.Mark = &m
			l.sight.Later = s.Later(m)
		}
		return
	}
	if m := l.sight.Mark; m != nil && !inOrder(e) {
		l.sight.Later = s.Later(*m)
	}
	if e.LUKS1 != nil || !inOrder(e) {
		l.sight.Far.Newer = l.newerFar(file)
		return
	}
	v := luks.FromView(unlocked{file, file.Live}, view.Of2(e.Heads, e.Choice))
	l.loaded = v
	f, err := luks.LookFar(file, e.Heads, e.Choice)
	if err != nil {
		l.sight.Far = verdict.Far{Wants: verdict.Sync, Refused: err.Error()}
		return
	}
	l.far = f
	l.sight.Far = wantsFar(v, f)
	l.sight.Far.Erased = erased(file, f.Recorded, e.Choice.Copy, f.Damaged)
}

// newerFar tells whether the far header is newer than the one head that is left, and nobody has overruled it.
func (l *look) newerFar(file *luks.File) bool {
	e := l.sight.Evidence
	if e.LUKS1 != nil || e.ChoiceErr != nil || e.Choice.Copy.Metadata == nil {
		return false
	}
	f, err := luks.LookFar(file, e.Heads, e.Choice)
	if err != nil || f.Standing != far.Restored {
		return false
	}
	newer := newerState(f)
	return newer == nil || !l.chain.Overrules(*newer)
}

// newerState is the state in a far header that is newer than the heads; nil where it is not, or tells none.
func newerState(f luks.FarHeader) *identity.Mark {
	if f.Standing != far.Restored {
		return nil
	}
	c, err := f.Recorded.Head()
	if err != nil {
		return nil
	}
	m := identity.Of2(c)
	return &m
}

// erased are those of the damaged keyslots of whose material not one sector is left.
func erased(file *luks.File, f far.Found, head luks2.Copy, damaged []int) (ids []int) {
	for _, id := range damaged {
		k, err := head.Metadata.Keyslot(id)
		if err != nil || k.Area.End() > uint64(len(f.Body)) {
			continue
		}
		now := make([]byte, k.Area.Size)
		_, _ = file.ReadAt(now, int64(k.Area.Offset)) // what cannot be read is not left
		left := false
		for at := 0; at+512 <= len(now); at += 512 {
			left = left || bytes.Equal(now[at:at+512], f.Body[int(k.Area.Offset)+at:][:512])
		}
		if !left {
			ids = append(ids, id)
		}
	}
	return ids
}

// wantsFar finds the first thing that is to be done about the far header.
func wantsFar(v *luks.Volume, f luks.FarHeader) verdict.Far {
	_, found, err := v.Pending()
	switch {
	case err != nil:
		return verdict.Far{Wants: verdict.Resume, Refused: err.Error()}
	case found:
		return verdict.Far{Wants: verdict.Resume}
	case f.Standing == far.Restored:
		return verdict.Far{Wants: verdict.Sync, Refused: f.Why.Error() + "; far disable --forget-newer gives it up"}
	case f.Standing == far.Stale, f.Standing == far.Interrupted, len(f.Revoked) > 0, len(f.Forgotten) > 0:
		return verdict.Far{Wants: verdict.Sync, Refused: why(f), Damaged: f.Damaged}
	case f.Why != nil && f.Standing != far.CutOff:
		return verdict.Far{Wants: verdict.Sync, Refused: f.Why.Error()}
	}
	if grow, wants := wantsGrowth(v, f); wants {
		return grow
	}
	if f.Standing == far.InStep {
		return verdict.Far{Damaged: f.Damaged}
	}
	return verdict.Far{}
}

func why(f luks.FarHeader) string {
	if err := f.Writable(); err != nil && !errors.Is(err, far.ErrNone) {
		return err.Error()
	}
	return ""
}

// wantsGrowth: the device is larger than the heads record.
func wantsGrowth(v *luks.Volume, f luks.FarHeader) (verdict.Far, bool) {
	if !f.HasToken || f.Token.Phase != far.Stable || uint64(v.Device().Size()) <= f.Token.DeviceSize {
		return verdict.Far{}, false
	}
	_, _, err := luks.GrowOptions{}.Plan(v.Device(), v.Choice.Copy) // the lock is held, and this was read under it
	if err != nil {
		return verdict.Far{Wants: verdict.Grow, Refused: err.Error()}, true
	}
	return verdict.Far{Wants: verdict.Grow}, true
}

// farFindings says what a person should know of the far header.
func (l *look) farFindings() []string {
	var list []string
	f := l.far
	if l.lost != nil {
		list = append(list, fmt.Sprintf("a whole far header is at byte %d, seqid %d", l.lost.Place.Start(),
			l.lost.Locator.SeqID))
	}
	if l.loaded == nil {
		return list
	}
	if f.HasToken {
		list = append(list, fmt.Sprintf("far header at byte %d: %v", f.Token.Far.Start(), f.Standing))
	}
	if t, found, err := l.loaded.Pending(); err == nil && found {
		list = append(list, "an unfinished transaction: "+t.Phase)
	}
	if f.HasToken && l.device.Size < f.Token.DeviceSize && f.Token.Phase == far.Stable {
		list = append(list, fmt.Sprintf("the device has become smaller: %d bytes, the volume knows %d", l.device.Size,
			f.Token.DeviceSize))
	}
	for _, id := range f.Damaged {
		list = append(list, fmt.Sprintf("keyslot %d differs from what the far header has", id))
	}
	for _, other := range f.Forgotten {
		list = append(list, fmt.Sprintf("a forgotten far header with key material at byte %d", other.Place.Start()))
	}
	return list
}

// transact carries out what takes the lock by itself and keeps a log in the heads: no undo copy is
// needed, since each of its steps can be taken back or concluded.
func (g *Guard) transact(ctx context.Context, l look, d verdict.Decision, file *luks.File) outcome {
	ctx, cancel := context.WithTimeout(ctx, transactionLimit)
	defer cancel()
	now, o := g.again(ctx, l, d, file)
	if o != nil {
		return *o
	}
	if d.Rehearse {
		return rehearsed(now, d, now.sight.Evidence.Choice.Copy.Header.SeqID, "in the transaction's own steps")
	}
	done := outcome{decision: d, entry: store.Entry{
		Device: l.device.Path,
		SeqID:  now.sight.Evidence.Choice.Copy.Header.SeqID,
	}}
	v, err := luks.Load(ctx, file)
	if err != nil {
		done.err = err
		return done
	}
	var steps []string
	tell := func(s relocate.Step) { steps = append(steps, s.What) }
	switch d.Step {
	case verdict.Resume:
		done.entry.What = store.Resumed
		_, done.err = v.Resume(ctx, tell)
		done.entry.Text = "concluded what was begun: "
	case verdict.Sync:
		done.entry.What = store.Synced
		var s luks.FarSync
		s, done.err = v.SyncFar(ctx, nil, nil)
		done.entry.Text = fmt.Sprintf("far header brought into step (updated %v, forgotten copies wiped %d)", s.Updated,
			len(s.Wiped))
	case verdict.Grow:
		done.entry.What = store.Grown
		done.err = v.Grow(ctx, luks.GrowOptions{Tell: tell})
		done.entry.Text = "followed the device: "
	}
	done.entry.Text += strings.Join(steps, "; ")
	done.done = done.err == nil
	return done
}
