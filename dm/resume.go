// SPDX-License-Identifier: Apache-2.0

package dm

import (
	"context"
	"errors"

	"golang.org/x/sys/unix"
)

// ResumeOptions say how to exchange the table and what to tell udev. Suspend concerns a device that
// is running when it gets a new table, which the kernel suspends first.
type ResumeOptions struct {
	Suspend SuspendOptions
	Udev    UdevFlags
}

// Resume makes a table in the inactive slot the active one and lets I/O through. It then waits for
// udev, or keeps the node itself; a *NodeError means that the device runs without a node. A crypt
// device whose key was wiped cannot resume: ErrNoKey.
func (c *Control) Resume(ctx context.Context, name string, o ResumeOptions) (Info, error) {
	device, err := byName(name)
	if err = errors.Join(err, c.ready(ctx)); err != nil {
		return Info{}, err
	}
	return c.resume(ctx, device, o)
}

func (c *Control) resume(ctx context.Context, device ref, o ResumeOptions) (Info, error) {
	q := call{op: opResume, cmd: unix.DM_DEV_SUSPEND, device: device, flags: o.Suspend.flags()}
	a, err := c.synced(ctx, q, o.Udev)
	if err != nil {
		return Info{}, err
	}
	info := a.info()
	return info, c.nodes.ensure(info.Name, info.Dev())
}

// Rename gives a device another name; ErrExists where that is taken.
func (c *Control) Rename(ctx context.Context, name, newName string, flags UdevFlags) (Info, error) {
	device, err := byName(name)
	if err = errors.Join(err, c.ready(ctx)); err != nil {
		return Info{}, err
	}
	kernel, err := Mangle(newName)
	if err != nil {
		return Info{}, err
	}
	a, err := c.synced(ctx, call{
		op: opRename, cmd: unix.DM_DEV_RENAME, device: device, payload: append([]byte(kernel), 0),
	}, flags)
	if err != nil {
		return Info{}, err
	}
	info := a.info()
	info.Name = kernel // kernels differ in which of the names they report
	if err := c.nodes.ensure(kernel, info.Dev()); err != nil {
		return info, err
	}
	return info, c.nodes.drop(device.name, info.Dev())
}
