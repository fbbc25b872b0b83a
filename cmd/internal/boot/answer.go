// SPDX-License-Identifier: Apache-2.0

package boot

import (
	"errors"
	"strings"
	"sync"
	"time"

	"github.com/orthrus-luks/orthrus/cmd/internal/boot/ask"
	"github.com/orthrus-luks/orthrus/cmd/internal/boot/crypttab"
	"github.com/orthrus-luks/orthrus/dm/secret"
	"github.com/orthrus-luks/orthrus/luks"
)

// question is what is asked for the volumes that wait.
func (p *people) question(seats []*seat) ask.Question {
	var names []string
	q := ask.Question{ID: "cryptsetup:" + seats[0].target.Node, Cached: p.asked == 1}
	for _, s := range seats {
		names = append(names, s.target.Name)
		if end := p.deadline(s, p.onlyOptional(seats)); !end.IsZero() && (q.Deadline.IsZero() || end.Before(q.Deadline)) {
			q.Deadline = end
		}
		q.Cached = q.Cached && s.target.Options.Cache != crypttab.CacheNo
	}
	switch seats[0].target.Options.Echo {
	case crypttab.EchoYes:
		q.Echo = ask.Visible
	case crypttab.EchoNo:
		q.Echo = ask.Hidden
	}
	q.Title = "Passphrase for " + strings.Join(names, ", ")
	if len(seats) == 1 {
		q.Title += " (" + seats[0].target.Node + ")"
	}
	return q
}

// onlyOptional tells that the boot waits for none of these volumes, though it had others to wait for.
func (p *people) onlyOptional(seats []*seat) bool {
	for _, s := range seats {
		if s.target.Required {
			return false
		}
	}
	return seats[0].anyRequired()
}

// deadline is when a volume stops waiting for people; zero for never.
func (p *people) deadline(s *seat, onlyOptional bool) time.Time {
	if limit := s.target.Options.Timeout; limit.Set && limit.V > 0 {
		return s.since.Add(limit.V)
	}
	if onlyOptional && !s.target.Options.Timeout.Set {
		return s.alone().Add(optionalPatience)
	}
	return time.Time{}
}

// alone is since when nothing but optional volumes are waited for.
func (s *seat) alone() time.Time {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.optionalSince.IsZero() {
		s.optionalSince = time.Now()
	}
	return s.optionalSince
}

// tryAll tries a passphrase on all volumes that wait by now, each in its turn at the memory.
func (p *people) tryAll(a ask.Answer) {
	defer a.Passphrase.Close()
	p.mu.Lock()
	seats := append([]*seat(nil), p.seats...)
	p.mu.Unlock()
	errs := make([]error, len(seats))
	var trying sync.WaitGroup
	for i, s := range seats {
		trying.Go(func() { errs[i] = s.tryTyped(a) })
	}
	trying.Wait()
	opened := false
	for i, s := range seats {
		if errs[i] == nil {
			opened = true
			s.give(nil)
			p.leave(s)
		}
	}
	if opened {
		p.remember(a.Passphrase)
	}
	for i, s := range seats {
		switch {
		case errs[i] == nil, s.ctx.Err() != nil:
		case errors.Is(errs[i], luks.ErrPassphrase) && opened:
			// It was meant for another volume.
		default:
			p.wrong([]*seat{s}, errs[i])
		}
	}
}

func (s *seat) tryTyped(a ask.Answer) error {
	passphrase, err := secret.Copy(a.Passphrase.Bytes())
	if err != nil {
		return err
	}
	return s.tryFrom("a passphrase from "+a.By)(s.ctx, typed(passphrase))
}

// remember keeps a passphrase for volumes that are not there yet.
func (p *people) remember(passphrase *secret.Buffer) {
	copied, err := secret.Copy(passphrase.Bytes())
	if err != nil {
		return // then they ask
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.known = append(p.known, copied)
}

// wrong counts a try and says why it failed.
func (p *people) wrong(seats []*seat, why error) {
	for _, s := range seats {
		if s.left != crypttab.Endless {
			s.left--
		}
		event := Event{Kind: WrongAnswer, Volume: s.target.Name, Left: s.left, Err: why}
		if s.target.LUKS != nil && errors.Is(why, luks.ErrPassphrase) {
			event.Damaged = s.target.LUKS.DamagedKeyslots()
		}
		p.engine.report(event)
		if s.left <= 0 {
			s.give(errors.Join(ErrTries, why))
			p.leave(s)
		}
	}
}
