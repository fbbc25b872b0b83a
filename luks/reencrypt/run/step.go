// SPDX-License-Identifier: Apache-2.0

package run

import (
	"context"
	"crypto/rand"
	"fmt"

	"github.com/orthrus-luks/orthrus/dm/extent"
	"github.com/orthrus-luks/orthrus/luks/commit"
	"github.com/orthrus-luks/orthrus/luks/digest"
	"github.com/orthrus-luks/orthrus/luks/far"
	"github.com/orthrus-luks/orthrus/luks/header"
	"github.com/orthrus-luks/orthrus/luks/luks2"
	"github.com/orthrus-luks/orthrus/luks/reencrypt"
)

// Home takes steps until none is left: to the end of the hot zone or, with Options.Resume, of the run. Each step is
// made under the exclusive lock, from the heads as they are then. last is where it ended. Errors: those of Look, of
// commit.Begin and commit.Session.Do, and a commit.WriteError for the data. What was begun then is in the heads.
func Home(ctx context.Context, t Target, o Options) (last Plan, err error) {
	var vouched *reencrypt.Run
	for {
		if err := ctx.Err(); err != nil {
			return last, context.Cause(ctx)
		}
		err := commit.Locked(ctx, t.Header, true, func() error {
			last, err = step(ctx, t, o, vouched)
			return err
		})
		if err != nil || last.Action == Rest {
			return last, err
		}
		vouched = last.vouched
	}
}

func step(ctx context.Context, t Target, o Options, vouched *reencrypt.Run) (Plan, error) {
	s, err := commit.Begin(t.Header, commit.Options{UUID: t.UUID, Settles: true, Force: o.Force})
	if err != nil {
		return Plan{}, err
	}
	heads, choice := s.Heads()
	p, err := Look(ctx, t, o, heads, choice, vouched)
	if err != nil || p.Action == Rest {
		return p, err
	}
	if o.Tell != nil {
		o.Tell(p)
	}
	return p, p.carryOut(ctx, s, t, o)
}

func (p Plan) carryOut(ctx context.Context, s *commit.Session, t Target, o Options) error {
	switch p.Action {
	case Settle:
		return s.Do(commit.Change{Next: s.Now()})
	case Upgrade:
		return p.upgrade(ctx, s, o)
	case Protect:
		return p.protect(ctx, s, t, o)
	case TakeBack:
		return p.takeBack(s, t)
	case Announce:
		return p.announce(s, t)
	}
	if p.settles && p.Action == Recover { // what is begun must be announced by both heads
		if err := s.Do(commit.Change{Next: s.Now()}); err != nil {
			return err
		}
	}
	if p.Action == Recover {
		if err := p.recover(ctx, t, o); err != nil {
			return err
		}
	}
	if p.Last {
		return p.finish(s, t, o)
	}
	return p.turn(s, t, reencrypt.New)
}

// turn commits that the zone is at another side.
func (p Plan) turn(s *commit.Session, t Target, side reencrypt.Side) error {
	next := s.Now()
	var err error
	if next.Metadata, err = p.Verdict.Run.Turned(next.Metadata, p.Zone, side, t.size()); err != nil {
		return err
	}
	return s.Do(commit.Change{Next: next})
}

// takeBack goes by the head that announces no zone, where there is one: it is the proof, and is overwritten last.
func (p Plan) takeBack(s *commit.Session, t Target) error {
	if p.Verdict.Heads != reencrypt.NotWritten {
		return p.turn(s, t, reencrypt.Old)
	}
	_, choice := s.Heads()
	s.GoBy(header.Secondary - choice.Place)
	return s.Do(commit.Change{Next: s.Now()})
}

func (p Plan) announce(s *commit.Session, t Target) error {
	run := p.Verdict.Run
	record, err := run.Announcing(p.Zone, t.Data)
	if err != nil {
		return fmt.Errorf("data: %w", err)
	}
	c := commit.Change{Next: s.Now()}
	if len(record) > 0 {
		c.Before = []commit.Area{{What: "resilience area", Offset: run.Area.Offset, Bytes: record}}
	}
	if c.Next.Metadata, err = run.Turned(c.Next.Metadata, p.Zone, reencrypt.Between, t.size()); err != nil {
		return err
	}
	return s.Do(c)
}

func (p Plan) recover(ctx context.Context, t Target, o Options) error {
	m, err := p.Verdict.Run.Mender(t.Header, t.Data, o.Keys)
	if err != nil {
		return err
	}
	defer m.Close()
	return mend(ctx, t.Data, m)
}

// finish is the one commit that ends a run; what nothing needs any more is overwritten after it.
func (p Plan) finish(s *commit.Session, t Target, o Options) error {
	run, c := p.Verdict.Run, commit.Change{Next: s.Now()}
	next, gone, err := run.Finished(c.Next.Metadata, kept(run, c.Next.Metadata))
	if err != nil {
		return err
	}
	c.Next.Metadata = next
	for _, g := range gone {
		a, err := commit.Noise(fmt.Sprintf("area of keyslot %d", g.Keyslot), g.Area)
		if err != nil {
			return err
		}
		c.After = append(c.After, a)
	}
	remains, err := run.Remains(t.Data, o.Keys)
	if err != nil {
		return err
	}
	if err := s.Do(c); err != nil {
		return err
	}
	return commit.Settling(erase(t.Data, remains))
}

// kept is the size that the data keep, bytes, where a far header lies behind them; 0 where none does.
func kept(run *reencrypt.Run, m *luks2.Metadata) uint64 {
	t, _, found, err := far.Find(m)
	if err != nil || !found || t.Far.None() || t.Far.Start() < run.New.Offset {
		return 0
	}
	if n := run.Length(); n > 0 {
		return n
	}
	return extent.Down(t.Far.Start()-run.New.Offset, uint64(luks2.AreaAlignment))
}

// upgrade gives a run of version 1 a digest.
func (p Plan) upgrade(ctx context.Context, s *commit.Session, o Options) (err error) {
	run, next := p.Verdict.Run, s.Now()
	if err := run.VerifyKeys(ctx, o.Keys); err != nil {
		return err
	}
	if next.Metadata, err = run.Upgraded(next.Metadata, o.Keys, sealing(ctx, run)); err != nil {
		return err
	}
	return s.Do(commit.Change{Next: next})
}

func (p Plan) protect(ctx context.Context, s *commit.Session, t Target, o Options) (err error) {
	run, next := p.Verdict.Run, s.Now()
	next.Metadata, err = run.Protected(next.Metadata, o.Resilience, o.Hash, uint32(t.Block), o.Keys, sealing(ctx, run))
	if err != nil {
		return err
	}
	return s.Do(commit.Change{Next: next})
}

// sealing makes digests with the hash and cost of that of a volume key.
func sealing(ctx context.Context, run *reencrypt.Run) reencrypt.Seal {
	like := run.Old.Key
	if like == nil {
		like = run.New.Key
	}
	return func(message []byte) (luks2.Digest, error) {
		d, err := digest.New(ctx, message, like.Hash, like.Iterations, 0, rand.Reader)
		if err != nil {
			return luks2.Digest{}, err
		}
		return luks2.Digest{Type: "pbkdf2", Hash: d.Hash, Iterations: d.Iterations, Salt: d.Salt, Value: d.Sum}, nil
	}
}
