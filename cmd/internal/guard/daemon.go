// SPDX-License-Identifier: Apache-2.0

package guard

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"time"

	"github.com/orthrus-luks/orthrus/cmd/internal/guard/policy"
	"github.com/orthrus-luks/orthrus/cmd/internal/guard/queue"
	"github.com/orthrus-luks/orthrus/dm/block"
	"github.com/orthrus-luks/orthrus/luks/activate"
	"github.com/orthrus-luks/orthrus/udev"
)

// Daemon is a Guard that runs: events put devices into the queue, workers take them out.
type Daemon struct {
	*Guard
	Socket  string                                       // of status, "" for none
	Reload  <-chan os.Signal                             // reads the configuration again
	Read    func(context.Context) (policy.Config, error) // the configuration
	Metrics string                                       // file, "" for that of the configuration
	Ready   func()                                       // called when every device was looked at once
	Buffer  int                                          // of the socket of events, bytes; 0 for its default
	listen  func(udev.Options) (eventSource, error)      // for tests

	notifier notifier
	asked    chan request
	done     chan finished
	dirty    chan struct{}
	pulse    chan struct{}
	source   udev.Source
	events   eventSource
	watches  *watcher
}

// request is a wish to look at a device.
type request struct {
	id    string
	after time.Duration // -1 for the quiet time of events
}

// finished tells of a look that ended, or that is not waited for any longer.
type finished struct {
	id    string
	freed bool // the worker takes the next device
	ended bool // the device may be looked at again
}

// A worker waits for a look for lookPatience, and then takes the next device beside it: others are reported soon
// where ten disks hang. After lookLimit that is told. A disk that does not answer has the goroutine to itself, and
// no other look until it has answered.
const (
	lookPatience = time.Second
	lookLimit    = 10 * time.Second
)

// How long the end waits for looks, and for steps that are being taken.
const (
	endLimit = 2 * time.Second
	actLimit = transactionLimit
)

// eventSource is a udev.Monitor.
type eventSource interface {
	Receive(ctx context.Context) (udev.Event, error)
	Stats() udev.Stats
	Close() error
}

// longestDelay is how long a device that is never quiet waits to be looked at.
const longestDelay = time.Second

// longestStart is when the guard calls itself ready although devices never were quiet.
const longestStart = 20 * time.Second

// Run guards until ctx ends. What has been begun on a disk is ended before it returns; keys that were
// held for mappings are revoked.
func (d *Daemon) Run(ctx context.Context) error {
	d.asked, d.done = make(chan request, 64), make(chan finished)
	d.dirty, d.pulse = make(chan struct{}, 1), make(chan struct{})
	d.notifier = systemNotifier()
	ctx, stop := context.WithCancelCause(ctx)
	defer stop(nil)
	d.changed = func() { signalOnce(d.dirty) }
	d.requeue = func(id string, after time.Duration) { d.ask(ctx, id, after) }
	if err := d.open(ctx); err != nil {
		return err
	}
	defer d.events.Close()
	defer d.watches.Close()
	var background sync.WaitGroup
	background.Go(func() { stop(d.receive(ctx)) })
	background.Go(func() { d.watches.run(ctx, func(id string) { d.ask(ctx, id, -1) }) })
	background.Go(func() { d.publish(ctx) })
	background.Go(func() { d.watchdog(ctx) })
	if d.Socket != "" {
		server, err := serve(d.Socket, d)
		if err != nil {
			stop(err)
		} else {
			background.Go(func() { server.run(ctx) })
		}
	}
	d.work(ctx)
	d.notifier.tell("STOPPING=1")
	background.Wait()
	d.Flush()
	return errors.Join(d.ending(ctx), d.dropKeys())
}

// ending tells an end that was asked for from one that was not.
func (d *Daemon) ending(ctx context.Context) error {
	if cause := context.Cause(ctx); cause != nil && !errors.Is(cause, context.Canceled) {
		return cause
	}
	return nil
}

// dropKeys revokes what only a running guard makes use of.
func (d *Daemon) dropKeys() error {
	n, err := activate.ReleaseKey("")
	if n > 0 {
		d.log.Info("keys revoked", "count", n)
	}
	return err
}

