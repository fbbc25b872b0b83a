// SPDX-License-Identifier: Apache-2.0

package ui

import (
	"context"
	"errors"
	"io"
	"os"
	"time"

	"github.com/orthrus-luks/orthrus/cmd/internal/printable"
	"github.com/orthrus-luks/orthrus/dm/secret"
	"golang.org/x/sys/unix"
)

// MaxPassphrase is the longest passphrase that is read from a terminal, in bytes.
const MaxPassphrase = 512

// Verify decides whether a passphrase is asked for twice: asked is -y, usual what the action does
// without it. Nobody can be asked twice on a pipe, which is said where -y asks for it; -q stops only
// what is usual.
func (u *UI) Verify(asked, usual bool) bool {
	if !u.Interactive() {
		if asked {
			u.Errorf("%s", errMessageVerify)
		}
		return false
	}
	return asked || usual && !u.Batch
}

// ask prompts on the terminal, twice where verify is set, and returns what was typed without its
// newline.
func (u *UI) ask(ctx context.Context, prompt string, verify bool, timeout time.Duration) (*secret.Buffer, error) {
	typed, err := u.askOnce(ctx, prompt, timeout)
	if err != nil || !verify {
		return typed, err
	}
	again, err := u.askOnce(ctx, "Verify passphrase: ", timeout)
	if err != nil {
		return nil, errors.Join(err, typed.Close())
	}
	defer again.Close()
	if !typed.Equal(again.Bytes()) {
		return nil, errors.Join(ErrMismatch, typed.Close())
	}
	return typed, nil
}

func (u *UI) askOnce(ctx context.Context, prompt string, timeout time.Duration) (typed *secret.Buffer, err error) {
	in, out := u.In, u.Err
	if tty, err := u.OpenTTY(); err == nil {
		defer tty.Close()
		in, out = tty, tty
	}
	restore, err := hideInput(in)
	if err != nil {
		return nil, &InputError{Kind: ErrReadTerminal, Err: err}
	}
	defer func() { err = errors.Join(err, restore()) }()
	typed, trimmed, err := u.answer(ctx, in, out, prompt, timeout)
	if trimmed {
		u.Errorf("%s", errMessageTrimmed)
	}
	return typed, err
}

// answer shows the prompt and reads the line typed after it.
func (u *UI) answer(ctx context.Context, in *os.File, out io.Writer, prompt string, timeout time.Duration) (typed *secret.Buffer, trimmed bool, err error) {
	if _, err := io.WriteString(out, printable.Line(prompt)); err != nil {
		return nil, false, &InputError{Kind: ErrReadTerminal, Err: err}
	}
	// The newline that was typed is not echoed.
	defer io.WriteString(out, "\n")
	w, err := NewWaiter(ctx, int(in.Fd()))
	if err != nil {
		return nil, false, err
	}
	defer w.Close()
	var deadline time.Time
	if timeout > 0 {
		deadline = time.Now().Add(timeout)
	}
	return readTyped(w, deadline)
}

// readTyped reads up to a newline. The end of input ends an answer that has been started.
func readTyped(w *Waiter, deadline time.Time) (typed *secret.Buffer, trimmed bool, err error) {
	typed, err = secret.New(MaxPassphrase)
	if err != nil {
		return nil, false, err
	}
	for n := range MaxPassphrase {
		got, err := w.Read(typed.Bytes()[n:n+1], deadline)
		switch {
		case err != nil, got == 0 && n == 0:
			return nil, false, errors.Join(&InputError{Kind: ErrReadTerminal, Err: err}, typed.Close())
		case got == 0, typed.Bytes()[n] == '\n':
			typed.Truncate(n)
			return typed, false, nil
		}
	}
	return typed, true, nil
}

// hideInput turns a terminal's echo off and returns what turns it on again. Both steps drop what
// was typed before, so that nothing is taken for an answer to a question not yet seen.
func hideInput(tty *os.File) (restore func() error, err error) {
	fd := int(tty.Fd())
	before, err := unix.IoctlGetTermios(fd, unix.TCGETS)
	if err != nil {
		return nil, err
	}
	hidden := *before
	hidden.Lflag &^= unix.ECHO
	if err := unix.IoctlSetTermios(fd, unix.TCSETSF, &hidden); err != nil {
		return nil, err
	}
	return func() error { return unix.IoctlSetTermios(fd, unix.TCSETSF, before) }, nil
}
