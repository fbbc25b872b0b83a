// SPDX-License-Identifier: Apache-2.0

package boot

import (
	"context"
	"errors"
	"slices"
	"sync"
	"time"

	"github.com/orthrus-luks/orthrus/cmd/internal/boot/ask"
	"github.com/orthrus-luks/orthrus/dm/secret"
	"github.com/orthrus-luks/orthrus/luks/open"
)

// optionalPatience is how long people are waited for when nothing but volumes is left without which
// the boot goes on.
const optionalPatience = 30 * time.Second

// people asks for all volumes at once, one question after the other.
type people struct {
	engine *engine
	ctx    context.Context
	stop   context.CancelFunc
	done   sync.WaitGroup

	mu     sync.Mutex
	seats  []*seat
	known  []*secret.Buffer   // passphrases that have opened a volume
	cancel context.CancelFunc // ends the question that is open
	wake   chan struct{}      // of capacity 1
	asked  int
}

// seat is a volume that waits for a passphrase.
type seat struct {
	*task
	ctx    context.Context
	try    open.Try
	since  time.Time
	left   int // tries
	result chan error
}

func newPeople(e *engine) *people {
	p := &people{engine: e, wake: make(chan struct{}, 1)}
	p.ctx, p.stop = context.WithCancel(context.Background())
	p.done.Go(p.run)
	return p
}

// close ends everything and forgets the passphrases.
func (p *people) close() error {
	p.stop()
	p.done.Wait()
	var errs []error
	for _, k := range p.known {
		errs = append(errs, k.Close())
	}
	p.known = nil
	return errors.Join(errs...)
}

// asking is the source of what people say for one volume.
type asking struct {
	*people
	task *task
}

// Name is what messages call it.
func (asking) Name() string { return "people" }

// Secrets gets a passphrase for a volume: one that has opened another, or what people say.
func (a asking) Secrets(ctx context.Context, try open.Try) error { return a.serve(ctx, a.task, try) }

func (p *people) serve(ctx context.Context, t *task, try open.Try) error {
	if t.target.Options.Headless || len(p.engine.config.Frontends) == 0 {
		return open.ErrNoSource
	}
	s := &seat{
		task: t, ctx: ctx, try: try, since: time.Now(), left: p.engine.triesOf(t.target),
		result: make(chan error, 1),
	}
	if opened, err := p.join(s); opened || err != nil {
		return err
	}
	defer p.leave(s)
	select {
	case <-ctx.Done():
		return context.Cause(ctx)
	case err := <-s.result:
		return err
	}
}

// join tries what is known, and sits down only when nothing new was learned meanwhile.
func (p *people) join(s *seat) (opened bool, err error) {
	tried := 0
	for {
		p.mu.Lock()
		if tried == len(p.known) {
			p.seats = append(p.seats, s)
			p.mu.Unlock()
			p.rouse()
			return false, nil
		}
		passphrase, err := secret.Copy(p.known[tried].Bytes())
		p.mu.Unlock()
		if err != nil {
			return false, err
		}
		tried++
		err = s.tryOne(typed(passphrase, "the passphrase of another volume"))
		if err == nil {
			return true, nil
		}
		if s.ctx.Err() != nil {
			return false, context.Cause(s.ctx)
		}
	}
}

func typed(passphrase *secret.Buffer, from string) open.Secret {
	s := open.Passphrase(passphrase)
	s.Typed, s.From = true, from
	return s
}

func (p *people) rouse() {
	select {
	case p.wake <- struct{}{}:
	default:
	}
}

// leave ends the question when it was the last volume that waited for its answer.
func (p *people) leave(s *seat) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.seats = slices.DeleteFunc(p.seats, func(o *seat) bool { return o == s })
	if len(p.seats) == 0 && p.cancel != nil {
		p.cancel()
	}
}

// run asks while anybody waits.
func (p *people) run() {
	for p.ctx.Err() == nil {
		ctx, seats, cancel := p.begin()
		if len(seats) == 0 {
			cancel()
			select {
			case <-p.wake:
			case <-p.ctx.Done():
			}
			continue
		}
		p.round(ctx, seats)
		cancel()
	}
}

// begin takes who waits now; the question will end when none of them does any more.
func (p *people) begin() (context.Context, []*seat, context.CancelFunc) {
	p.mu.Lock()
	defer p.mu.Unlock()
	ctx, cancel := context.WithCancel(p.ctx)
	p.cancel = cancel
	return ctx, slices.Clone(p.seats), cancel
}

// round asks once and tries the answer.
func (p *people) round(ctx context.Context, seats []*seat) {
	p.asked++
	q := p.question(seats)
	answer, err := p.ask(ctx, q, seats)
	switch {
	case err == nil:
		p.tryAll(answer)
	case errors.Is(err, ask.ErrLate):
		p.late(seats, q.Deadline)
	case errors.Is(err, ask.ErrDeclined), errors.Is(err, errMismatch):
		p.wrong(seats, err)
	case errors.Is(err, ask.ErrNobody):
		for _, s := range seats {
			s.give(err)
			p.leave(s)
		}
	}
}

// errMismatch: a passphrase that makes a key was not typed twice the same.
var errMismatch = errors.New("the passphrases differ")

// ask asks, twice where a volume would take any passphrase for right.
func (p *people) ask(ctx context.Context, q ask.Question, seats []*seat) (ask.Answer, error) {
	warn := func(err error) { p.engine.report(Event{Kind: Note, Err: err}) }
	answer, err := ask.First(ctx, p.engine.config.Frontends, q, warn)
	twice := slices.ContainsFunc(seats, func(s *seat) bool { return s.target.LUKS == nil && s.target.Options.Verify })
	if err != nil || !twice {
		return answer, err
	}
	q.Title, q.Cached = "The same again", false
	again, err := ask.First(ctx, p.engine.config.Frontends, q, warn)
	if err == nil && !answer.Passphrase.Equal(again.Passphrase.Bytes()) {
		err = errMismatch
	}
	if err != nil {
		err = errors.Join(err, answer.Passphrase.Close())
	}
	return answer, errors.Join(err, again.Passphrase.Close())
}

func (s *seat) give(err error) {
	select {
	case s.result <- err:
	default:
	}
}

// late gives up on the volumes whose time is over.
func (p *people) late(seats []*seat, now time.Time) {
	for _, s := range seats {
		if end := p.deadline(s, p.onlyOptional(seats)); !end.IsZero() && !end.After(now) {
			s.give(ask.ErrLate)
			p.leave(s)
		}
	}
}
