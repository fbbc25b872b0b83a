// SPDX-License-Identifier: Apache-2.0

package device

import (
	"context"
	"errors"
	"sync"
	"time"

	"github.com/orthrus-luks/orthrus/udev"
)

// patience is how long the look at one device may hold up the choice between devices. One that hangs
// longer is left out until it answers.
const patience = 2 * time.Second

// Watcher knows the block devices there are, and learns of those that come and go.
type Watcher struct {
	prober   prober
	monitors []*udev.Monitor
	stop     context.CancelFunc
	running  sync.WaitGroup
	// Warn gets what went wrong with single devices; set it before Find.
	Warn func(error)

	mu      sync.Mutex
	devices map[string]*entry // by device path
	changed chan struct{}     // closed with each change
	swept   bool              // the first coldplug has seen all devices
	failed  error             // of the monitor: nothing will be learned any more
}

// entry is one device.
type entry struct {
	identity Identity
	known    bool // identity is that of the device as it is
	since    time.Time
	turn     int // counts the looks; only the last one's result is kept
}

// Watch listens to the kernel, and to udevd where it runs, whose links come with its events.
func Watch(ctx context.Context, system udev.System) (*Watcher, error) {
	w := &Watcher{
		prober: prober{system, assembles(system)}, devices: map[string]*entry{}, changed: make(chan struct{}),
		Warn: func(error) {},
	}
	sources := []udev.Source{udev.Kernel}
	if system.UdevRunning() {
		sources = append(sources, udev.Udev)
	}
	for _, source := range sources {
		m, err := udev.Listen(udev.Options{Source: source, Matches: matches()})
		if err != nil {
			return nil, errors.Join(err, w.closeMonitors())
		}
		w.monitors = append(w.monitors, m)
	}
	ctx, w.stop = context.WithCancel(ctx)
	for _, m := range w.monitors {
		w.running.Go(func() { w.listen(ctx, m) })
	}
	w.running.Go(func() { w.sweep(ctx, true) })
	return w, nil
}

func matches() []udev.Match { return []udev.Match{{Subsystem: "block"}} }

// Close ends the watch. Looks at devices that hang are left to themselves.
func (w *Watcher) Close() error {
	w.stop()
	err := w.closeMonitors()
	w.running.Wait()
	return err
}

func (w *Watcher) closeMonitors() error {
	var errs []error
	for _, m := range w.monitors {
		errs = append(errs, m.Close())
	}
	return errors.Join(errs...)
}

func (w *Watcher) listen(ctx context.Context, m *udev.Monitor) {
	for e, err := range m.Events(ctx) {
		switch {
		case errors.Is(err, udev.ErrClosed), ctx.Err() != nil:
			return
		case err != nil:
			w.fail(err)
			return
		case e.Action == udev.Overrun:
			w.running.Go(func() { w.sweep(ctx, false) })
		case e.Action == udev.Remove:
			w.forget(e.DevPath)
		default:
			w.look(e)
		}
	}
}

func (w *Watcher) fail(err error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.failed = err
	w.announce()
}

// sweep looks at all devices there are.
func (w *Watcher) sweep(ctx context.Context, first bool) {
	seen := map[string]bool{}
	for e, err := range w.prober.system.Coldplug(ctx, matches()...) {
		if err != nil {
			if ctx.Err() == nil {
				w.Warn(err)
			}
			continue
		}
		seen[e.DevPath] = true
		w.look(e)
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	if first {
		w.swept = true
	} else {
		for path := range w.devices {
			if !seen[path] {
				delete(w.devices, path)
			}
		}
	}
	w.announce()
}

func (w *Watcher) forget(path string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	delete(w.devices, path)
	w.announce()
}

// look starts a look at a device, on a goroutine of its own since a device may hang. The event says
// only where; all facts are read again.
func (w *Watcher) look(e udev.Event) {
	w.mu.Lock()
	defer w.mu.Unlock()
	d := w.devices[e.DevPath]
	if d == nil {
		d = &entry{}
		w.devices[e.DevPath] = d
	}
	d.turn++
	d.known, d.since = false, time.Now()
	go w.settle(e.DevPath, d, d.turn)
}

func (w *Watcher) settle(path string, d *entry, turn int) {
	now, err := w.prober.system.Device(path)
	var identity Identity
	if err == nil && now.DevName != "" {
		identity = w.prober.probe(now)
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	if d.turn != turn || w.devices[path] != d {
		return
	}
	if err != nil || now.DevName == "" {
		delete(w.devices, path)
		w.announce()
		return
	}
	d.identity, d.known = identity, true
	w.announce()
}

// announce wakes those who wait; the caller holds the lock.
func (w *Watcher) announce() {
	close(w.changed)
	w.changed = make(chan struct{})
}
