// SPDX-License-Identifier: Apache-2.0

package luks

import (
	"context"
	"errors"
	"fmt"

	"github.com/orthrus-luks/orthrus/luks/far"
	"github.com/orthrus-luks/orthrus/luks/luks2"
	"github.com/orthrus-luks/orthrus/luks/relocate"
)

// transact heals the heads, plans against what they say under the lock, and carries the steps out.
func (v *Volume) transact(ctx context.Context, o relocate.Options, plan func(now luks2.Copy) ([]relocate.Step, error)) error {
	if _, err := v.Heal(ctx, false); err != nil {
		return err
	}
	o.Live = func() ([]luks2.Extent, error) { return live(v.dev) }
	return locked(ctx, v.dev, true, func() error {
		_, choice, err := v.current()
		if err != nil {
			return err
		}
		steps, err := plan(choice.Copy)
		if err != nil {
			return err
		}
		return errors.Join(relocate.Run(v.dev, choice.Copy, steps, o), v.load())
	})
}

// Transaction is a change in more than one step that was begun and not concluded, as the heads tell of
// it.
type Transaction struct {
	// Phase is that of the far header's token, or "resizing" for the metadata area.
	Phase string
	// From and To are the device's size in bytes before and after, 0 where it is about something else.
	From, To uint64
}

// Pending returns the transaction that the heads tell of, and false where there is none. One that awaits
// the cut of its device is pending once that has been made. A log that cannot be used is a
// relocate.LogError or far.TokenError.
func (v *Volume) Pending() (Transaction, bool, error) {
	if v.Version != 2 {
		return Transaction{}, false, nil
	}
	if _, _, found, err := relocate.FindLog(v.Metadata()); err != nil || found {
		return Transaction{Phase: "resizing"}, found && err == nil, err
	}
	t, _, found, err := far.Find(v.Metadata())
	if err != nil || !found {
		return Transaction{}, false, err
	}
	pending := t.Phase != far.Stable
	if t.Phase == far.AwaitingCut {
		pending = uint64(v.dev.Size()) == t.ToDeviceSize
	}
	return Transaction{string(t.Phase), t.DeviceSize, t.ToDeviceSize}, pending, nil
}

// Resume concludes, or takes back, what Pending tells of, from the heads alone and without a
// passphrase. It writes nothing where there is nothing to do, and refuses where the ownership rules of
// the far header forbid to write: far.ErrRestored, far.ErrCovered, far.ErrUnsure, a relocate.SizeError
// for a device that was cut.
func (v *Volume) Resume(ctx context.Context, tell func(relocate.Step)) (resumed bool, err error) {
	pending, found, err := v.Pending()
	if err != nil || !found {
		return false, err
	}
	switch far.Phase(pending.Phase) {
	case far.Enabling, far.Disabling:
		return v.ResumeFar(ctx)
	}
	if err := v.transact(ctx, relocate.Options{Tell: tell}, v.planResume); err != nil {
		return true, err
	}
	// A shrink that was concluded awaits a cut that may have been made; a resize may leave a far header to
	// be made.
	if after, found, err := v.Pending(); err != nil || !found || after == pending {
		return true, err
	}
	return v.Resume(ctx, tell)
}

// PlanResume tells the steps in which Resume would conclude or take back a relocation or a resize, and
// writes nothing.
func (v *Volume) PlanResume() ([]relocate.Step, error) {
	if _, found, err := v.Pending(); err != nil || !found {
		return nil, err
	}
	return v.planResume(v.Choice.Copy)
}

func (v *Volume) planResume(now luks2.Copy) ([]relocate.Step, error) {
	if err := v.notRestored(now); err != nil {
		return nil, err
	}
	if _, _, resizing, err := relocate.FindLog(now.Metadata); resizing || err != nil {
		return relocate.PlanResume(v.dev, now, v.metadataLimit(now))
	}
	return relocate.PlanConclude(v.dev, now)
}

// notRestored refuses heads that are older than a far header of this volume: they came from a backup.
func (v *Volume) notRestored(now luks2.Copy) error {
	if j := far.Judge(v.farEvidence(now)); j.Standing == far.Restored {
		return j.Why
	}
	return nil
}

// movable refuses a relocation unless the far header is ours, and both it and the room that steps take
// are under no mapping; free: whatever lies in that room does not count.
func (v *Volume) movable(now luks2.Copy, steps []relocate.Step, free bool) error {
	e := v.farEvidence(now)
	var err error
	if e.Live, err = live(v.dev); err != nil {
		return err
	}
	if e.TokenErr != nil {
		return e.TokenErr
	}
	if uint64(v.dev.Size()) < e.Token.DeviceSize && e.HasToken && e.Token.Phase == far.Stable {
		return &relocate.SizeError{Kind: relocate.ErrShrunk, Device: uint64(v.dev.Size()), Known: e.Token.DeviceSize}
	}
	j := far.Judge(e)
	if j.Exposed {
		return fmt.Errorf("%w: the data segment reaches over it", far.ErrDisplaced)
	}
	if err := j.Writable(); err != nil {
		return err
	}
	return relocate.Preflight(v.dev, now, steps, relocate.Options{Free: free, Live: func() ([]luks2.Extent, error) { return e.Live, nil }})
}
