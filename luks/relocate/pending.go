// SPDX-License-Identifier: Apache-2.0

package relocate

import (
	"github.com/orthrus-luks/orthrus/luks/far"
	"github.com/orthrus-luks/orthrus/luks/header"
	"github.com/orthrus-luks/orthrus/luks/layout"
	"github.com/orthrus-luks/orthrus/luks/luks2"
)

// Transaction is a change in more than one step that was begun and not concluded, as the heads tell of
// it.
type Transaction struct {
	// Phase is that of the far header's token, or "resizing" for the metadata area.
	Phase string
	// From and To are the device's size in bytes before and after, 0 where it is about something else.
	From, To uint64
}

// Pending returns the transaction that the heads of a volume tell of, and false where there is none. One that
// awaits the cut of its device is pending once that has been made; only then the device is asked, and for its
// size alone. A log that cannot be used is a LogError or far.TokenError.
func Pending(dev header.Device, m *luks2.Metadata) (Transaction, bool, error) {
	if _, _, found, err := FindLog(m); err != nil || found {
		return Transaction{Phase: "resizing"}, found && err == nil, err
	}
	t, _, found, err := far.Find(m)
	if err != nil || !found {
		return Transaction{}, false, err
	}
	pending := t.Phase != far.Stable
	if t.Phase == far.AwaitingCut {
		pending = uint64(dev.Size()) == t.ToDeviceSize
	}
	return Transaction{string(t.Phase), t.DeviceSize, t.ToDeviceSize}, pending, nil
}

// PlanPending plans to conclude, or to take back, what Pending tells of, from the heads alone. It refuses where
// the ownership rules of the far header forbid to write.
func PlanPending(dev header.Device, now luks2.Copy) ([]Step, error) {
	e := far.Gather(dev, now)
	if j := far.Judge(e); j.Standing == far.Restored { // heads from a backup
		return nil, j.Why
	}
	if _, _, resizing, err := FindLog(now.Metadata); resizing || err != nil {
		return PlanResume(dev, now, layout.Limit(now, e.DeviceSize))
	}
	return PlanConclude(dev, now)
}
