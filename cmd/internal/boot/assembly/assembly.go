// SPDX-License-Identifier: Apache-2.0

// Package assembly has the machine's own programs start arrays and volume groups
// in an initial file system without udevd, whenever a device shows up that is a
// part of one: below an encrypted volume, and in it once it is open.
package assembly

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/orthrus-luks/orthrus/cmd/internal/boot/device"
	"github.com/orthrus-luks/orthrus/cmd/internal/boot/tools"
	"github.com/orthrus-luks/orthrus/udev"
)

// Patience is how long the parts of an array or a group that is not complete are
// waited for, from the last that came. It is what systemd and dracut give them.
const Patience = 30 * time.Second

// callTimeout ends a program that hangs; killing one that works may leave a
// mapping suspended.
const callTimeout = 2 * time.Minute

// Begin starts what the image has tools for, until it is stopped; stop waits for
// a program that runs. report is told what was not complete, and what failed.
// Until unlocked is closed, more encrypted volumes may be opened.
func Begin(ctx context.Context, unlocked <-chan struct{}, report func(error)) (stop func() error, err error) {
	var watcher *device.Watcher
	ctx, cancel := context.WithCancel(ctx)
	var running sync.WaitGroup
	for _, t := range tools.All {
		program := t.Find("")
		if program == "" {
			continue
		}
		if watcher == nil {
			if watcher, err = device.Watch(ctx, udev.System{}); err != nil {
				cancel()
				return nil, err
			}
		}
		s := &starter{tool: t, program: program, report: report, watcher: watcher, unlocked: unlocked}
		running.Go(func() { s.run(ctx) })
	}
	return func() error {
		cancel()
		running.Wait()
		if watcher == nil {
			return nil
		}
		return watcher.Close()
	}, nil
}

// starter calls one tool.
type starter struct {
	tool    *tools.Tool
	program string
	report  func(error)
	watcher parts
	// unlocked is closed when people have been asked for all there is.
	unlocked <-chan struct{}
}

// parts lists the devices of a kind that nothing has been made of yet; the channel is closed when that may have
// changed.
type parts interface {
	Parts(contents string) (nodes []string, changed <-chan struct{})
}

func (s *starter) run(ctx context.Context) {
	var tried []string
	var late <-chan time.Time
	for ctx.Err() == nil {
		nodes, changed := s.watcher.Parts(s.tool.Contents)
		if len(nodes) > 0 && !slices.Equal(nodes, tried) {
			// What fails now may lack a part that comes later: it is not said yet.
			for _, call := range s.tool.Start(nodes) {
				_, _ = s.call(ctx, call)
			}
			tried, late = nodes, time.After(Patience)
			continue
		}
		select {
		case <-ctx.Done():
		case <-changed:
		case <-late:
			if late = nil; s.undecided(tried) {
				late = time.After(Patience)
			} else {
				s.startRest(ctx)
			}
		}
	}
}

// undecided tells that what lacks a device has others on mappings, and that the passphrase for the rest may still be
// awaited, however long somebody takes: half of a mirror is not started for that.
func (s *starter) undecided(nodes []string) bool {
	select {
	case <-s.unlocked:
		return false
	default:
	}
	for _, node := range nodes {
		if strings.HasPrefix(node, "/dev/dm-") {
			return true
		}
	}
	return false
}

// startRest does without what has not come, where there is such.
func (s *starter) startRest(ctx context.Context) {
	said, err := s.call(ctx, s.tool.Rest())
	if said == "" && err == nil {
		return
	}
	said = strings.TrimSpace(said)
	text := fmt.Sprintf("after %v, what lacks a device is started without it: %.400s", Patience, said)
	if err != nil {
		text += fmt.Sprintf(": %s: %v", s.tool.Name, err)
	}
	s.report(errors.New(text))
}

// call runs the program to its end, whatever becomes of ctx, and returns what it complains of.
func (s *starter) call(ctx context.Context, args []string) (string, error) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), callTimeout)
	defer cancel()
	cmd := exec.CommandContext(ctx, s.program, args...)
	cmd.Env = append(os.Environ(), "DM_DISABLE_UDEV=1", "LVM_SUPPRESS_FD_WARNINGS=1")
	var said strings.Builder // what is as it should be goes to standard output
	cmd.Stderr = &said
	err := cmd.Run()
	return said.String(), err
}
