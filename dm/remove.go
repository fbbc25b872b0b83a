// SPDX-License-Identifier: Apache-2.0

package dm

import (
	"context"
	"errors"
	"time"

	"golang.org/x/sys/unix"
)

// retryPause lies between two attempts to remove a busy device.
const retryPause = 200 * time.Millisecond

// RemoveOptions say how patient a removal is.
type RemoveOptions struct {
	// Retry is how long to try again while the device is in use, for openers that leave by
	// themselves, such as udev's blkid. Zero means one attempt. The end of the context ends it too.
	Retry time.Duration
	// Deferred leaves the removal of a device in use to the kernel, which does it when the last
	// opener is gone. Where udev does not run the node stays behind then, until the name is used
	// again.
	Deferred bool
	Udev     UdevFlags
}

// Remove takes a device down and drops its tables. scheduled reports a removal that the kernel will
// do later (Deferred). A device in use is a *BusyError that names who holds it, kind ErrBusy; the
// end of ctx is joined to it.
func (c *Control) Remove(ctx context.Context, name string, o RemoveOptions) (scheduled bool, err error) {
	if err := c.ready(ctx); err != nil {
		return false, err
	}
	info, err := c.Status(name)
	if err != nil {
		return false, failedStatus(err, opRemove)
	}
	return c.remove(ctx, ref{name: info.Name}, info, o)
}

// failedStatus shows a failed look-up under the operation it was made for.
func failedStatus(err error, op string) error {
	var e *Error
	if errors.As(err, &e) {
		e.Op = op
	}
	return err
}

func (c *Control) remove(ctx context.Context, device ref, info Info, o RemoveOptions) (bool, error) {
	deadline := time.Now().Add(o.Retry)
	for {
		scheduled, err := c.removeOnce(ctx, device, info, o)
		if err == nil || !errors.Is(err, ErrBusy) {
			return scheduled, err
		}
		if time.Now().Add(retryPause).After(deadline) {
			return false, c.busy(device, info)
		}
		select {
		case <-ctx.Done():
			return false, errors.Join(c.busy(device, info), ctx.Err())
		case <-time.After(retryPause):
		}
	}
}

func (c *Control) removeOnce(ctx context.Context, device ref, info Info, o RemoveOptions) (bool, error) {
	q := call{op: opRemove, cmd: unix.DM_DEV_REMOVE, device: device}
	if o.Deferred {
		q.flags |= unix.DM_DEFERRED_REMOVE
	}
	a, err := c.synced(ctx, q, o.Udev)
	if err != nil {
		return false, err
	}
	if a.flag(unix.DM_DEFERRED_REMOVE) {
		return true, nil
	}
	return false, c.dropNode(info)
}

// dropNode removes the node of a removed device, unless a new device has taken its name meanwhile.
func (c *Control) dropNode(info Info) error {
	if _, err := c.Status(info.Name); !errors.Is(err, ErrNotFound) {
		return nil
	}
	return c.nodes.drop(info.Name, info.Dev())
}

// CancelDeferred takes back a removal that was scheduled and has not happened. EBUSY, kind ErrBusy,
// when it is under way.
func (c *Control) CancelDeferred(name string) error {
	_, err := c.Message(name, 0, []byte("@cancel_deferred_remove"))
	return err
}

// busy collects who holds a device.
func (c *Control) busy(device ref, info Info) error {
	if now, err := c.ask(call{op: opStatus, cmd: unix.DM_DEV_STATUS, device: device}); err == nil {
		info = now
	}
	return &BusyError{Device: info.Name, OpenCount: info.OpenCount, Holders: holders(info.Major, info.Minor)}
}
