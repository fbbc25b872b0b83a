// SPDX-License-Identifier: Apache-2.0

package guard

import (
	"errors"
	"fmt"
	"os"
	"sort"
	"strings"
	"sync/atomic"

	"github.com/orthrus-luks/orthrus/cmd/internal/guard/verdict"
	"github.com/orthrus-luks/orthrus/udev"
)

// counts is what happened since the start.
type counts struct {
	looks, repairs, restores, transactions, enlarged, failures, refusals, removals, rescans, rehearsed,
	late atomic.Uint64
}

// count counts what came of a look; a rehearsal that found what the one before it found counts once.
func (g *Guard) count(o outcome, again bool) {
	switch {
	case o.rehearsed:
		if !again {
			g.counts.rehearsed.Add(1)
		}
	case o.err != nil:
		g.counts.failures.Add(1)
	case o.done && o.decision.Step == verdict.Repair:
		g.counts.repairs.Add(1)
	case o.done && (o.decision.Step == verdict.Restore || o.decision.Step == verdict.FromFar):
		g.counts.restores.Add(1)
	case o.done && o.decision.Step == verdict.Enlarge:
		g.counts.enlarged.Add(1)
	case o.done:
		g.counts.transactions.Add(1)
	case o.decision.Step != verdict.Nothing:
		g.counts.refusals.Add(1)
	}
}

// Metrics is the state in the text format of Prometheus.
func (g *Guard) Metrics(events udev.Stats) string {
	var b strings.Builder
	metric := func(name, kind, help string) { fmt.Fprintf(&b, "# HELP %s %s\n# TYPE %s %s\n", name, help, name, kind) }
	metric("orthrus_guard_volume", "gauge", "1 for a volume in this state.")
	for _, v := range g.Volumes() {
		fmt.Fprintf(&b, "orthrus_guard_volume{device=%q,uuid=%q,verdict=%q} 1\n", v.Device, v.UUID, v.Verdict)
	}
	for _, c := range []struct {
		name, help string
		value      uint64
	}{
		{"looks", "Looks at a device.", g.counts.looks.Load()},
		{"repairs", "Copies of a head written from the other.", g.counts.repairs.Load()},
		{"restores", "Heads put back that were destroyed under a mapping.", g.counts.restores.Load()},
		{
			"transactions", "Far headers brought into step or moved, transactions concluded.",
			g.counts.transactions.Load(),
		},
		{"enlarged", "Mappings made longer.", g.counts.enlarged.Load()},
		{"refusals", "Looks that found something to be done, and reasons against it.", g.counts.refusals.Load()},
		{"rehearsed", "Steps that repair = proven would have taken.", g.counts.rehearsed.Load()},
		{"late", "Looks that a device did not answer in time.", g.counts.late.Load()},
		{"failures", "Steps that failed.", g.counts.failures.Load()},
		{"removals", "Devices pulled out under a mapping.", g.counts.removals.Load()},
		{"rescans", "Times that all devices were looked at again.", g.counts.rescans.Load()},
		{"events", "Events received.", events.Delivered},
		{"events_forged", "Events of senders that are not to be believed.", events.Forged},
		{"events_malformed", "Events that could not be read.", events.Malformed + events.Truncated},
		{"overruns", "Times that events were lost.", events.Overruns},
	} {
		name := "orthrus_guard_" + c.name + "_total"
		metric(name, "counter", c.help)
		fmt.Fprintf(&b, "%s %d\n", name, c.value)
	}
	return b.String()
}

// writeMetrics puts the metrics in the place of the file at once, since a collector may be reading.
func writeMetrics(path, text string) error {
	f, err := os.CreateTemp(dirOf(path), ".orthrus-*")
	if err != nil {
		return err
	}
	_, err = f.WriteString(text)
	err = errors.Join(err, f.Chmod(0o644), f.Close())
	if err == nil {
		err = os.Rename(f.Name(), path)
	}
	if err != nil {
		return errors.Join(err, os.Remove(f.Name()))
	}
	return nil
}

func dirOf(path string) string {
	if i := strings.LastIndexByte(path, '/'); i > 0 {
		return path[:i]
	}
	return "."
}

// Volumes lists what is known, in the order of devices.
func (g *Guard) Volumes() []Volume {
	g.mu.Lock()
	defer g.mu.Unlock()
	var list []Volume
	for _, v := range g.volumes {
		list = append(list, *v)
	}
	sort.Slice(list, func(i, j int) bool { return list[i].Device < list[j].Device })
	return list
}
