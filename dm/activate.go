// SPDX-License-Identifier: Apache-2.0

package dm

import (
	"context"
	"errors"
	"time"
)

// Plan is a device to be made.
type Plan struct {
	Name, UUID string
	Table      Table
	ReadOnly   bool
	ReadAhead  uint // least read-ahead of the device, 512-byte sectors; 0 leaves it alone
	Udev       UdevFlags
}

// Activate makes a device, loads its table and starts it: when it returns nil, /dev/mapper/NAME is
// there. On any failure, the end of ctx included, no device is left behind. The plan's table stays
// the caller's to close. Kinds of errors are those of Create, Load and Resume.
func (c *Control) Activate(ctx context.Context, p Plan) (Info, error) {
	if err := c.ready(ctx); err != nil {
		return Info{}, err
	}
	made, err := c.Create(p.Name, p.UUID)
	if err != nil {
		return Info{}, err
	}
	// From here on the device is addressed by its number, so that a rollback removes this device
	// and never another one that took its name.
	info, err := c.start(ctx, ref{dev: made.Dev()}, p)
	if err != nil {
		return Info{}, errors.Join(err, c.rollback(ctx, made))
	}
	if err := setReadAhead(info.Major, info.Minor, p.ReadAhead); err != nil {
		c.warn(err)
	}
	return info, nil
}

func (c *Control) start(ctx context.Context, device ref, p Plan) (Info, error) {
	if _, err := c.load(device, p.Name, p.Table, LoadOptions{ReadOnly: p.ReadOnly}); err != nil {
		return Info{}, err
	}
	info, err := c.resume(ctx, device, ResumeOptions{Udev: p.Udev})
	if err != nil {
		return Info{}, err
	}
	return info, ctx.Err()
}

// rollback removes a device that did not get far. A cancelled ctx must not stop it, and neither
// openers nor a silent udev may hold it up for long.
func (c *Control) rollback(ctx context.Context, made Info) error {
	const patience = 5 * time.Second
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), patience)
	defer cancel()
	_, err := c.remove(ctx, ref{dev: made.Dev()}, made, RemoveOptions{Retry: patience})
	return err
}
