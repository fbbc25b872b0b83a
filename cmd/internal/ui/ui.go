// SPDX-License-Identifier: Apache-2.0

package ui

import (
	"fmt"
	"io"
	"os"

	"github.com/orthrus-luks/orthrus/cmd/internal/printable"
	"golang.org/x/sys/unix"
)

// UI is the surroundings of one run.
type UI struct {
	In      *os.File
	Out     io.Writer
	Err     io.Writer
	OpenTTY func() (*os.File, error) // the controlling terminal

	Batch   bool // ask for no confirmation (-q)
	Verbose bool // -v
	Debug   bool // --debug
	// Own: called by our own name, so that what scripts compare with cryptsetup's is free.
	Own bool
	// Speaks: what was done is said without -v.
	Speaks bool
}

// System returns the UI of this process.
func System() *UI {
	return &UI{In: os.Stdin, Out: &output{file: os.Stdout}, Err: os.Stderr, OpenTTY: openControllingTerminal}
}

func openControllingTerminal() (*os.File, error) {
	return os.OpenFile("/dev/tty", os.O_RDWR, 0)
}

// Interactive tells whether somebody can answer: whether standard input is a terminal.
func (u *UI) Interactive() bool { return isTerminal(int(u.In.Fd())) }

// ErrorsOnTerminal tells whether somebody sees standard error.
func (u *UI) ErrorsOnTerminal() bool {
	f, ok := fileOf(u.Err)
	return ok && isTerminal(int(f.Fd()))
}

func isTerminal(fd int) bool {
	_, err := unix.IoctlGetTermios(fd, unix.TCGETS)
	return err == nil
}

// Tries is how often to ask for a passphrase: asked times (3 when 0) at a terminal, else once.
func (u *UI) Tries(asked int) int {
	switch {
	case !u.Interactive():
		return 1
	case asked == 0:
		return 3
	}
	return asked
}

// Printf writes a line to standard output.
// Many call it; inlined in all of them it would be large.
//
//go:noinline
func (u *UI) Printf(format string, args ...any) { u.line(u.Out, format, args) }

// Errorf writes a line to standard error.
// Many call it; inlined in all of them it would be large.
//
//go:noinline
func (u *UI) Errorf(format string, args ...any) { u.line(u.Err, format, args) }

// Verbosef writes a line to standard output where -v or --debug asks for it.
func (u *UI) Verbosef(format string, args ...any) {
	if u.Verbose || u.Debug {
		u.line(u.Out, format, args)
	}
}

// Sayf writes a line on what was done to standard output: under our own name unless it is to be quiet, otherwise
// where Verbosef would. It is no error, so standard error stays empty where all went well, which is what jobs
// and scripts look at; the verbs that say something print nothing else there.
func (u *UI) Sayf(format string, args ...any) {
	if u.Speaks || u.Verbose || u.Debug {
		u.line(u.Out, format, args)
	}
}

// Advisef writes a line on what to do next, under our own name unless it is to be quiet.
func (u *UI) Advisef(format string, args ...any) {
	if u.Speaks {
		u.line(u.Out, format, args)
	}
}

// Debugf writes a line that starts with "# " where --debug asks for it.
func (u *UI) Debugf(format string, args ...any) {
	if u.Debug {
		u.line(u.Out, "# "+format, args)
	}
}

// Show writes text that was laid out before to standard output, without what a terminal would obey.
func (u *UI) Show(text string) error {
	_, err := io.WriteString(u.Out, printable.Text(text))
	return err
}

// ShowJSON writes JSON text to standard output. Bytes stay as they are where a program reads them;
// on a terminal an equal text is shown that it does not obey.
func (u *UI) ShowJSON(text []byte) error {
	if f, ok := fileOf(u.Out); ok && isTerminal(int(f.Fd())) {
		text = printable.JSON(text)
	}
	_, err := u.Out.Write(text)
	return err
}

// line makes arguments printable: they can come from a disk. It drops the write error, which Lost tells of where w is
// standard output.
func (u *UI) line(w io.Writer, format string, args []any) {
	text := fmt.Sprintf(format, printable.Args(args)...)
	if u.Own {
		text = Fitted(w, text)
	}
	_, _ = io.WriteString(w, text+"\n")
}
