// SPDX-License-Identifier: Apache-2.0

package ui

import (
	"fmt"
	"io"
	"os"

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
}

// System returns the UI of this process.
func System() *UI {
	return &UI{In: os.Stdin, Out: os.Stdout, Err: os.Stderr, OpenTTY: openControllingTerminal}
}

func openControllingTerminal() (*os.File, error) {
	return os.OpenFile("/dev/tty", os.O_RDWR, 0)
}

// Interactive tells whether somebody can answer: whether standard input is a terminal.
func (u *UI) Interactive() bool { return isTerminal(int(u.In.Fd())) }

// ErrorsOnTerminal tells whether somebody sees standard error.
func (u *UI) ErrorsOnTerminal() bool {
	f, ok := u.Err.(*os.File)
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
func (u *UI) Printf(format string, args ...any) { u.line(u.Out, format, args) }

// Errorf writes a line to standard error.
func (u *UI) Errorf(format string, args ...any) { u.line(u.Err, format, args) }

// Verbosef writes a line to standard output where -v or --debug asks for it.
func (u *UI) Verbosef(format string, args ...any) {
	if u.Verbose || u.Debug {
		u.line(u.Out, format, args)
	}
}

// Debugf writes a line that starts with "# " where --debug asks for it.
func (u *UI) Debugf(format string, args ...any) {
	if u.Debug {
		u.line(u.Out, "# "+format, args)
	}
}

// line drops the write error: a message has nowhere else to go. Data that must arrive is written
// by the verbs themselves.
func (u *UI) line(w io.Writer, format string, args []any) {
	fmt.Fprintf(w, format+"\n", args...)
}
