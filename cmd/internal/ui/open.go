// SPDX-License-Identifier: Apache-2.0

package ui

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"time"

	"golang.org/x/sys/unix"
)

// opened is what an open ended with.
type opened struct {
	fd  int
	err error
}

// openToRead opens a file that somebody named. One that never answers, as a FIFO nobody writes to, is let go when ctx
// ends; what opens after all is closed then.
func openToRead(ctx context.Context, path string) (int, error) {
	done := make(chan opened, 1)
	go func() {
		for {
			fd, err := unix.Open(path, unix.O_RDONLY|unix.O_CLOEXEC|unix.O_NOCTTY, 0)
			if err != unix.EINTR {
				done <- opened{fd, err}
				return
			}
		}
	}()
	select {
	case o := <-done:
		return o.fd, o.err
	case <-ctx.Done():
		go func() {
			if o := <-done; o.err == nil {
				_ = unix.Close(o.fd)
			}
		}()
		return -1, ctx.Err()
	}
}

// ErrTooLarge: a file has more bytes than anything of its kind.
var ErrTooLarge = errors.New("the file is too large")

// ReadNamed reads a file of at most limit bytes that somebody named and that holds no secret; one that has more is
// ErrTooLarge. Waiting for a file that does not answer ends with ctx.
func ReadNamed(ctx context.Context, path string, limit int64) ([]byte, error) {
	fd, err := openToRead(ctx, path)
	if err != nil {
		return nil, &os.PathError{Op: "open", Path: path, Err: err}
	}
	defer unix.Close(fd)
	text, err := ReadDescriptor(ctx, fd, limit)
	if err != nil {
		return nil, &os.PathError{Op: "read", Path: path, Err: err}
	}
	return text, nil
}

// ReadDescriptor does so where the file is open already.
func ReadDescriptor(ctx context.Context, fd int, limit int64) ([]byte, error) {
	w, err := NewWaiter(ctx, fd)
	if err != nil {
		return nil, err
	}
	defer w.Close()
	text, err := io.ReadAll(io.LimitReader(patient{w}, limit+1))
	if err == nil && int64(len(text)) > limit {
		return nil, fmt.Errorf("%w: more than %d bytes", ErrTooLarge, limit)
	}
	return text, err
}

// patient reads without a deadline.
type patient struct{ w *Waiter }

func (p patient) Read(b []byte) (int, error) {
	n, err := p.w.Read(b, time.Time{})
	if n == 0 && err == nil && len(b) > 0 {
		err = io.EOF
	}
	return n, err
}
