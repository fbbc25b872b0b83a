// SPDX-License-Identifier: Apache-2.0

package guard

import (
	"context"
	"errors"
	"io/fs"
	"time"

	"github.com/orthrus-luks/orthrus/cmd/internal/guard/store"
	"github.com/orthrus-luks/orthrus/cmd/internal/guard/verdict"
	"github.com/orthrus-luks/orthrus/luks"
	"github.com/orthrus-luks/orthrus/luks/inspect"
)

// Look looks at one device and does what is to be done. It returns what is now known of the volume,
// or nil where there is none.
func (g *Guard) Look(ctx context.Context, id string) *Volume {
	g.counts.looks.Add(1)
	d, err := g.describe(id)
	if errors.Is(err, fs.ErrNotExist) {
		g.vanished(ctx, id)
		return nil
	}
	if err != nil {
		g.log.Warn("a device cannot be described", "device", id, "error", err)
		return nil
	}
	if d.Size == 0 {
		g.forget(id) // a drive without a medium, an unused loop device
		return nil
	}
	if d.Suspended {
		g.requeue(id, suspendedRest) // who reads now waits with everybody else
		return g.volumeAt(id)
	}
	g.lookBelow(d)
	if g.config().For(d.subject("")).Ignore {
		g.forget(id)
		return nil
	}
	return g.lookAt(ctx, d)
}

// suspendedRest is when a mapping that lets nobody read is looked at again; its resumption is an event, too.
const suspendedRest = 5 * time.Second

func (g *Guard) volumeAt(id string) *Volume {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.volumes[id]
}

// maxSteps bounds what is done about one device in a row: mend, sync, grow, enlarge.
const maxSteps = 6

// LookThrough looks again until nothing more is to be done, where no daemon comes back to it.
func (g *Guard) LookThrough(ctx context.Context, id string) *Volume {
	again := false
	g.asked = true
	g.requeue = func(other string, after time.Duration) { again = again || other == id && after == 0 }
	v := g.Look(ctx, id)
	for range maxSteps {
		if !again || ctx.Err() != nil {
			break
		}
		again = false
		v = g.Look(ctx, id)
	}
	return v
}

// lookBelow asks for a look at what a mapping stands on, which the kernel announces no change of.
func (g *Guard) lookBelow(d Device) {
	for _, id := range d.Below {
		g.mu.Lock()
		v := g.volumes[id]
		g.mu.Unlock()
		if v != nil {
			g.requeue(id, 0)
		}
	}
}

func (g *Guard) lookAt(ctx context.Context, d Device) *Volume {
	file, err := luks.OpenDevice(d.Path, luks.DeviceOptions{})
	if err != nil {
		g.log.Debug("a device cannot be opened", "device", d.Path, "error", err)
		g.forget(d.ID)
		return nil
	}
	defer file.Close()
	e, err := gather(ctx, file)
	l := g.see(d, file, e)
	if !l.luks || l.policy.Ignore || g.headerElsewhere(ctx, l, file) {
		g.forget(d.ID)
		return nil
	}
	if err != nil { // the lock is held, or cannot be had
		g.log.Info("the header is being worked on", "device", d.Path, "error", err)
		g.requeue(d.ID, 2*time.Second)
		return nil
	}
	if l.gone && l.sight.Ends() != "" { // what is there now belongs to somebody
		if !g.dryRun {
			g.ended(&l, file)
		}
		g.forget(d.ID)
		return nil
	}
	return g.settle(ctx, l, file)
}

// headerElsewhere tells of a mapped device without a head, on which none was ever seen, whether another device bears
// the volume's header. That one may not have been looked at yet.
func (g *Guard) headerElsewhere(ctx context.Context, l look, file *luks.File) bool {
	if l.bears || l.hasHead || l.sight.Mapping == nil {
		return false
	}
	others, err := g.everyClone(ctx, l, file, longLimit)
	return err == nil && len(others) > 0
}

// settle decides, acts, remembers and reports.
func (g *Guard) settle(ctx context.Context, l look, file *luks.File) *Volume {
	d := verdict.Decide(l.sight, l.policy)
	if d.Do {
		// Opening for writing is an event of its own: what forbids the step is looked for before.
		clones, err := g.everyClone(ctx, l, file, askLimit)
		if err != nil {
			return g.report(l, outcome{decision: d, err: err})
		}
		l.sight.Clones = clones
		d = verdict.Decide(l.sight, l.policy)
	}
	o := outcome{decision: d}
	if g.dryRun {
		return g.report(l, o)
	}
	if d.Do {
		o = g.act(ctx, l, d)
		if o.done {
			l = g.see(l.device, file, inspect.Read(file))
			g.requeue(l.device.ID, 0) // one step at a time: the far header or a mapping may have to follow
		}
	}
	if !l.mapped {
		g.release(l.uuid)
	}
	g.sight(&l)
	switch {
	case inOrder(l.sight.Evidence) && l.bears:
		g.keep(&l, file)
	case !o.done:
		g.ended(&l, file)
	}
	g.pass(&l, file)
	if o.decision.Refused(verdict.Locked) {
		g.requeue(l.device.ID, 2*time.Second)
	}
	return g.report(l, o)
}

// release gives up keys of a volume that is not mapped any more, on this device or any other.
func (g *Guard) release(uuid string) {
	if uuid == "" || g.mapped(uuid) {
		return
	}
	if n, err := g.revoke(uuid); err == nil && n > 0 {
		g.log.Info("key revoked: the volume is not mapped any more", "uuid", uuid)
	}
}

func (g *Guard) note(uuid string, e store.Entry) {
	if uuid == "" || g.dryRun {
		return
	}
	e.Time = store.Now()
	if err := g.store.Note(uuid, e); err != nil {
		g.log.Warn("the history cannot be written", "uuid", uuid, "error", err)
	}
}

// forget drops a device that holds no volume. Who else bears the UUID is looked at again: it may be alone now.
func (g *Guard) forget(id string) {
	g.mu.Lock()
	v := g.volumes[id]
	delete(g.volumes, id)
	g.mu.Unlock()
	if v == nil {
		return
	}
	g.changed()
	g.askBearers(v.UUID, id)
}
