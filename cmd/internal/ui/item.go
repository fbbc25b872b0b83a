// SPDX-License-Identifier: Apache-2.0

package ui

import (
	"fmt"
	"strings"
	"unicode/utf8"

	"github.com/orthrus-luks/orthrus/cmd/internal/printable"
)

// Itemf writes a line that begins with a label to standard output. On a terminal that is too narrow for it the words
// that do not fit stand below, behind the label or farther in; a file or a pipe gets one line.
func (u *UI) Itemf(label, format string, args ...any) {
	text := fmt.Sprintf(format, printable.Args(args)...)
	if length := len(label) + utf8.RuneCountInString(text); u.Narrower(length + 1) {
		text = wrapped(text, max(len(label), 4), Columns(u.Out)-1)
	}
	u.Printf("%s%s", label, printable.Block(text))
}

// wrapped puts words onto lines of at most width columns, where they are that short; each begins after indent ones.
func wrapped(text string, indent, width int) string {
	var b strings.Builder
	column := indent
	for i, word := range strings.Fields(text) {
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
