// SPDX-License-Identifier: Apache-2.0

package guard

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"path/filepath"
	"time"

	"github.com/orthrus-luks/orthrus/cmd/internal/guard/store"
	"github.com/orthrus-luks/orthrus/cmd/internal/guard/verdict"
	"github.com/orthrus-luks/orthrus/cmd/internal/undo"
	"github.com/orthrus-luks/orthrus/dm"
	"github.com/orthrus-luks/orthrus/dm/block"
	"github.com/orthrus-luks/orthrus/luks"
	"github.com/orthrus-luks/orthrus/luks/activate"
	"github.com/orthrus-luks/orthrus/luks/inspect"
	"github.com/orthrus-luks/orthrus/luks/repair"
)

// errReplaced: the device is not the one that was looked at.
var errReplaced = errors.New("another device is there now")

// outcome is what acting came to.
type outcome struct {
	done      bool
	rehearsed bool             // everything was done but the write
	decision  verdict.Decision // as of the moment of acting
	entry     store.Entry
	err       error
}

// act carries out the step that was decided on. A step that has begun is ended whatever becomes of
// ctx: it is short, and half of it is what nobody wants.
func (g *Guard) act(ctx context.Context, l look, d verdict.Decision) outcome {
	ctx = context.WithoutCancel(ctx)
	g.acting.Add(1)
	defer g.acting.Add(-1)
	if d.Step == verdict.Enlarge {
		return g.enlarge(ctx, l, d)
	}
	// Where nobody is known to use the device, nobody may while it is written. A rehearsal does not open for
	// writing: closing that is an event, and would be followed by the next look.
	options := luks.DeviceOptions{Write: !d.Rehearse, Exclusive: len(l.sight.Users) == 0}
	file, err := luks.OpenDevice(l.device.Path, options)
	if errors.Is(err, block.ErrBusy) {
		d.Refuse(verdict.InUse, "the device is in use: somebody has claimed it")
		return outcome{decision: d}
	}
	if err != nil {
		return outcome{decision: d, err: err}
	}
	var o outcome
	switch d.Step {
	case verdict.Resume, verdict.Sync, verdict.Grow:
		o = g.transact(ctx, l, d, file)
	default:
		o = g.write(ctx, l, d, file)
	}
	o.err = errors.Join(o.err, file.Close())
	if o.err != nil || o.done && !o.rehearsed && d.Step != verdict.Grow {
		g.mended(l.uuid, time.Now())
	}
	return o
}

// write decides again under the exclusive lock, keeps what will be overwritten, and writes.
func (g *Guard) write(ctx context.Context, l look, d verdict.Decision, file *luks.File) outcome {
	waiting, cancel := context.WithTimeout(ctx, lockPatience)
	defer cancel()
	release, err := file.LockMetadata(waiting, true)
	if errors.Is(err, context.DeadlineExceeded) {
		d.Refuse(verdict.Locked, "somebody holds the lock on the header")
		return outcome{decision: d}
	}
	if err != nil {
		return outcome{decision: d, err: err}
	}
	o := g.writeLocked(ctx, l, d, file)
	o.err = errors.Join(o.err, release())
	return o
}

func (g *Guard) writeLocked(ctx context.Context, l look, d verdict.Decision, file *luks.File) outcome {
	now, o := g.again(ctx, l, d, file)
	if o != nil {
		return *o
	}
	plan, err := now.plan(d.Step, file)
	if err != nil {
		return outcome{decision: d, err: err}
	}
	if d.Rehearse {
		return rehearsed(now, d, plan.SeqID, describe(plan))
	}
	return g.carryOut(now, d, plan, file)
}

// rehearsed is what would have been done.
func rehearsed(l look, d verdict.Decision, seqid uint64, text string) outcome {
	entry := store.Entry{Device: l.device.Path, What: store.Rehearsed, SeqID: seqid, Text: "would have " +
		string(d.Step) + ": " + text}
	return outcome{rehearsed: true, decision: d, entry: entry}
}