// open listens before it looks, so that no device is missed.
func (d *Daemon) open(ctx context.Context) (err error) {
	d.source = udev.Kernel
	if d.machine.udev.UdevRunning() {
		d.source = udev.Udev
	}
	if d.listen == nil {
		d.listen = func(o udev.Options) (eventSource, error) { return udev.Listen(o) }
	}
	d.events, err = d.listen(udev.Options{
		Source:  d.source,
		Matches: []udev.Match{{Subsystem: "block"}, {Subsystem: "scsi"}}, ReceiveBuffer: d.Buffer,
	})
	if err != nil {
		return err
	}
	d.watches, err = newWatcher(d.machine.images)
	if err != nil {
		return errors.Join(err, d.events.Close())
	}
	d.log.Info("listening", "source", d.source.String(), "repair", string(d.config().Default.Repair))
	return nil
}

// ask puts a device into the queue.
func (d *Daemon) ask(ctx context.Context, id string, after time.Duration) {
	select {
	case d.asked <- request{id, after}:
	case <-ctx.Done():
	}
}

// receive turns events into requests. Nothing of an event but the device's number is believed.
func (d *Daemon) receive(ctx context.Context) error {
	for {
		e, err := d.events.Receive(ctx)
		switch {
		case ctx.Err() != nil:
			return nil
		case err != nil:
			return fmt.Errorf("events: %w", err)
		case e.Action == udev.Overrun:
			d.log.Warn("events were lost; looking at everything again")
			d.counts.rescans.Add(1)
			d.ask(ctx, rescan, 0)
		case e.Subsystem == "scsi" && e.Resized():
			d.readCapacity(e.DevPath)
		case e.Subsystem == "block" && e.Major != 0:
			d.ask(ctx, idOf(e), -1)
		}
	}
}

// readCapacity has the kernel ask a SCSI unit for its size again, which it does not do by itself when
// the unit says that it changed. A change makes an event of the disk. The path is the event's, and is
// believed only as far as sysfs has such a unit whose disk may be followed.
func (d *Daemon) readCapacity(devpath string) {
	unit := filepath.Join("/sys", devpath)
	disks, _ := filepath.Glob(unit + "/block/*/dev")
	for _, disk := range disks {
		id := block.ReadAttribute(filepath.Dir(disk), "dev")
		device, err := d.machine.describe(id)
		if err != nil || !d.config().For(device.subject(d.uuidAt(id))).Grow {
			continue
		}
		if err := os.WriteFile(filepath.Join(unit, "rescan"), []byte("1"), 0); err != nil {
			d.log.Warn("the disk's size cannot be read again", "device", device.Path, "error", err)
		}
	}
}

// rescan stands for every device, known or found.
const rescan = "rescan"

// work is the one goroutine that owns the queue.
func (d *Daemon) work(ctx context.Context) {
	c := d.config()
	q := &queue.Queue{Settle: c.Settle, Limit: max(longestDelay, c.Settle)}
	d.rescan(ctx, q, true)
	timer := time.NewTimer(0)
	defer timer.Stop()
	first, running := true, 0
	var ended time.Time
	for ctx.Err() == nil || d.unfinished(&ended, running) {
		for ctx.Err() == nil && running < d.config().Workers {
			id, wait, due := q.Next(time.Now())
			if !due {
				if wait > 0 {
					timer.Reset(wait)
				}
				break
			}
			running++
			go d.lookInTime(ctx, id)
		}
		if waiting, looked := q.Len(); first && (waiting+looked == 0 || time.Since(d.started) > longestStart) {
			first = false
			d.ready()
		}
		d.wait(ctx, q, timer, &running)
	}
}

// unfinished tells whether the end waits for looks: for a moment, and longer only for steps that were begun.
func (d *Daemon) unfinished(since *time.Time, running int) bool {
	if since.IsZero() {
		*since = time.Now()
	}
	gone := time.Since(*since)
	return running > 0 && gone < endLimit || d.acting.Load() > 0 && gone < actLimit
}

// wait sleeps until something is to be done for the queue.
func (d *Daemon) wait(ctx context.Context, q *queue.Queue, timer *time.Timer, running *int) {
	ended := ctx.Done()
	if ctx.Err() != nil {
		ended = nil // only those who are at work are waited for
		timer.Reset(endTick)
	}
	select {
	case <-ended:
	case <-timer.C:
	case <-d.pulse:
	case f := <-d.done:
		if f.freed {
			*running--
		}
		if f.ended {
			q.Done(f.id, time.Now())
		}
	case r := <-d.asked:
		switch {
		case r.id == rescan:
			d.rescan(ctx, q, false)
		case r.after < 0:
			q.Add(r.id, time.Now())
		default:
			q.AddAfter(r.id, time.Now(), r.after)
		}
	case <-d.Reload:
		d.reload(ctx)
		c := d.config()
		q.Settle, q.Limit = c.Settle, max(longestDelay, c.Settle)
		d.rescan(ctx, q, false)
	}
}

