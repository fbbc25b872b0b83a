// SPDX-License-Identifier: Apache-2.0

package verb

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"strings"

	"github.com/orthrus-luks/orthrus/cmd/internal/ui"
	"github.com/orthrus-luks/orthrus/dm"
	"github.com/orthrus-luks/orthrus/luks"
	"golang.org/x/sys/unix"
)

// inOwnWords is what a person is told under our own name, where nothing is compared with cryptsetup's words.
func (c *Command) inOwnWords(ctx context.Context, s said, err error) said {
	if errors.Is(err, context.Canceled) {
		s.Code = ui.Ended(ctx)
	}
	var n *Notice
	switch {
	case len(s.Lines) == 0:
	case errors.Is(err, dm.ErrPermission):
		s.Lines[0] = "Access to the device-mapper is denied."
	case errors.As(err, &n) && n.Own != "":
		s.Lines[0] = n.Own
	default:
		s.Lines[0] = plainSentence(s.Lines[0], err)
	}
	var h *hintedError
	if errors.As(err, &h) && len(s.Lines) > 0 {
		s.Lines = append(s.Lines[:1], h.hint)
	}
	if len(s.Lines) > 0 && lacksRights(err) && os.Geteuid() != 0 {
		s.Lines = append(s.Lines[:1], fmt.Sprintf("Try it as root: sudo %s %s ...", c.Program, c.Action))
	}
	return s
}

// plainSentence ends with a full stop, and says of a file what could not be done with it.
func plainSentence(line string, err error) string {
	line = strings.TrimRight(line, "\n")
	var file *fs.PathError
	if errors.As(err, &file) {
		line = sayOf(file, line)
	}
	line = withoutCall(line)
	if strings.HasSuffix(line, ".") || strings.HasSuffix(line, "?") || strings.HasSuffix(line, "!") {
		return line
	}
	return line + "."
}

// sayOf takes Go's words about a file out of a line.
func sayOf(file *fs.PathError, line string) string {
	raw, cannot := file.Error(), fmt.Sprintf("annot %s %s: %v", file.Op, file.Path, file.Err)
	switch before, _, found := strings.Cut(line, raw); {
	case strings.EqualFold(strings.TrimSuffix(line, "."), raw):
		return "C" + cannot
	case !found:
		return line
	case strings.Contains(before, file.Path):
		return strings.Replace(line, raw, file.Err.Error(), 1)
	}
	return strings.Replace(line, raw, "c"+cannot, 1)
}

// withoutCall drops the name of a system call and a path that the line has named before: "file x: open x: …".
func withoutCall(line string) string {
	for _, call := range []string{"open", "read", "write", "stat", "lstat", "mkdir"} {
		before, rest, found := strings.Cut(line, ": "+call+" ")
		path, why, complete := strings.Cut(rest, ": ")
		if found && complete && strings.Contains(before, path) {
			return before + ": " + why
		}
	}
	return line
}

// lacksRights tells whether root might get further. A wrong passphrase is also an error of permission to some
// callers, and no matter of root.
func lacksRights(err error) bool {
	if errors.Is(err, luks.ErrPassphrase) || errors.Is(err, ui.ErrDeclined) {
		return false
	}
	return errors.Is(err, dm.ErrPermission) || errors.Is(err, fs.ErrPermission) || errors.Is(err, unix.EPERM)
}

// hintedError is an error with a line on where to go from there.
type hintedError struct {
	err  error
	hint string
}

func (e *hintedError) Error() string { return e.err.Error() }

func (e *hintedError) Unwrap() error { return e.err }

// Hinted adds a line to an error, which a person sees under our own name; "" adds none.
func Hinted(err error, hint string) error {
	if hint == "" {
		return err
	}
	return &hintedError{err, hint}
}
