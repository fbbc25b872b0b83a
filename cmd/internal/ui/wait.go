// SPDX-License-Identifier: Apache-2.0

package ui

import (
	"context"
	"errors"
	"fmt"
	"os"
	"time"

	"golang.org/x/sys/unix"
)

// ErrTimeout is returned when nobody answered in time.
var ErrTimeout = errors.New("no answer in time")

// Waiter reads a descriptor in a way that a cancelled context interrupts. The descriptor stays in
// blocking mode, as other processes may share it.
type Waiter struct {
	ctx        context.Context
	fd         int
	wake       *os.File // readable once ctx is done
	wakeWriter *os.File
	stop       func() bool
}

// NewWaiter makes one for a descriptor, which stays the caller's.
func NewWaiter(ctx context.Context, fd int) (*Waiter, error) {
	r, w, err := os.Pipe()
	if err != nil {
		return nil, fmt.Errorf("ui: pipe: %w", err)
	}
	return &Waiter{
		ctx: ctx, fd: fd, wake: r, wakeWriter: w,
		stop: context.AfterFunc(ctx, func() { _, _ = w.Write([]byte{0}) }),
	}, nil
}

// Close lets go of what Read needs.
func (w *Waiter) Close() {
	w.stop()
	w.wake.Close()
	w.wakeWriter.Close()
}

// Read waits for input and reads what is there, at most len(p) bytes; 0 bytes are the end. The
// zero deadline means none.
func (w *Waiter) Read(p []byte, deadline time.Time) (int, error) {
	for {
		if err := w.Wait(deadline); err != nil {
			return 0, err
		}
		n, err := unix.Read(w.fd, p)
		// EAGAIN: somebody else set the descriptor we share to non-blocking.
		if err != unix.EINTR && err != unix.EAGAIN {
			return max(n, 0), err
		}
	}
}

// Wait returns when there is something to read: nil, the context's error or ErrTimeout.
func (w *Waiter) Wait(deadline time.Time) error {
	fds := []unix.PollFd{{Fd: int32(w.fd), Events: unix.POLLIN}, {Fd: int32(w.wake.Fd()), Events: unix.POLLIN}}
	for {
		if err := w.ctx.Err(); err != nil {
			return err
		}
		left, late := remaining(deadline)
		if late {
			return ErrTimeout
		}
		_, err := unix.Poll(fds, left)
		switch {
		case err == unix.EINTR:
		case err != nil:
			return err
		case fds[0].Revents != 0:
			return nil
		}
	}
}

// remaining is the time to a deadline in poll's milliseconds, -1 for ever.
func remaining(deadline time.Time) (ms int, late bool) {
	if deadline.IsZero() {
		return -1, false
	}
	left := time.Until(deadline)
	const most = 24 * time.Hour // poll takes an int of milliseconds
	return int(min(left, most)/time.Millisecond) + 1, left <= 0
}
