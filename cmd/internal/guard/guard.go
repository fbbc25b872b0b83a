// SPDX-License-Identifier: Apache-2.0

package guard

import (
	"sync"
	"sync/atomic"
	"time"

	"github.com/orthrus-luks/orthrus/cmd/internal/guard/policy"
	"github.com/orthrus-luks/orthrus/cmd/internal/guard/store"
	"github.com/orthrus-luks/orthrus/dm/block"
	"github.com/orthrus-luks/orthrus/luks/activate"
)

// Repairs of one volume beyond this count in this time are no accidents.
const (
	mendLimit  = 4
	mendWindow = 10 * time.Minute
)

// Guard looks at devices and remembers what it saw. Its methods may be called by several goroutines.
type Guard struct {
	log      *Log
	dryRun   bool
	asked    bool // by a person, for one device: a longer search is welcome
	store    store.Store
	machine  machine
	settings atomic.Pointer[policy.Config]
	counts   counts
	started  time.Time
	unsaved  atomic.Bool // heads that are not durable yet
	changed  func()      // after a look changed what status or metrics say
	requeue  func(id string, after time.Duration)

	mapped func(uuid string) bool         // a mapping of the volume is active somewhere
	revoke func(uuid string) (int, error) // the keys held for a volume
	acting atomic.Int32                   // steps that are being taken

	mu      sync.Mutex
	volumes map[string]*Volume       // by ID of the device
	owing   map[string]chan struct{} // devices that have not answered yet; closed once nobody waits for them
	mends   map[string][]time.Time   // by UUID: when it was written to of late
	forgot  map[string]string        // by UUID: why a state that was seen is not remembered
}

// Options make a Guard.
type Options struct {
	Log    *Log
	Store  store.Store
	Config policy.Config
	DryRun bool // look and decide, write nothing, remember nothing
}

// New makes a guard that has looked at nothing yet.
func New(o Options) *Guard {
	g := &Guard{
		log: o.Log, dryRun: o.DryRun, store: o.Store, started: time.Now(),
		volumes: map[string]*Volume{}, mends: map[string][]time.Time{}, owing: map[string]chan struct{}{},
		forgot: map[string]string{},
		mapped: mappedAnywhere, revoke: activate.ReleaseKey,
		changed: func() {}, requeue: func(string, time.Duration) {},
	}
	g.settings.Store(&o.Config)
	g.machine = machine{devices: block.Devices, images: func() []string { return g.config().Images }}
	return g
}

func (g *Guard) config() policy.Config { return *g.settings.Load() }

// mended counts a write against the limit.
func (g *Guard) mended(uuid string, now time.Time) {
	g.mu.Lock()
	defer g.mu.Unlock()
	var kept []time.Time
	for _, t := range g.mends[uuid] {
		if now.Sub(t) < mendWindow {
			kept = append(kept, t)
		}
	}
	g.mends[uuid] = append(kept, now)
}

// often: the volume was mended so often of late that the next time is a person's decision.
func (g *Guard) often(uuid string) bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	count := 0
	for _, t := range g.mends[uuid] {
		if time.Since(t) < mendWindow {
			count++
		}
	}
	return count >= mendLimit
}

// uuidAt is the UUID of the volume on a device that was looked at, "" for none.
func (g *Guard) uuidAt(id string) string {
	g.mu.Lock()
	defer g.mu.Unlock()
	if v := g.volumes[id]; v != nil {
		return v.UUID
	}
	return ""
}

// Flush makes what was remembered durable.
func (g *Guard) Flush() {
	if !g.unsaved.Swap(false) {
		return
	}
	if err := g.store.Flush(); err != nil {
		g.log.Warn("what is remembered is not durable", "error", err)
	}
}
