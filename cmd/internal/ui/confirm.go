// SPDX-License-Identifier: Apache-2.0

package ui

import (
	"context"
	"fmt"
	"time"
)

// Confirmation is a question that only YES answers.
type Confirmation struct {
	Text    string // what will happen
	Refused string // said when the answer is no; nothing when empty
}

// Confirm asks whether to go on, where somebody can answer and -q did not forbid it: otherwise the
// answer is yes, as scripts expect that pipe a passphrase. It returns ErrDeclined for a no.
func (u *UI) Confirm(ctx context.Context, c Confirmation) error {
	if u.Batch || !u.Interactive() {
		return nil
	}
	fmt.Fprintf(u.Out, "\nWARNING!\n========\n%s\n\nAre you sure? (Type 'yes' in capital letters): ", c.Text)
	answer, err := u.readAnswer(ctx)
	if err != nil {
		return err
	}
	if answer == "YES" {
		return nil
	}
	if c.Refused != "" {
		u.Errorf("%s\n", c.Refused)
	}
	return ErrDeclined
}

// readAnswer reads a line of standard input with the terminal as it is.
func (u *UI) readAnswer(ctx context.Context) (string, error) {
	w, err := newWaiter(ctx, int(u.In.Fd()))
	if err != nil {
		return "", err
	}
	defer w.close()
	var answer []byte
	for len(answer) < MaxPassphrase {
		var one [1]byte
		n, err := w.read(one[:], time.Time{})
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
