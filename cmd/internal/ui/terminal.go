// SPDX-License-Identifier: Apache-2.0

package ui

import (
	"io"
	"os"

	"golang.org/x/sys/unix"
)

// The columns of a terminal that does not say how many it has, and the fewest that text is laid out for.
const (
	usualColumns = 80
	leastColumns = 40
)

// Columns is how wide the terminal is that w writes to; 80 where that is not known, as for a file or a pipe.
func Columns(w io.Writer) int {
	f, ok := w.(*os.File)
	if !ok {
		return usualColumns
	}
	size, err := unix.IoctlGetWinsize(int(f.Fd()), unix.TIOCGWINSZ)
	if err != nil || size.Col == 0 {
		return usualColumns
	}
	return max(int(size.Col), leastColumns)
}

// obeys tells whether w is a terminal that knows escape codes.
func obeys(w io.Writer) bool {
	f, ok := w.(*os.File)
	term := os.Getenv("TERM")
	return ok && isTerminal(int(f.Fd())) && term != "" && term != "dumb"
}
