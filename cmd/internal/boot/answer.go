// SPDX-License-Identifier: Apache-2.0

package boot

import (
	"errors"
	"maps"
	"slices"
	"sort"
	"strings"
	"sync"
	"time"

	"github.com/orthrus-luks/orthrus/cmd/internal/boot/ask"
	"github.com/orthrus-luks/orthrus/cmd/internal/boot/crypttab"
	"github.com/orthrus-luks/orthrus/dm/secret"
	"github.com/orthrus-luks/orthrus/luks"
	"github.com/orthrus-luks/orthrus/luks/open"
)

// question is what is asked for the volumes that wait.
func (p *people) question(seats []*seat) ask.Question {
	var names []string
	q := ask.Question{ID: "cryptsetup:" + seats[0].target.Node, Cached: p.asked == 1}
	for _, s := range seats {
		names = append(names, s.target.Name)
		if end := p.deadline(s, p.onlyOptional(seats)); !end.IsZero() &&
			(q.Deadline.IsZero() || end.Before(q.Deadline)) {
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
	if slices.ContainsFunc(seats, func(s *seat) bool { return open.WantsPIN(s.target.LUKS) }) {
		q.Title = "Passphrase or PIN for " + strings.Join(names, ", ")
		q.Cached = false // a wrong PIN counts
	}
	if len(seats) == 1 {
		q.Title += " (" + seats[0].target.Node + seats[0].farNote() + ")"
	}
	return q
}

// farNote says what a passphrase is typed into.
func (t *task) farNote() string {
	if t.far == nil {
		return ""
	}
	return ", whose header is lost: opened by its far header"
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

// tryAll tries a passphrase on all volumes that wait, those that begin to meanwhile included.
func (p *people) tryAll(a ask.Answer) {
	defer a.Passphrase.Close()
	errs := map[*seat]error{}
	for {
		seats := p.untried(errs, a.Passphrase)
		if len(seats) == 0 {
			break
		}
		p.tryOn(seats, a, errs)
	}
	opened := anyNil(errs)
	inOrder := slices.Collect(maps.Keys(errs))
	sort.Slice(inOrder, func(i, j int) bool { return inOrder[i].target.Name < inOrder[j].target.Name })
	for _, s := range inOrder {
		switch err := errs[s]; {
		case err == nil, s.ctx.Err() != nil:
		case errors.Is(err, luks.ErrPassphrase) && opened:
			// It was meant for another volume.
		default:
			p.wrong([]*seat{s}, err)
		}
	}
}

// untried lists who waits and has not been tried. Where that is nobody, a passphrase that has opened
// a volume is remembered, before anybody else can sit down.
func (p *people) untried(errs map[*seat]error, passphrase *secret.Buffer) []*seat {
	p.mu.Lock()
	defer p.mu.Unlock()
	var left []*seat
	for _, s := range p.seats {
		if _, tried := errs[s]; !tried {
			left = append(left, s)
		}
	}
	if len(left) == 0 && anyNil(errs) {
		if copied, err := secret.Copy(passphrase.Bytes()); err == nil { // else it is asked for again
			p.known = append(p.known, copied)
		}
	}
	return left
}

func anyNil(errs map[*seat]error) bool {
	for _, err := range errs {
		if err == nil {
			return true
		}
	}
	return false
}

// tryOn tries a passphrase side by side, as far as memory allows.
func (p *people) tryOn(seats []*seat, a ask.Answer, errs map[*seat]error) {
	results := make([]error, len(seats))
	var trying sync.WaitGroup
	for i, s := range seats {
		trying.Go(func() { results[i] = s.tryTyped(a) })
	}
	trying.Wait()
	for i, s := range seats {
		if errs[s] = results[i]; results[i] == nil {
			s.give(nil)
			p.leave(s)
		}
	}
}

func (s *seat) tryTyped(a ask.Answer) error {
	passphrase, err := secret.Copy(a.Passphrase.Bytes())
	if err != nil {
		return err
	}
	if err = s.tryOne(typed(passphrase, "a passphrase from "+a.By)); !errors.Is(err, luks.ErrPassphrase) {
		return err
	}
	return s.tryPIN(a)
}

// tryPIN gives an answer that is no passphrase to a token that wants a PIN. Only what was typed for this volume is
// tried so, and once: a wrong PIN counts.
func (s *seat) tryPIN(a ask.Answer) error {
	if s.target.LUKS == nil || !open.WantsPIN(s.target.LUKS) {
		return luks.ErrPassphrase
	}
	return open.TypedPIN(s.ctx, s.target.LUKS, s.tokenHelp(), a.Passphrase.Bytes(), s.try)
}

// tryOne tries what people said; a recovery key is known in any spelling, but not where each text makes a key.
func (s *seat) tryOne(said open.Secret) error {
	if s.target.LUKS == nil {
		return s.try(s.ctx, said)
	}
	return open.Typed(s.ctx, s.try, said, open.RecoveryKeyslots(s.target.LUKS))
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
