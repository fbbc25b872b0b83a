// SPDX-License-Identifier: Apache-2.0

package ui

import (
	"context"
	"errors"
	"os"
	"time"

	"github.com/orthrus-luks/orthrus/dm/secret"
	"golang.org/x/sys/unix"
)

// MaxKeyFile is how much of a key file is read where no size is given, in bytes; a longer file is
// refused.
const MaxKeyFile = 8 << 20

// Request says where a secret shall come from.
type Request struct {
	Prompt  string        // shown at a terminal, with its colon and blank
	Verify  bool          // ask twice at a terminal; see UI.Verify
	Timeout time.Duration // for each prompt; 0 waits for ever

	// KeyFile names the file that holds the secret: empty for a passphrase (typed, or one line of
	// standard input), "-" for standard input to its end.
	KeyFile string
	Offset  uint64 // bytes to skip first
	Size    uint64 // exact length in bytes, 0 for all up to MaxKeyFile

	mayBeEmpty bool // a file of no bytes is a key of no bytes; a pipe that ends at once holds none
}

// Secret gets the secret that the request describes. Errors are Problems, *InputError with one, or
// the context's.
func (u *UI) Secret(ctx context.Context, r Request) (*secret.Buffer, error) {
	switch {
	case r.KeyFile != "" && r.KeyFile != "-":
		return readKeyFile(ctx, r)
	case u.Interactive() && r.Offset > 0:
		return nil, ErrOffsetOnTTY
	case u.Interactive():
		return u.ask(ctx, r.Prompt, r.Verify, r.Timeout)
	}
	line := r.KeyFile == ""
	r.KeyFile = "-"
	return readInput(ctx, int(u.In.Fd()), r, line)
}

func readKeyFile(ctx context.Context, r Request) (*secret.Buffer, error) {
	fd, err := openToRead(ctx, r.KeyFile)
	if ctx.Err() != nil {
		return nil, ctx.Err()
	}
	if err != nil {
		return nil, &InputError{ErrOpenKeyFile, r.KeyFile, err}
	}
	defer unix.Close(fd)
	if isTerminal(fd) {
		return nil, &InputError{Kind: ErrKeyFileIsTTY, Path: r.KeyFile}
	}
	r.mayBeEmpty = isRegular(fd)
	return readInput(ctx, fd, r, false)
}

func isRegular(fd int) bool {
	var stat unix.Stat_t
	return unix.Fstat(fd, &stat) == nil && stat.Mode&unix.S_IFMT == unix.S_IFREG
}

// ReadKey reads the secret of the request from a file that is open already.
func ReadKey(ctx context.Context, f *os.File, r Request) (*secret.Buffer, error) {
	if r.KeyFile == "" {
		r.KeyFile = f.Name()
	}
	return readInput(ctx, int(f.Fd()), r, false)
}

// readInput reads the secret from a descriptor that is no terminal: a line without its newline, or
// everything.
func readInput(ctx context.Context, fd int, r Request, line bool) (*secret.Buffer, error) {
	w, err := NewWaiter(ctx, fd)
	if err != nil {
		return nil, err
	}
	defer w.Close()
	if err := skip(w, r.Offset); err != nil {
		return nil, r.failed(err)
	}
	limit := int64(r.Size)
	if r.Size == 0 {
		limit = MaxKeyFile
	}
	got, ended, err := readUpTo(w, limit, line)
	if err == nil {
		err = r.judge(w, got, ended)
	}
	if err != nil {
		return nil, errors.Join(r.failed(err), got.Close())
	}
	return got, nil
}

// judge compares what was read with what was wanted; ended tells that a newline or the end of input
// stopped the reading.
func (r *Request) judge(w *Waiter, got *secret.Buffer, ended ending) error {
	switch {
	case got.Len() == 0 && ended == atEnd && !r.mayBeEmpty:
		return ErrNothingToRead
	case r.Size > 0 && uint64(got.Len()) < r.Size:
		return ErrShortKeyFile
	case r.Size == 0 && ended == atLimit:
		return atLimitError(w)
	}
	return nil
}

// atLimitError tells a key file of exactly the greatest size from a longer one.
func atLimitError(w *Waiter) error {
	var one [1]byte
	n, err := w.Read(one[:], time.Time{})
	secret.Wipe(one[:])
	if err == nil && n > 0 {
		return ErrLongKeyFile
	}
	return err
}

// failed gives an error of the system its place; Problems and the context's errors stay.
func (r *Request) failed(err error) error {
	var problem Problem
	switch {
	case errors.As(err, &problem):
		return &InputError{Kind: problem, Path: r.KeyFile}
	case errors.Is(err, context.Canceled), errors.Is(err, context.DeadlineExceeded):
		return err
	}
	return &InputError{ErrReadKey, r.KeyFile, err}
}
