// SPDX-License-Identifier: Apache-2.0

package ui

import (
	"context"
	"fmt"
	"time"

	"github.com/orthrus-luks/orthrus/cmd/internal/printable"
)

// Confirmation is a question that only YES answers.
type Confirmation struct {
	Text    string // what will happen
	Refused string // said after a no, in place of "Operation aborted."
	Silent  bool   // say nothing after a no
}

// DeclinedError is a no to a Confirmation; its text is what the person is to be told. It wraps
// ErrDeclined.
type DeclinedError struct{ Confirmation Confirmation }

func (e *DeclinedError) Error() string {
	switch {
	case e.Confirmation.Silent:
		return ""
	case e.Confirmation.Refused != "":
		return e.Confirmation.Refused + "\n"
	}
	return ErrDeclined.Error() + "\n"
}

// Unwrap gives ErrDeclined.
func (e *DeclinedError) Unwrap() error { return ErrDeclined }

// Confirm asks whether to go on, where somebody can answer and -q did not forbid it: otherwise the
// answer is yes, as scripts expect that pipe a passphrase. A no is a *DeclinedError.
func (u *UI) Confirm(ctx context.Context, c Confirmation) error {
	if u.Batch || !u.Interactive() {
		return nil
	}
	fmt.Fprintf(u.Out, "\nWARNING!\n========\n%s\n\nAre you sure? (Type 'yes' in capital letters): ", printable.Text(c.Text))
	answer, err := u.readAnswer(ctx)
	if err != nil {
		return err
	}
	if answer != "YES" {
		return &DeclinedError{c}
	}
	return nil
}

// readAnswer reads a line of standard input with the terminal as it is.
func (u *UI) readAnswer(ctx context.Context) (string, error) {
	w, err := NewWaiter(ctx, int(u.In.Fd()))
	if err != nil {
		return "", err
	}
	defer w.Close()
	var answer []byte
	for len(answer) < MaxPassphrase {
		var one [1]byte
		n, err := w.Read(one[:], time.Time{})
		if err != nil {
			return "", err
		}
		if n == 0 || one[0] == '\n' {
			break
		}
		answer = append(answer, one[0])
	}
	return string(answer), nil
}
