// SPDX-License-Identifier: Apache-2.0

package luks

import (
	"cmp"
	"context"

	"github.com/orthrus-luks/orthrus/luks/commit"
	"github.com/orthrus-luks/orthrus/luks/far"
	"github.com/orthrus-luks/orthrus/luks/header"
	"github.com/orthrus-luks/orthrus/luks/luks2"
	"github.com/orthrus-luks/orthrus/luks/relocate"
	"github.com/orthrus-luks/orthrus/luks/view"
)

// look plans on the heads as they are now, under the shared lock, so that nothing half written by somebody else is
// judged. It writes nothing and leaves v as it was loaded. LUKS1 has nothing to plan: the error is older then.
func (v *Volume) look(ctx context.Context, older error, plan func(now luks2.Copy) error) error {
	if !v.is(2) {
		return older
	}
	return v.locked(ctx, false, func() error {
		fresh, err := view.Read(v.dev)
		switch {
		case err != nil:
			return err
		case fresh.Version != 2:
			return older
		case fresh.Choice.Reason == header.Conflicting: // nothing is carried out before somebody chooses
			return header.ErrConflict
		}
		return plan(fresh.Choice.Copy)
	})
}

// Step is one step of a transaction.
type Step = commit.Step

// transact heals the heads, plans against what they say under the lock, and carries the steps out. Where there are
// none, a far header that was left behind by what was cut off is brought into step, or why it was not is said.
func (v *Volume) transact(ctx context.Context, o commit.Options, plan func(s *commit.Session) ([]Step, error)) error {
	if !v.is(2) {
		return far.ErrNone
	}
	if _, err := v.Heal(ctx, false); err != nil {
		return err
	}
	var lag error
	idle := true
	err := v.enter(ctx, o, func(s *commit.Session) error {
		lag = v.FarLag
		steps, err := plan(s)
		if err != nil {
			return err
		}
		if idle = len(steps) == 0; idle {
			lag = cmp.Or(s.CatchUp(), lag)
		}
		return s.Run(s.Now(), steps)
	})
	if idle {
		v.lags(lag)
	}
	return err
}

// Transaction is a change in more than one step that was begun and not concluded, as the heads tell of
// it.
type Transaction = relocate.Transaction

// Pending returns the transaction that the heads tell of, and false where there is none. One that awaits
// the cut of its device is pending once that has been made. A log that cannot be used is a
// relocate.LogError or far.TokenError.
func (v *Volume) Pending() (Transaction, bool, error) {
	if v.device() == nil || !v.is(2) {
		return Transaction{}, false, nil
	}
	return relocate.Pending(v.dev, v.now().Metadata())
}

// Resume concludes, or takes back, what Pending tells of, from the heads alone and without a
// passphrase. It writes nothing where there is nothing to do, and refuses where the ownership rules of
// the far header forbid to write: far.ErrRestored, far.ErrCovered, far.ErrUnsure, a relocate.SizeError
// for a device that was cut.
func (v *Volume) Resume(ctx context.Context, tell func(Step)) (resumed bool, err error) {
	pending, found, err := v.Pending()
	if err != nil || !found {
		return false, err
	}
	err = v.transact(ctx, commit.Options{Tell: tell}, func(s *commit.Session) ([]Step, error) {
		if err := s.BringBack(); err != nil {
			return nil, err
		}
		return relocate.PlanPending(v.dev, s.Now())
	})
	if err != nil {
		return true, err
	}
	v.mended(true)
	// A shrink that was concluded awaits a cut that may have been made; a resize may leave a far header to
	// be made.
	if after, found, err := v.Pending(); err != nil || !found || after == pending {
		return true, err
	}
	return v.Resume(ctx, tell)
}

// PlanResume tells the steps in which Resume would conclude or take back what was begun, and writes nothing.
func (v *Volume) PlanResume(ctx context.Context) (steps []Step, err error) {
	err = v.look(ctx, nil, func(now luks2.Copy) error {
		_, found, err := relocate.Pending(v.dev, now.Metadata)
		if err == nil && found {
			steps, err = relocate.PlanPending(v.dev, now)
		}
		return err
	})
	return steps, err
}
