// SPDX-License-Identifier: Apache-2.0

package dm

import (
	"context"
	"fmt"
	"os"

	"golang.org/x/sys/unix"
)

// WaitEvent returns when the event number of a device differs from since, or when ctx ends. Events
// are raised by targets and by a rename, after which Info has the new name; a table exchanged by
// Resume raises none. A device that is removed meanwhile is ErrNotFound. It needs Linux 4.13
// (interface 4.37).
//
// It polls a control device of its own rather than sleeping in DM_DEV_WAIT, which nothing but a
// signal can end.
func (c *Control) WaitEvent(ctx context.Context, name string, since uint32) (Info, error) {
	if err := c.ready(ctx); err != nil {
		return Info{}, err
	}
	file, err := os.OpenFile(c.file.Name(), os.O_RDWR, 0)
	if err != nil {
		return Info{}, controlFailure(err)
	}
	defer file.Close()
	wake, err := unix.Eventfd(0, unix.EFD_CLOEXEC)
	if err != nil {
		return Info{}, fmt.Errorf("device-mapper: %s %q: %w", opWait, name, err)
	}
	defer unix.Close(wake)
	done := make(chan struct{})
	stop := context.AfterFunc(ctx, func() {
		defer close(done)
		_, _ = unix.Write(wake, []byte{1, 0, 0, 0, 0, 0, 0, 1}) // fails only on a closed descriptor
	})
	defer func() {
		if !stop() {
			<-done // the write must not meet a descriptor that was closed and reused
		}
	}()
	info, err := c.Status(name)
	if err != nil {
		return Info{}, failedStatus(err, opWait)
	}
	return c.pollEvents(ctx, info, since, int(file.Fd()), wake)
}

func (c *Control) pollEvents(ctx context.Context, device Info, since uint32, control, wake int) (Info, error) {
	name := device.Name
	armed := &Control{ioctl: func(cmd uintptr, mem []byte) error { return ioctl(control, cmd, mem) }}
	for {
		// Arm first and look second, so that an event in between is not lost.
		if _, err := armed.ask(call{op: opWait, cmd: unix.DM_DEV_ARM_POLL}); err != nil {
			return Info{}, err
		}
		info, err := c.StatusNumber(device.Major, device.Minor) // also under another name
		if err != nil || info.EventNr != since {
			return info, err
		}
		fds := []unix.PollFd{{Fd: int32(control), Events: unix.POLLIN}, {Fd: int32(wake), Events: unix.POLLIN}}
		if _, err := unix.Poll(fds, -1); err != nil && err != unix.EINTR {
			return Info{}, fmt.Errorf("device-mapper: %s %q: %w", opWait, name, err)
		}
		if err := ctx.Err(); err != nil {
			return info, fmt.Errorf("device-mapper: %s %q: %w", opWait, name, err)
		}
	}
}
