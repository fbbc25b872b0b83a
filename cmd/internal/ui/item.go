// SPDX-License-Identifier: Apache-2.0

package ui

import (
	"fmt"
	"io"
	"strings"
	"unicode/utf8"

	"github.com/orthrus-luks/orthrus/cmd/internal/printable"
)

// Itemf writes a line that begins with a label to standard output. On a terminal that is too narrow for it the words
// that do not fit stand below, behind the label or farther in; a file or a pipe gets one line.
func (u *UI) Itemf(label, format string, args ...any) {
	text := fmt.Sprintf(format, printable.Args(args)...)
	if length := len(label) + utf8.RuneCountInString(text); u.Narrower(length + 1) {
		text = wrapped(strings.Fields(text), max(len(label), 4), max(len(label), 4), Columns(u.Out)-1)
	}
	u.Printf("%s%s", label, printable.Block(text))
}

// Fitted is a sentence as it stands on a terminal that says to be too narrow for it; anything else, as a row of a
// table, stays as it is. What reads along on a serial line finds it in one piece.
func Fitted(w io.Writer, text string) string {
	columns, known := width(w)
	words := strings.TrimLeft(text, " ")
	indent := len(text) - len(words)
	if !known || utf8.RuneCountInString(text) < columns || strings.Contains(words, "  ") || strings.ContainsAny(words, "\n\t\x1b") {
		return text
	}
	return text[:indent] + wrapped(pieces(words), indent, indent+2, columns-1)
}

// pieces are the words of a sentence, with each command of this program in it as one: it is there to be copied.
func pieces(text string) (list []string) {
	command := false
	for _, word := range strings.Fields(text) {
		if command {
			list[len(list)-1] += " " + word
		} else {
			list = append(list, word)
		}
		command = (command || word == "sudo" || word == "orthrus") && !strings.ContainsAny(word[len(word)-1:], ",;:.")
	}
	return list
}

// wrapped puts words onto lines of at most width columns, where they are that short. The first line has begun after so
// many columns; each other one begins after indent.
func wrapped(words []string, column, indent, width int) string {
	var b strings.Builder
	for i, word := range words {
		length := utf8.RuneCountInString(word)
		switch {
		case i == 0:
		case column+1+length > width:
			b.WriteString("\n" + strings.Repeat(" ", indent))
			column = indent
		default:
			b.WriteByte(' ')
			column++
		}
		b.WriteString(word)
		column += length
	}
	return b.String()
}

// Bytes is a size in the unit that leaves few digits.
func Bytes(size int64) string {
	value, unit := float64(size), 0
	for value >= 1024 && unit < len(units)-1 {
		value, unit = value/1024, unit+1
	}
	if unit == 0 || value == float64(int64(value)) {
		return fmt.Sprintf("%d %s", int64(value), units[unit])
	}
	return fmt.Sprintf("%.1f %s", value, units[unit])
}

var units = []string{"B", "KiB", "MiB", "GiB", "TiB", "PiB"}
