// SPDX-License-Identifier: Apache-2.0

package open

import (
	"context"
	"errors"
	"fmt"
	"math"
	"sync"
	"time"

	"github.com/orthrus-luks/orthrus/luks"
)

// Entry is a source and its place in the start.
type Entry struct {
	Source
	// Lead is how long the entries behind this one wait for it to end, not counted while a secret of it
	// is being tried; 0 lets them start at once.
	Lead time.Duration
	// Limit is how long the source may take; 0 is without end.
	Limit time.Duration
}

// Alone is the Lead of a source that must have ended before another starts.
const Alone = time.Duration(math.MaxInt64)

// Race lets sources compete for the key of a volume.
type Race struct {
	// Open tries a secret, which stays the caller's. It is called from several goroutines.
	Open func(ctx context.Context, s Secret) (*luks.Key, error)
	// Lost gets each source that ended before another won, and why, ErrHangs for one that was left to
	// itself; nil for none. It is called from one goroutine.
	Lost func(s Source, err error)
}

// Win is the key and where it came from.
type Win struct {
	Key *luks.Key
	By  string // name of the source
}

// LostError says that no source had the key: why, source by source.
type LostError struct{ Losses []Loss }

// Loss is how one source ended.
type Loss struct {
	Source string // its name
	Err    error
}

func (e *LostError) Error() string {
	if len(e.Losses) == 0 {
		return ErrNoSource.Error()
	}
	last := e.Losses[len(e.Losses)-1]
	return fmt.Sprintf("%s: %v", last.Source, last.Err)
}

// Unwrap gives the errors of all sources, and ErrNoSource where there was none.
func (e *LostError) Unwrap() []error {
	if len(e.Losses) == 0 {
		return []error{ErrNoSource}
	}
	var all []error
	for _, l := range e.Losses {
		all = append(all, l.Err)
	}
	return all
}

// ErrNoSource: there was nothing to try.
var ErrNoSource = errors.New("nothing can give a key")

// Run starts the entries in their order and returns the first key. The error is a *LostError, or that
// of a context which ended before. It waits for no source that hangs.
func (r Race) Run(ctx context.Context, entries []Entry) (Win, error) {
	racing, cancel := context.WithCancel(ctx)
	defer cancel()
	c := &contest{
		race: r, ended: make(chan ending, len(entries)), entries: entries, won: cancel, leader: -1,
		trying: map[int]int{},
	}
	c.timer = time.NewTimer(0)
	defer c.timer.Stop()
	for c.start(racing); c.running > 0; c.start(racing) {
		select {
		case <-c.timer.C:
			c.overtake()
		case e := <-c.ended:
			c.end(racing, e)
		}
	}
	return c.result(ctx)
}

// contest is a race under way. What is above mu belongs to Run's goroutine.
type contest struct {
	race    Race
	entries []Entry // not started yet
	started int
	running int
	ended   chan ending
	leader  int // index of the entry that others wait for, or -1
	timer   *time.Timer
	losses  []Loss
	won     context.CancelFunc

	mu     sync.Mutex
	trying map[int]int // how many secrets of an entry are being tried
	win    Win
	over   bool // no secret counts any more
}

// ending is how an entry came out.
type ending struct {
	index  int
	source Source
	err    error
}

// start starts what need not wait any longer; nothing once the race is decided.
func (c *contest) start(ctx context.Context) {
	for c.leader < 0 && len(c.entries) > 0 && ctx.Err() == nil {
		entry, index := c.entries[0], c.started
		c.entries = c.entries[1:]
		c.started++
		c.running++
		go func() { c.ended <- ending{index, entry.Source, c.compete(ctx, index, entry)} }()
		if entry.Lead > 0 {
			c.leader = index
			c.timer.Reset(entry.Lead)
		}
	}
}

// busy is how soon to look again at a leader whose secret is being tried.
const busy = 50 * time.Millisecond

// overtake lets the others start, unless the leader has found a secret.
func (c *contest) overtake() {
	if c.leader >= 0 && c.isTrying(c.leader) {
		c.timer.Reset(busy)
		return
	}
	c.leader = -1
}

func (c *contest) compete(ctx context.Context, index int, entry Entry) error {
	return Within(ctx, entry.Limit, func(ctx context.Context) error {
		return entry.Secrets(ctx, func(ctx context.Context, s Secret) error {
			c.count(index, 1)
			defer c.count(index, -1)
			return c.try(ctx, s, entry.Name())
		})
	})
}

func (c *contest) count(index, by int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.trying[index] += by
}

func (c *contest) isTrying(index int) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.trying[index] > 0
}

// try takes a key for the volume's, unless another source was quicker by a moment.
func (c *contest) try(ctx context.Context, s Secret, by string) (err error) {
	defer func() { err = errors.Join(err, s.Close()) }()
	if c.decided() {
		return context.Canceled
	}
	key, err := c.race.Open(ctx, s)
	if err != nil {
		return err
	}
	if s.From != "" {
		by = s.From
	}
	if !c.take(Win{key, by}) {
		return key.Close()
	}
	c.won()
	return nil
}

func (c *contest) decided() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.over
}

func (c *contest) take(w Win) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.over {
		return false
	}
	c.win, c.over = w, true
	return true
}

// end counts a source out. One whose context had ended before has lost nothing.
func (c *contest) end(ctx context.Context, e ending) {
	c.running--
	if e.index == c.leader {
		c.leader = -1
	}
	if e.err == nil || ctx.Err() != nil && !errors.Is(e.err, ErrHangs) {
		return
	}
	c.losses = append(c.losses, Loss{e.source.Name(), e.err})
	if c.race.Lost != nil {
		c.race.Lost(e.source, e.err)
	}
}

// result closes the race: from here on nobody can win.
func (c *contest) result(ctx context.Context) (Win, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.over = true
	switch {
	case c.win.Key != nil:
		return c.win, nil
	case ctx.Err() != nil:
		return Win{}, context.Cause(ctx)
	}
	return Win{}, &LostError{c.losses}
}
