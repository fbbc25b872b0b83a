// SPDX-License-Identifier: Apache-2.0

// Package setup is what the programs veritysetup and integritysetup have in common beside the way they take options:
// how they speak of themselves, how a run ends, and how a mapping of theirs is closed.
package setup

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"

	"github.com/orthrus-luks/orthrus/cmd/internal/ui"
)

// Failed is an error whose text is shown as it is. An empty text: all has been said.
type Failed struct {
	Code ui.ExitCode
	Text string
	Err  error // the cause, or nil
}

func (e *Failed) Error() string { return e.Text }

func (e *Failed) Unwrap() error { return e.Err }

// Failure makes one that has no cause.
func Failure(code ui.ExitCode, format string, args ...any) error {
	return &Failed{Code: code, Text: fmt.Sprintf(format, args...)}
}

// Because makes one that wraps its cause.
func Because(code ui.ExitCode, text string, err error) error {
	return &Failed{Code: code, Text: text, Err: err}
}

// Silent makes one of which all has been said.
func Silent(code ui.ExitCode) error { return &Failed{Code: code} }

// Say prints an error and returns its exit code.
func Say(ctx context.Context, u *ui.UI, err error) ui.ExitCode {
	var f *Failed
	var declined *ui.DeclinedError
	switch {
	case err == nil:
		return ui.OK
	case errors.As(err, &f):
		if f.Text != "" {
			u.Errorf("%s", f.Text)
		}
		return f.Code
	case errors.As(err, &declined):
		u.Errorf("Operation aborted.")
		return ui.Failed
	case errors.Is(err, context.Canceled):
		u.Errorf("Interrupted.")
		if u.Own {
			return ui.Ended(ctx)
		}
		return ui.Failed
	}
	u.Errorf("%v", err)
	return ui.CodeOf(err)
}

// JSON writes a report for programs, two spaces deep.
func JSON(w io.Writer, v any) error {
	raw, err := json.MarshalIndent(v, "", "  ")
	if err != nil {
		return err
	}
	_, err = fmt.Fprintf(w, "%s\n", raw)
	return err
}