// again looks and decides once more, through the file that is open for writing. An outcome means that
// the step is not to be taken.
func (g *Guard) again(ctx context.Context, l look, d verdict.Decision, file *luks.File) (look, *outcome) {
	device, err := g.describe(l.device.ID)
	if err != nil || !same(device, l.device, file) {
		return look{}, &outcome{decision: d, err: errors.Join(errReplaced, err)}
	}
	now := g.see(device, file, inspect.Read(file))
	if now.sight.Clones, err = g.everyClone(ctx, now, file, askLimit); err != nil {
		return look{}, &outcome{decision: d, err: err}
	}
	if next := verdict.Decide(now.sight, now.policy); !next.Do || next.Rehearse != d.Rehearse || next.Step != d.Step ||
		now.uuid != l.uuid {
		return look{}, &outcome{decision: next}
	}
	return now, nil
}

// same tells whether the open file is the device that was described, both times.
func same(now, before Device, file *luks.File) bool {
	if now.ID != before.ID || now.DiskSeq != before.DiskSeq || now.Size != uint64(file.Size()) {
		return false
	}
	major, minor, isBlock := now.number()
	if !isBlock {
		return !file.IsBlock()
	}
	return file.IsBlock() && file.Major() == major && file.Minor() == minor
}

func (l *look) plan(step verdict.Step, file *luks.File) (repair.Plan, error) {
	switch step {
	case verdict.Restore:
		return l.known.Restore(file)
	case verdict.FromFar:
		plan, _, err := repair.FromFar(file, *l.lost, false, rand.Reader)
		return plan, err
	}
	plan, err := repair.Make(file, repair.KeepNone, rand.Reader)
	if err == nil && len(l.sight.Far.Damaged) > 0 {
		plan.MendKeyslots(l.far.Recorded, l.sight.Evidence.Choice.Copy, l.sight.Far.Damaged)
	}
	return plan, err
}

// carryOut makes the undo copy durable and writes.
func (g *Guard) carryOut(l look, d verdict.Decision, plan repair.Plan, file *luks.File) outcome {
	now := time.Now()
	o := outcome{decision: d, entry: store.Entry{Device: l.device.Path, SeqID: plan.SeqID, What: store.Repaired}}
	if d.Step == verdict.Restore || d.Step == verdict.FromFar {
		o.entry.What = store.Restored
	}
	dir, err := g.store.UndoDirectory(file)
	if err == nil {
		o.entry.Undo = filepath.Join(dir, undo.Name(plan, now))
		err = undo.Keep(o.entry.Undo, file, plan, now)
	}
	if err != nil {
		o.err = fmt.Errorf("no undo copy, so nothing was written: %w", err)
		return o
	}
	if err := repair.Apply(file, plan); err != nil {
		o.err = err
		return o
	}
	o.done = true
	o.entry.Text = describe(plan)
	if err := g.store.TrimUndo(l.uuid); err != nil {
		g.log.Warn("an old undo copy cannot be destroyed", "uuid", l.uuid, "error", err)
	}
	return o
}

func describe(plan repair.Plan) string {
	text := ""
	for _, w := range plan.Writes {
		if text != "" {
			text += "; "
		}
		text += fmt.Sprintf("%s written (bytes %d to %d): %s", w.What, w.Offset, w.Offset+uint64(len(w.Bytes))-1, w.Why)
	}
	return text
}

// enlarge loads a longer table. It writes nothing to the device.
func (g *Guard) enlarge(ctx context.Context, l look, d verdict.Decision) outcome {
	o := outcome{decision: d, entry: store.Entry{Device: l.device.Path, SeqID: l.known.SeqID, What: store.Grown}}
	control, err := dm.Open()
	if err != nil {
		o.err = err
		return o
	}
	defer control.Close()
	m := l.sight.Mapping
	if d.Rehearse {
		return rehearsed(l, d, l.known.SeqID, fmt.Sprintf("mapping %s from %d to %d bytes", m.Name, m.Size, m.Wanted))
	}
	if o.err = lengthen(ctx, control, l.device.Path, m); o.err != nil {
		return o
	}
	o.done = true
	o.entry.Text = fmt.Sprintf("mapping %s enlarged from %d to %d bytes", m.Name, m.Size, m.Wanted)
	return o
}

// lengthen believes a key in the table only when the header of the device at path confirms it.
func lengthen(ctx context.Context, control *dm.Control, path string, m *verdict.Mapping) (err error) {
	file, err := luks.OpenDevice(path, luks.DeviceOptions{})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, file.Close()) }()
	v, err := luks.Load(ctx, file)
	if err != nil {
		return err
	}
	return activate.Lengthen(ctx, control, m.Name, m.Wanted/512, v.Confirm(ctx))
}
