// SPDX-License-Identifier: Apache-2.0

// Package ready waits for devices and sockets that do not block, as long as a context lets it.
package ready

import (
	"context"
	"time"

	"golang.org/x/sys/unix"
)

// tick is how often a wait looks at its context.
const tick = 50 * time.Millisecond

// Do waits until fd is ready for events, works on it, and waits again while that says EAGAIN. The error is the
// context's cause once that has ended.
func Do(ctx context.Context, fd int, events int16, work func() (int, error)) (int, error) {
	for {
		if ctx.Err() != nil {
			return 0, context.Cause(ctx)
		}
		list := []unix.PollFd{{Fd: int32(fd), Events: events}}
		count, err := unix.Poll(list, int(tick.Milliseconds()))
		if err == unix.EINTR || err == nil && count == 0 {
			continue
		}
		if err != nil {
			return 0, err
		}
		n, err := work()
		if err == unix.EAGAIN || err == unix.EINTR {
			continue
		}
		return n, err
	}
}

// Write writes all of p.
func Write(ctx context.Context, fd int, p []byte) error {
	for len(p) > 0 {
		n, err := Do(ctx, fd, unix.POLLOUT, func() (int, error) { return unix.Write(fd, p) })
		if err != nil {
			return err
		}
		p = p[n:]
	}
	return nil
}

// Read is one read.
func Read(ctx context.Context, fd int, p []byte) (int, error) {
	return Do(ctx, fd, unix.POLLIN, func() (int, error) { return unix.Read(fd, p) })
}
