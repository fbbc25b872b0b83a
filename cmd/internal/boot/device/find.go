// SPDX-License-Identifier: Apache-2.0

package device

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"sort"
	"strings"
	"time"

	"github.com/orthrus-luks/orthrus/cmd/internal/boot/plan"
	"golang.org/x/sys/unix"
)

var (
	// ErrMissing is the kind of *MissingError.
	ErrMissing = errors.New("the device did not show up")
	// ErrTwins is the kind of *TwinsError.
	ErrTwins = errors.New("several devices answer to one name")
)

// MissingError names a device that did not come in time.
type MissingError struct {
	Reference plan.Reference
	Waited    time.Duration
}

func (e *MissingError) Error() string {
	return fmt.Sprintf("%v: %v, waited for %v", ErrMissing, e.Reference, e.Waited.Round(time.Second/10))
}

func (e *MissingError) Unwrap() error { return ErrMissing }

// TwinsError names devices that cannot be told apart by the reference.
type TwinsError struct {
	Reference plan.Reference
	Nodes     []string
}

func (e *TwinsError) Error() string {
	return fmt.Sprintf("%v: %v is %s", ErrTwins, e.Reference, strings.Join(e.Nodes, " and "))
}

func (e *TwinsError) Unwrap() error { return ErrTwins }

// Find waits until a device answers to the reference. While several do, the policy decides; refused
// ones are waited for to become one. When ctx ends, the error is a *TwinsError, a *MissingError, or
// that of the monitor where there will be no news.
func (w *Watcher) Find(ctx context.Context, r plan.Reference, twins plan.Twins) (Identity, error) {
	begun := time.Now()
	for {
		found, settled, changed, failed := w.answering(r)
		switch {
		case len(found) == 1 && settled, len(found) > 0 && settled && twins == plan.FirstTwin:
			return found[0], nil
		case failed != nil && settled:
			return Identity{}, failed
		}
		if !w.wait(ctx, changed, settled && r.Kind != plan.Path) {
			if len(found) > 1 {
				return Identity{}, &TwinsError{r, nodes(found)}
			}
			return Identity{}, &MissingError{r, time.Since(begun)}
		}
	}
}

// Unclaimed are the devices on which nothing was found that has a name, and that nothing uses.
func (w *Watcher) Unclaimed() []Identity {
	w.mu.Lock()
	defer w.mu.Unlock()
	var all []Identity
	for _, d := range w.devices {
		if d.known && d.identity.Contents == "" && !d.identity.Held {
			all = append(all, d.identity)
		}
	}
	sort.Slice(all, func(i, j int) bool { return all[i].Name < all[j].Name })
	return all
}

// Parts are the nodes of the devices of that contents that nothing uses, sorted; the channel is closed
// with each change.
func (w *Watcher) Parts(contents string) (free []string, changed <-chan struct{}) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for path, d := range w.devices {
		if d.known && d.identity.Contents == contents && !w.prober.held(path) {
			free = append(free, d.identity.Node)
		}
	}
	sort.Strings(free)
	return free, w.changed
}

// Twins are the devices that answer to the reference now, where there are several; otherwise nil.
func (w *Watcher) Twins(r plan.Reference) *TwinsError {
	found, _, _, _ := w.answering(r)
	if len(found) < 2 {
		return nil
	}
	return &TwinsError{r, nodes(found)}
}

// wait returns false when ctx has ended. Before all is settled it looks again after a while, because
// a device that hangs makes no noise; nor does a link.
func (w *Watcher) wait(ctx context.Context, changed <-chan struct{}, settled bool) bool {
	var again <-chan time.Time
	if !settled {
		timer := time.NewTimer(patience / 4)
		defer timer.Stop()
		again = timer.C
	}
	select {
	case <-ctx.Done():
		return false
	case <-changed:
	case <-again:
	}
	return true
}

// answering lists the devices that answer, sorted by name, the unused ones alone where there are any;
// settled tells that no other device is still being looked at.
func (w *Watcher) answering(r plan.Reference) (found []Identity, settled bool, changed <-chan struct{}, failed error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	settled = w.swept
	for path, d := range w.devices {
		switch {
		case d.known && d.identity.Answers(r):
			d.identity.Held = d.identity.Held || w.prober.held(path) // no event tells
			found = append(found, d.identity)
		case !d.known && time.Since(d.since) < patience:
			settled = false
		}
	}
	if r.Kind == plan.Path {
		found = w.atPath(r.Value, found)
		settled = settled || len(found) > 0
	}
	sort.Slice(found, func(i, j int) bool { return found[i].Name < found[j].Name })
	return unheld(found), settled, w.changed, w.failed
}

func unheld(found []Identity) []Identity {
	free := slices.DeleteFunc(slices.Clone(found), func(i Identity) bool { return i.Held })
	if len(free) > 0 {
		return free
	}
	return found
}

// atPath resolves a path in the file system: a node, a link to one, or an image file.
func (w *Watcher) atPath(path string, found []Identity) []Identity {
	if len(found) > 0 {
		return found
	}
	var stat unix.Stat_t
	if err := unix.Stat(path, &stat); err != nil {
		return nil
	}
	switch stat.Mode & unix.S_IFMT {
	case unix.S_IFREG:
		return []Identity{{Node: path}}
	case unix.S_IFBLK:
		return w.numbered(uint64(stat.Rdev), path)
	}
	return nil
}

// numbered is the device of that number; a node alone proves no device.
func (w *Watcher) numbered(rdev uint64, path string) []Identity {
	major, minor := unix.Major(rdev), unix.Minor(rdev)
	for _, d := range w.devices {
		if d.known && d.identity.Major == major && d.identity.Minor == minor {
			if d.identity.unmapped {
				return nil
			}
			return []Identity{d.identity}
		}
	}
	if _, err := os.Stat(w.prober.sys(fmt.Sprintf("dev/block/%d:%d", major, minor))); err != nil {
		return nil
	}
	return []Identity{{Node: path, Name: filepath.Base(path), Major: major, Minor: minor}}
}

func nodes(found []Identity) []string {
	var all []string
	for _, i := range found {
		all = append(all, i.Node)
	}
	return all
}
