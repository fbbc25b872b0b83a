// SPDX-License-Identifier: Apache-2.0

package ui

import (
	"io"
	"os"

	"github.com/orthrus-luks/orthrus/cmd/internal/printable"
	"golang.org/x/sys/unix"
)

// The columns of a terminal that does not say how many it has, and the fewest that text is laid out for.
const (
	usualColumns = 80
	leastColumns = 40
)

// Columns is how wide the terminal is that w writes to; 80 where that is not known, as for a file or a pipe.
func Columns(w io.Writer) int {
	if n, known := width(w); known {
		return n
	}
	return usualColumns
}

// width is what the terminal says of itself that w writes to; false where it says nothing, as a serial line does, or is
// none.
func width(w io.Writer) (columns int, known bool) {
	f, ok := fileOf(w)
	if !ok {
		return 0, false
	}
	size, err := unix.IoctlGetWinsize(int(f.Fd()), unix.TIOCGWINSZ)
	if err != nil || size.Col == 0 {
		return 0, false
	}
	return max(int(size.Col), leastColumns), true
}

// Narrower tells whether standard output goes to a terminal that has fewer columns.
func (u *UI) Narrower(columns int) bool {
	f, ok := fileOf(u.Out)
	return ok && isTerminal(int(f.Fd())) && Columns(f) < columns
}

// Obeys tells whether w is a terminal that knows escape codes.
func Obeys(w io.Writer) bool {
	f, ok := fileOf(w)
	term := os.Getenv("TERM")
	return ok && isTerminal(int(f.Fd())) && term != "" && term != "dumb"
}

// Colour is how a word is shown where that helps.
type Colour string

// The colours, as parameters of the terminal's SGR command.
const (
	Bold   Colour = "1"
	Green  Colour = "32"
	Yellow Colour = "33"
	Red    Colour = "31"
)

// ColourOf is that of a verdict on a volume: healthy, lost, or in between.
func ColourOf(verdict string) Colour {
	switch verdict {
	case "healthy":
		return Green
	case "lost":
		return Red
	}
	return Yellow
}

// Paint colours a word on standard output, unless that is no terminal that knows colours or NO_COLOR is set
// (no-color.org). Under cryptsetup's name nothing is coloured.
func (u *UI) Paint(c Colour, word string) printable.Block {
	word = printable.Line(word)
	if !u.Own || os.Getenv("NO_COLOR") != "" || !Obeys(u.Out) {
		return printable.Block(word)
	}
	return printable.Block("\x1b[" + string(c) + "m" + word + "\x1b[0m")
}
