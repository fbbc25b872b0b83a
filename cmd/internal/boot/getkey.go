// SPDX-License-Identifier: Apache-2.0

package boot

import (
	"context"
	"errors"
	"sync"
	"time"

	"github.com/orthrus-luks/orthrus/dm/keyring"
	"github.com/orthrus-luks/orthrus/dm/secret"
	"github.com/orthrus-luks/orthrus/luks"
	"github.com/orthrus-luks/orthrus/luks/kdf"
	"github.com/orthrus-luks/orthrus/luks/open"
	"github.com/orthrus-luks/orthrus/luks/token"
)

const (
	deriveTimeout         = 5 * time.Minute
	deriveTimeoutOptional = time.Minute
)

// getKey lets all sources race, and returns when one has won or all have lost.
func (t *task) getKey(ctx context.Context) error {
	var losses losses
	race := open.Race{Open: t.attempt, Lost: func(s open.Source, err error) {
		losses.add(err)
		t.tellLoss(s, err)
	}}
	win, err := race.Run(ctx, t.sourcesOf(t.target))
	switch {
	case err == nil:
		t.key, t.by = win.Key, win.By
		return nil
	case ctx.Err() != nil:
		return ctx.Err()
	}
	return losses.worst()
}

// tellLoss reports a loss that people should know of.
func (t *task) tellLoss(s open.Source, err error) {
	_, cache := s.(cacheSource)
	_, asked := s.(asking)
	switch {
	case asked, errors.Is(err, keyring.ErrNoKey), errors.Is(err, keyring.ErrUnsupported),
		errors.Is(err, token.ErrAbsent), errors.Is(err, token.ErrNoPIN), errors.Is(err, token.ErrForbidden):
	case errors.Is(err, luks.ErrPassphrase) && cache:
	case errors.Is(err, luks.ErrPassphrase):
		t.report(Event{Kind: WrongKey, Volume: t.target.Name, Source: s.Name()})
	default:
		t.report(Event{Kind: SourceFailed, Volume: t.target.Name, Source: s.Name(), Err: err})
	}
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
		if !errors.Is(l.all[i], keyring.ErrNoKey) && !errors.Is(l.all[i], token.ErrAbsent) &&
			!errors.Is(l.all[i], token.ErrNoPIN) && !errors.Is(l.all[i], token.ErrForbidden) &&
			!errors.Is(l.all[i], open.ErrNoSource) {
			return l.all[i]
		}
	}
	return open.ErrNoSource
}

// attempt turns a secret into the volume key, and keeps what opened the volume where that was asked for.
func (t *task) attempt(ctx context.Context, s open.Secret) (*luks.Key, error) {
	switch {
	case t.tcrypt != nil:
		return t.tcryptKey(ctx, s)
	case t.sealed != nil:
		return t.sealedKey(ctx, s.Bytes())
	case t.target.LUKS == nil:
		return t.plainKey(s)
	}
	key, err := t.derive(ctx, s)
	if err != nil || s.VolumeKey {
		return key, err
	}
	if err := keep(t.target, s.Bytes()); err != nil {
		t.report(Event{Kind: KeptFailed, Volume: t.target.Name, Err: err})
	}
	return key, nil
}

// derive unlocks when it is its turn, and in bounded time. A disk that hangs meanwhile is left to
// itself with a secret of its own.
func (t *task) derive(ctx context.Context, s open.Secret) (*luks.Key, error) {
	leave, err := t.gate.Enter(ctx, t.keyslots.Memory())
	if err != nil {
		return nil, err
	}
	own, err := secret.Copy(s.Bytes())
	if err != nil {
		leave()
		return nil, err
	}
	begun := time.Now()
	defer func() { t.spent(time.Since(begun)) }()
	limited, cancel := context.WithTimeoutCause(ctx, t.deriveTimeout(), ErrSlow)
	defer cancel()
	key, err := open.Bounded(limited, closeKey, func(ctx context.Context) (*luks.Key, error) {
		defer leave()
		s.Buffer = own
		key, err := open.Attempt(ctx, t.opening.Volume, s, t.unlocking())
		return key, errors.Join(err, own.Close())
	})
	if errors.Is(err, open.ErrHangs) {
		t.abandoned.Store(true)
	}
	if err != nil && ctx.Err() == nil && limited.Err() != nil {
		return nil, ErrSlow
	}
	return key, err
}

func closeKey(k *luks.Key) { _ = k.Close() }

func (t *task) unlocking() luks.UnlockOptions {
	return luks.UnlockOptions{Keyslot: luks.At(t.anyOrSlot()), Only: t.keyslots.Allows, Admit: t.admit}
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
