// SPDX-License-Identifier: Apache-2.0

package boot

import (
	"context"
	"errors"
	"math"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/orthrus-luks/orthrus/cmd/internal/boot/crypttab"
	"github.com/orthrus-luks/orthrus/cmd/internal/boot/device"
	"github.com/orthrus-luks/orthrus/cmd/internal/boot/plan"
	"github.com/orthrus-luks/orthrus/luks"
	"github.com/orthrus-luks/orthrus/luks/far"
	"github.com/orthrus-luks/orthrus/luks/open"
)

// task unlocks one volume.
type task struct {
	*engine
	target   Target
	outcome  Outcome
	keyslots open.Keyslots
	opening  *luks.Opening
	share    *share
	tcrypt   *tcryptVolume  // of that format alone
	sealed   *sealedVolume  // of BitLocker and FileVault 2 alone
	far      *far.Found     // stands in for the heads, which are lost
	release  []func() error // what the task holds until it ends
	// abandoned: a step hangs and was left to itself.
	abandoned atomic.Bool
	key       *luks.Key // once a secret has fitted
	by        string

	mu sync.Mutex
	// optionalSince is when people were first asked for nothing but optional volumes, this among them.
	optionalSince time.Time
}

func (e *engine) newTask(v plan.Volume) *task {
	t := &task{engine: e, target: Target{Volume: v}}
	t.outcome = Outcome{Name: v.Name, Root: v.Root, Required: v.Required, State: Failed}
	t.target.Find = func(ctx context.Context, r plan.Reference) (string, error) {
		found, err := e.find(ctx, r)
		return found.Node, err
	}
	return t
}

// run does it all and lets go of everything.
func (t *task) run(ctx context.Context) Outcome {
	defer func() {
		if t.share != nil {
			close(t.share.done)
		}
	}()
	err := t.unlock(ctx)
	err = errors.Join(err, t.letGo())
	if err != nil && t.outcome.State != Opened {
		t.fail(err)
	} else if err != nil {
		t.report(Event{Kind: Note, Volume: t.target.Name, Err: err})
	}
	return t.outcome
}

// within bounds a step that reads the disk: a disk that hangs cannot be interrupted, but it can be
// left to itself.
func (t *task) within(ctx context.Context, step func(context.Context) error) error {
	err := open.Within(ctx, answerTimeout, step)
	if errors.Is(err, open.ErrHangs) {
		t.abandoned.Store(true)
	}
	return err
}

func (t *task) letGo() error {
	if t.abandoned.Load() {
		return nil // the step that hangs still has it
	}
	var errs []error
	for i := len(t.release) - 1; i >= 0; i-- {
		errs = append(errs, t.release[i]())
	}
	return errors.Join(errs...)
}

func (t *task) fail(err error) {
	if errors.Is(err, device.ErrMissing) {
		t.outcome.State = Absent
	}
	where := t.target.Node
	if where == "" {
		where = t.target.Device.String()
	}
	failure := &VolumeError{Volume: t.target.Name, Device: where, Err: err}
	t.outcome.Err, t.outcome.Reason = failure, err.Error()
	t.report(Event{Kind: GaveUp, Volume: t.target.Name, Err: failure})
}

// unlock is the whole way of a volume.
func (t *task) unlock(ctx context.Context) error {
	if t.target.Options.Type == crypttab.Other {
		return errors.Join(ErrFormat, errors.New(t.target.Options.Format))
	}
	found, err := t.locate(ctx)
	if err != nil {
		return err
	}
	share, leads := t.shares.join(t, found)
	if !leads {
		return t.shareWith(ctx, share)
	}
	t.share = share
	return t.open(ctx)
}

// open is the way of a volume whose device is there.
func (t *task) open(ctx context.Context) error {
	if err := t.within(ctx, t.prepare); err != nil {
		return err
	}
	if err := t.getKey(ctx); err != nil {
		return err
	}
	defer t.key.Close()
	if !t.config.TestOnly {
		t.grow(ctx)
		if err := t.activate(ctx); err != nil {
			return err
		}
		t.outcome.Node = "/dev/mapper/" + t.share.name
	}
	t.outcome.State, t.outcome.By = Opened, t.by
	t.report(Event{Kind: Unlocked, Volume: t.target.Name, Source: t.by})
	return nil
}

// answerTimeout is how long a disk may take until its header is read and judged.
const answerTimeout = 60 * time.Second

// noticeable is how long a wait may be before people are told of it.
const noticeable = 2 * time.Second

// locate waits for the data device, and for the header's where it is another.
func (t *task) locate(ctx context.Context) (device.Identity, error) {
	begun := time.Now()
	waiting, cancel := t.patience(ctx)
	defer cancel()
	found, err := t.awaitVolume(waiting)
	t.outcome.Waited = time.Since(begun)
	if err != nil {
		return found, err
	}
	if t.target.Unnamed {
		t.target.Name = "luks-" + strings.ToLower(found.UUID)
		t.outcome.Name = t.target.Name
	}
	t.target.Node, t.target.Header, t.outcome.Device = found.Node, found.Node, found.Node
	t.report(Event{Kind: Found, Volume: t.target.Name, Text: found.Node})
	kind := t.target.Options.Type
	if t.target.Volume.Header.IsZero() || kind != crypttab.AnyLUKS && kind != crypttab.Tcrypt {
		return found, nil
	}
	err = t.locateHeader(waiting)
	t.outcome.Waited = time.Since(begun)
	return found, err
}

// await finds a device, and tells people what is waited for where that takes a while.
func (t *task) await(ctx context.Context, r plan.Reference) (device.Identity, error) {
	late := time.AfterFunc(noticeable, func() {
		e := Event{Kind: Waiting, Volume: t.target.Name, Text: r.String()}
		if twins := t.watcher.Twins(r); twins != nil {
			e.Err = twins
		}
		t.report(e)
	})
	defer late.Stop()
	return t.find(ctx, r)
}

// patience bounds the wait for devices. One without which the boot goes on is waited for as long as
// the others take.
func (t *task) patience(ctx context.Context) (context.Context, context.CancelFunc) {
	limit := t.target.Options.DeviceTimeout.Or(t.plan.Policy.DeviceTimeout)
	if limit == 0 {
		limit = math.MaxInt64 // some centuries
	}
	ctx, cancel := context.WithTimeout(ctx, limit)
	if t.target.Required || !t.anyRequired() {
		return ctx, cancel
	}
	done := t.requiredDone
	go func() {
		select {
		case <-done:
			cancel()
		case <-ctx.Done():
		}
	}()
	return ctx, cancel
}

func (t *task) anyRequired() bool {
	for _, v := range t.plan.Volumes {
		if v.Required {
			return true
		}
	}
	return false
}

// locateHeader finds a detached header: a file here, a device, or a file on a device.
func (t *task) locateHeader(ctx context.Context) error {
	place := t.target.Volume.Header
	if place.Device.IsZero() {
		t.target.Header = place.Path
		return nil
	}
	found, err := t.await(ctx, place.Device)
	if err != nil {
		return err
	}
	t.target.Header = found.Node
	if place.Path == "" {
		return nil
	}
	return t.within(ctx, func(context.Context) error { return t.headerFile(found.Node, place) })
}

// headerFile finds a header on the file system of a device.
func (t *task) headerFile(node string, place plan.Place) error {
	root, release, err := t.mount(node, place.FileSystem)
	if err != nil {
		return err
	}
	t.release = append(t.release, release)
	t.target.Header, err = inside(root, place.Path)
	return err
}
