// SPDX-License-Identifier: Apache-2.0

package boot

import (
	"context"
	"errors"
	"sync"
	"time"

	"github.com/orthrus-luks/orthrus/cmd/internal/boot/device"
	"github.com/orthrus-luks/orthrus/cmd/internal/boot/plan"
	"github.com/orthrus-luks/orthrus/dm"
	"github.com/orthrus-luks/orthrus/luks/open"
)

// mountDirectory is where key devices are mounted while they are read.
const mountDirectory = "/run/orthrus"

// engine is one run.
type engine struct {
	config  Config
	plan    plan.Plan
	watcher *device.Watcher
	control *dm.Control // nil where nothing is mapped
	mounts  *mounts
	gate    *open.Gate
	people  *people
	shares  shares
	// requiredDone is closed when no required volume is under way any more.
	requiredDone chan struct{}

	reporting sync.Mutex
}

// Run carries out a plan and returns when every volume is open or given up. The error is a
// *FailedError where a required volume is not open, or says why nothing could be tried. Passphrases
// are gone from memory when it returns.
func Run(ctx context.Context, config Config) (Result, error) {
	begun := time.Now()
	e := &engine{
		config: config, plan: config.Plan, gate: open.NewGate(open.Available),
		mounts: newMounts(mountDirectory), requiredDone: make(chan struct{}), shares: shares{all: map[string]*share{}},
	}
	for _, note := range config.Plan.Notes {
		e.report(Event{Kind: Note, Text: note})
	}
	if len(config.Plan.Volumes) == 0 {
		return Result{Took: time.Since(begun)}, e.unknown()
	}
	if err := e.open(ctx); err != nil {
		return Result{Took: time.Since(begun)}, errors.Join(err, e.close())
	}
	result := e.run(ctx)
	result.Took = time.Since(begun)
	return result, errors.Join(result.judge(e.plan.Initrd), e.unknown(), e.close())
}

// open gets what all tasks share. A kernel that cannot map is told before anybody is asked.
func (e *engine) open(ctx context.Context) (err error) {
	if !e.config.TestOnly {
		if e.control, err = e.mapper(); err != nil {
			return err
		}
	}
	if e.watcher, err = device.Watch(ctx, e.config.System); err != nil {
		return err
	}
	e.watcher.Warn = func(err error) { e.report(Event{Kind: Note, Err: err}) }
	e.people = newPeople(e)
	return nil
}

func (e *engine) close() error {
	var errs []error
	if e.people != nil {
		errs = append(errs, e.people.close())
	}
	if e.watcher != nil {
		errs = append(errs, e.watcher.Close())
	}
	if e.control != nil {
		errs = append(errs, e.control.Close())
	}
	return errors.Join(errs...)
}

// mapper opens the device-mapper.
func (e *engine) mapper() (*dm.Control, error) {
	control, err := dm.Open()
	if err != nil {
		return nil, err
	}
	control.Warn = func(err error) { e.report(Event{Kind: Note, Err: err}) }
	return control, nil
}

// run starts a task for each volume and waits for all.
func (e *engine) run(ctx context.Context) Result {
	outcomes := make([]Outcome, len(e.plan.Volumes))
	var required, all sync.WaitGroup
	for i, v := range e.plan.Volumes {
		if v.Required {
			required.Add(1)
		}
		all.Go(func() {
			outcomes[i] = e.newTask(v).run(ctx)
			if v.Required {
				required.Done()
			}
		})
	}
	go func() {
		required.Wait()
		close(e.requiredDone)
	}()
	all.Wait()
	return Result{Volumes: outcomes, Degraded: e.degraded(outcomes)}
}

// degraded excuses required volumes that stayed away where that is allowed.
func (e *engine) degraded(outcomes []Outcome) bool {
	any := false
	for i := range outcomes {
		o := &outcomes[i]
		may := e.plan.Policy.Degraded || e.plan.Volumes[i].Options.Degraded
		if o.State == Absent && o.Required && may && !o.Root {
			o.Required, any = false, true
		}
	}
	return any
}

// unknown is an *UnknownError where volumes were asked for that are in no table.
func (e *engine) unknown() error {
	if len(e.plan.Unknown) == 0 {
		return nil
	}
	return &UnknownError{e.plan.Unknown}
}

// judge is a *FailedError where a required volume is not open. In the initial file system nothing but
// the root is: once it is open, the system in there takes care of the rest.
func (r Result) judge(initrd bool) error {
	var failed []Outcome
	for _, o := range r.Volumes {
		if initrd && o.Root && o.State == Opened {
			return nil
		}
		if o.Required && o.State != Opened {
			failed = append(failed, o)
		}
	}
	if len(failed) == 0 {
		return nil
	}
	return &FailedError{failed}
}

// report tells what happened, and people what they are to know.
func (e *engine) report(event Event) {
	e.reporting.Lock()
	defer e.reporting.Unlock()
	if e.config.Report == nil {
		return
	}
	if text := e.config.Report(event); text != "" {
		for _, f := range e.config.Frontends {
			f.Say(text)
		}
	}
}

// find waits for a device.
func (e *engine) find(ctx context.Context, r plan.Reference) (device.Identity, error) {
	return e.watcher.Find(ctx, r, e.plan.Policy.Twins)
}

// mount makes the file system on a device readable.
func (e *engine) mount(node, fs string) (path string, release func() error, err error) {
	if fs == "" || fs == "auto" {
		if fs, err = fileSystemOn(node); err != nil {
			return "", nil, err
		}
	}
	return e.mounts.use(node, fs)
}
