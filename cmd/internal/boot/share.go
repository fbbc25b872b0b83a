// SPDX-License-Identifier: Apache-2.0

package boot

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"sync"

	"github.com/orthrus-luks/orthrus/cmd/internal/boot/device"
)

// shares are the volumes under way by their devices: one that is asked for by several names, which only
// the device itself can tell, is opened once.
type shares struct {
	mu  sync.Mutex
	all map[string]*share
}

// share is one volume, for all that have asked for it.
type share struct {
	leader *task
	done   chan struct{} // closed when the leader has ended

	mu    sync.Mutex
	name  string // of the mapping: the leader's, or the root's
	fixed bool   // the mapping is being made
}

// join returns the share of a volume that is under way, or makes the task the leader of a new one.
func (s *shares) join(t *task, found device.Identity) (sh *share, leads bool) {
	key := fmt.Sprintf("%d:%d+%d", found.Major, found.Minor, t.target.Options.Offset)
	if found.Major == 0 && found.Minor == 0 {
		key = found.Node
		if path, err := filepath.EvalSymlinks(found.Node); err == nil {
			key = path
		}
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if other := s.all[key]; other != nil {
		return other, false
	}
	sh = &share{leader: t, done: make(chan struct{}), name: t.target.Name}
	s.all[key] = sh
	return sh, true
}

// prefer gives the mapping the root's name, unless it has one already.
func (sh *share) prefer(name string) (late bool) {
	sh.mu.Lock()
	defer sh.mu.Unlock()
	if !sh.fixed {
		sh.name = name
	}
	return sh.fixed
}

// settle is the name that the mapping gets.
func (sh *share) settle() string {
	sh.mu.Lock()
	defer sh.mu.Unlock()
	sh.fixed = true
	return sh.name
}

// shareWith waits for the task that opens the same volume, and ends as it does.
func (t *task) shareWith(ctx context.Context, sh *share) error {
	leader := sh.leader.target.Volume.Name
	text := "it is the same volume as " + leader + ", which is opened once"
	t.report(Event{Kind: Note, Volume: t.target.Name, Text: text})
	late := t.target.Root && sh.prefer(t.target.Name)
	select {
	case <-sh.done:
	case <-ctx.Done():
		return context.Cause(ctx)
	}
	o := sh.leader.outcome
	if o.State != Opened {
		return errors.Join(ErrSame, o.Err)
	}
	t.outcome.State, t.outcome.By, t.outcome.Node = Opened, o.By, o.Node
	if !late || t.config.TestOnly {
		return nil
	}
	return t.rename(ctx, leader)
}

// rename: the root's name came when the mapping had another.
func (t *task) rename(ctx context.Context, from string) error {
	if _, err := t.control.Rename(ctx, from, t.target.Name, 0); err != nil {
		return err
	}
	t.outcome.Node = "/dev/mapper/" + t.target.Name
	return nil
}