// endTick is how often the end looks whether what it waits for is over.
const endTick = 20 * time.Millisecond

func (d *Daemon) ready() {
	d.log.Info("every device was looked at", "took", time.Since(d.started).Round(time.Millisecond).String(), "volumes",
		len(d.Volumes()))
	d.notifier.tell(fmt.Sprintf("READY=1\nSTATUS=%d volumes", len(d.Volumes())))
	if d.Ready != nil {
		d.Ready()
	}
}

// lookInTime is a worker. It does not wait for ever for a disk that does not answer.
func (d *Daemon) lookInTime(ctx context.Context, id string) {
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		d.lookOnce(ctx, id)
	}()
	timer := time.NewTimer(lookPatience)
	defer timer.Stop()
	select {
	case <-ended:
		d.tellDone(ctx, finished{id, true, true})
		return
	case <-timer.C:
	}
	d.tellDone(ctx, finished{id: id, freed: true})
	timer.Reset(lookLimit - lookPatience)
	select {
	case <-ended:
	case <-timer.C:
		d.counts.late.Add(1)
		d.log.Warn("a device does not answer; others are looked at meanwhile", "device", id)
		<-ended
	}
	d.tellDone(ctx, finished{id: id, ended: true})
}

// tellDone tells the goroutine with the queue, which may have ended without waiting.
func (d *Daemon) tellDone(ctx context.Context, f finished) {
	select {
	case d.done <- f:
		return
	case <-ctx.Done():
	}
	select {
	case d.done <- f:
	case <-time.After(endLimit):
	}
}

// lookOnce takes one look. One that panics must not end the guard of all other devices.
func (d *Daemon) lookOnce(ctx context.Context, id string) {
	defer func() {
		if r := recover(); r != nil {
			d.log.Error("a look failed in an unexpected way", "device", id, "panic", fmt.Sprint(r))
			d.counts.failures.Add(1)
		}
	}()
	d.Look(ctx, id)
	if d.source == udev.Kernel {
		d.watches.node(id)
	}
}

// rescan puts every device that is there, and every one that was, into the queue.
func (d *Daemon) rescan(ctx context.Context, q *queue.Queue, now bool) {
	ids, err := d.machine.list(ctx)
	if err != nil {
		d.log.Warn("not every device could be listed", "error", err)
	}
	d.mu.Lock()
	for id := range d.volumes {
		ids = append(ids, id)
	}
	d.mu.Unlock()
	for _, id := range ids {
		if now {
			q.AddAfter(id, time.Now(), 0)
		} else {
			q.Add(id, time.Now())
		}
	}
}

// readLimit is how long a configuration may take to be read: every device waits meanwhile.
const readLimit = 2 * time.Second

// reload takes over a new configuration; one that is wrong changes nothing.
func (d *Daemon) reload(ctx context.Context) {
	d.notifier.tell(reloading())
	defer d.notifier.tell("READY=1")
	reading, cancel := context.WithTimeout(ctx, readLimit)
	defer cancel()
	c, err := d.Read(reading)
	if err != nil {
		d.log.Error("the configuration is wrong, so the former one stays", "error", err)
		return
	}
	d.settings.Store(&c)
	d.watches.renew()
	d.log.Info("configuration read again", "repair", string(c.Default.Repair))
}

// watchdog shows systemd that the goroutine with the queue is alive.
func (d *Daemon) watchdog(ctx context.Context) {
	every := d.notifier.watchdog()
	if every == 0 {
		return
	}
	ticker := time.NewTicker(every)
	defer ticker.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
			select {
			case d.pulse <- struct{}{}:
				d.notifier.tell("WATCHDOG=1")
			case <-ctx.Done():
				return
			}
		}
	}
}

// publish makes the store durable and writes the metrics after changes, at most once a second.
func (d *Daemon) publish(ctx context.Context) {
	for {
		select {
		case <-ctx.Done():
			return
		case <-d.dirty:
		}
		d.Flush()
		path := d.Metrics
		if path == "" {
			path = d.config().Metrics
		}
		if path != "" {
			if err := writeMetrics(path, d.Guard.Metrics(d.events.Stats())); err != nil {
				d.log.Warn("the metrics cannot be written", "error", err)
			}
		}
		select {
		case <-ctx.Done():
			return
		case <-time.After(time.Second):
		}
	}
}

func signalOnce(c chan struct{}) {
	select {
	case c <- struct{}{}:
	default:
	}
}
