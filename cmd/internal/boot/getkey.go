// SPDX-License-Identifier: Apache-2.0

package boot

import (
	"context"
	"errors"
	"sync"
	"time"

	"github.com/orthrus-luks/orthrus/dm/keyring"
	"github.com/orthrus-luks/orthrus/luks"
	"github.com/orthrus-luks/orthrus/luks/kdf"
)

const (
	deriveTimeout         = 5 * time.Minute
	deriveTimeoutOptional = time.Minute
)

// getKey lets all sources race, and returns when one has won or all have lost.
func (t *task) getKey(ctx context.Context) error {
	racing, cancel := context.WithCancel(ctx)
	defer cancel()
	t.won = cancel
	first, others := t.sourcesOf(t.target)
	var running sync.WaitGroup
	var losses losses
	for _, s := range others {
		running.Go(func() { losses.add(t.compete(racing, s)) })
	}
	running.Go(func() {
		for _, s := range first {
			if err := t.compete(racing, s); err == nil || racing.Err() != nil {
				return
			} else {
				losses.add(err)
			}
		}
		losses.add(t.people.serve(racing, t))
	})
	running.Wait()
	if t.key != nil {
		return nil
	}
	if err := ctx.Err(); err != nil {
		return err
	}
	return losses.worst()
}

// compete runs one source and reports a loss that people should know of.
func (t *task) compete(ctx context.Context, s Source) error {
	err := s.Secrets(ctx, t.tryFrom(s.Name()))
	switch {
	case err == nil || ctx.Err() != nil:
	case errors.Is(err, luks.ErrPassphrase):
		if _, usual := s.(*keyringSource); !usual {
			t.report(Event{Kind: WrongKey, Volume: t.target.Name, Source: s.Name()})
		}
	case errors.Is(err, keyring.ErrNoKey), errors.Is(err, keyring.ErrUnsupported):
	default:
		t.report(Event{Kind: SourceFailed, Volume: t.target.Name, Source: s.Name(), Err: err})
	}
	return err
}

// losses are the errors of the sources of one volume.
type losses struct {
	mu  sync.Mutex
	all []error
}

func (l *losses) add(err error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if err != nil {
		l.all = append(l.all, err)
	}
}

// worst is the error that tells most: what people did, then what was found out about keyslots, then
// the rest. That a keyring has no key is no news.
func (l *losses) worst() error {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, kind := range []error{ErrTries, kdf.ErrMemory, kdf.ErrCost, ErrSlow, luks.ErrPassphrase} {
		for _, err := range l.all {
			if errors.Is(err, kind) {
				return err
			}
		}
	}
	for i := len(l.all) - 1; i >= 0; i-- {
		if !errors.Is(l.all[i], keyring.ErrNoKey) && !errors.Is(l.all[i], ErrNoSource) {
			return l.all[i]
		}
	}
	return ErrNoSource
}

// tryFrom is what a source gives its secrets to.
func (t *task) tryFrom(source string) Try {
	return func(ctx context.Context, s Secret) error {
		defer s.Close()
		key, err := t.derive(ctx, s)
		if err != nil {
			return err
		}
		if !t.take(key, source) {
			return key.Close() // another source was quicker by a moment
		}
		if s.VolumeKey || t.target.LUKS == nil {
			return nil
		}
		if err := keep(t.target, s.Bytes()); err != nil {
			t.report(Event{Kind: KeptFailed, Volume: t.target.Name, Err: err})
		}
		return nil
	}
}

// take makes the first key the volume's and ends all sources.
func (t *task) take(key *luks.Key, source string) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.key != nil {
		return false
	}
	t.key, t.by = key, source
	t.won()
	return true
}

// derive turns a secret into the volume key: when it is its turn, and in bounded time.
func (t *task) derive(ctx context.Context, s Secret) (*luks.Key, error) {
	if t.target.LUKS == nil {
		return t.plainKey(s)
	}
	leave, err := t.gate.enter(ctx, t.keyslots.memory())
	if err != nil {
		return nil, err
	}
	defer leave()
	begun := time.Now()
	defer func() { t.spent(time.Since(begun)) }()
	limited, cancel := context.WithTimeoutCause(ctx, t.deriveTimeout(), ErrSlow)
	defer cancel()
	key, err := t.open(limited, s)
	if err != nil && ctx.Err() == nil && limited.Err() != nil {
		return nil, ErrSlow
	}
	return key, err
}

func (t *task) open(ctx context.Context, s Secret) (*luks.Key, error) {
	v := t.target.LUKS
	if s.VolumeKey {
		copied, err := copyOf(s)
		if err != nil {
			return nil, err
		}
		return v.VerifyKey(ctx, copied)
	}
	keyslot := s.Keyslot
	if only := t.anyOrSlot(); only != luks.AnyKeyslot {
		keyslot = only
	}
	return v.Unlock(ctx, s.Bytes(), luks.UnlockOptions{Keyslot: keyslot, Only: t.keyslots.allows, Admit: t.admit})
}

func (t *task) admit(p kdf.Params) error {
	limits := kdf.OpeningLimits()
	if t.config.Limits != nil {
		limits = *t.config.Limits
	}
	return limits.Admit(p)
}

func (t *task) deriveTimeout() time.Duration {
	limit := t.config.DeriveTimeout
	if limit == 0 {
		limit = deriveTimeout
	}
	if !t.target.Required {
		limit = min(limit, deriveTimeoutOptional)
	}
	return limit
}

func (t *task) spent(d time.Duration) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.outcome.Derived += d
}
