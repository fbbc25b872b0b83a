// SPDX-License-Identifier: Apache-2.0

package guard

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strings"
	"time"

	"github.com/orthrus-luks/orthrus/cmd/internal/guard/store"
	"github.com/orthrus-luks/orthrus/cmd/internal/guard/verdict"
	"github.com/orthrus-luks/orthrus/dm"
	"github.com/orthrus-luks/orthrus/dm/target"
	"github.com/orthrus-luks/orthrus/luks/activate"
)

// vanished deals with a device that is not there any more: a mapping whose disk was pulled out gets a
// table of errors, so that who uses it gets an answer, and goes away with its last user.
func (g *Guard) vanished(ctx context.Context, id string) {
	g.mu.Lock()
	v := g.volumes[id]
	var hosts []string // of a mapping that was closed
	for other, o := range g.volumes {
		if o.Mapping != "" && other != id {
			hosts = append(hosts, other)
		}
	}
	g.mu.Unlock()
	if strings.HasPrefix(id, "/") {
		g.forget(id)
		return
	}
	for _, host := range hosts {
		if d, err := g.machine.describe(host); err == nil && len(d.Mappings) == 0 {
			g.requeue(host, 0)
		}
	}
	g.failOrphansInTime(ctx)
	if v != nil {
		g.log.Info("gone", "device", v.Device, "uuid", v.UUID)
	}
	g.forget(id)
}

// orphanPatience is how long a look waits for mappings to be taken down: the kernel may wait for a
// disk that does not come back, and other devices must not.
const orphanPatience = 5 * time.Second

func (g *Guard) failOrphansInTime(ctx context.Context) {
	ctx, cancel := context.WithTimeout(ctx, orphanPatience)
	defer cancel()
	inTime := g.within(ctx, "orphans", func() func() {
		failed := g.failOrphans(context.WithoutCancel(ctx))
		return func() {
			for _, err := range failed {
				g.log.Error("a mapping without its device cannot be taken down", "error", err)
			}
		}
	})
	if !inTime {
		g.log.Error("a mapping without its device is still being taken down")
	}
}

// failOrphans finds the crypt mappings whose device sysfs does not have any more.
func (g *Guard) failOrphans(ctx context.Context) []error {
	control, err := dm.Open()
	if err != nil {
		return nil // no device-mapper, no mappings
	}
	defer control.Close()
	devices, err := control.Devices()
	if err != nil {
		return []error{err}
	}
	var failed []error
	for _, d := range devices {
		if orphaned(control, d.Name) {
			if err := g.failOrphan(ctx, control, d.Name); err != nil {
				failed = append(failed, err)
			}
		}
	}
	return failed
}

// orphaned: a crypt mapping, and something that it rests on is gone.
func orphaned(control *dm.Control, name string) bool {
	info, err := control.Status(name)
	if err != nil || !strings.HasPrefix(info.UUID, "CRYPT-") || info.DeferredRemove {
		return false
	}
	deps, err := control.Deps(name)
	if err != nil {
		return false
	}
	for _, n := range deps {
		if _, err := os.Stat(sysBlock + n.String()); errors.Is(err, os.ErrNotExist) {
			return true
		}
	}
	return false
}

func (g *Guard) failOrphan(ctx context.Context, control *dm.Control, name string) error {
	info, err := control.Status(name)
	if err != nil {
		return err
	}
	table, _, err := control.Table(name, dm.Active)
	if err != nil {
		return err
	}
	sectors := table.Sectors()
	if err := table.Close(); err != nil {
		return err
	}
	uuid := verdict.VolumeOf(info.UUID)
	if _, err := control.Load(name, dm.Table{&target.Error{Length: sectors}}, dm.LoadOptions{}); err != nil {
		return err
	}
	quick := dm.SuspendOptions{NoFlush: true, NoLockFS: true} // what is queued can go nowhere
	if _, err := control.Resume(ctx, name, dm.ResumeOptions{Suspend: quick}); err != nil {
		return err
	}
	scheduled, err := control.Remove(ctx, name, dm.RemoveOptions{Retry: 100 * time.Millisecond, Deferred: true})
	if err != nil {
		return err
	}
	if _, err := activate.ReleaseKey(uuid); err != nil {
		g.log.Warn("the key of a removed volume cannot be revoked", "uuid", uuid, "error", err)
	}
	g.counts.removals.Add(1)
	text := fmt.Sprintf("pulled out while mapped as %s: its reads and writes fail now, and it was closed", name)
	if scheduled {
		text = fmt.Sprintf("pulled out while mapped as %s: its reads and writes fail now, and it goes away with its last user", name)
	}
	g.note(uuid, store.Entry{Device: name, What: store.Removed, Text: text})
	g.log.Error(text, "uuid", uuid, "mapping", name)
	return nil
}
