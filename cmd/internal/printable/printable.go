// SPDX-License-Identifier: Apache-2.0

// Package printable makes text that came from a disk or from anybody else fit to be shown: a label, a
// UUID or the type of a token can hold whatever whoever wrote the header liked, a terminal's commands
// too. Everything that is printed for people goes through it. What it replaces stays visible as an
// escape of Go's: \x1b.
package printable

import (
	"fmt"
	"strings"
	"unicode"
	"unicode/utf8"
)

// Block is text of several lines that this program laid out itself; of its parts that came from
// elsewhere each went through this package before.
type Block string

// Line is text for one line: newlines are escaped too, so that nothing can pretend to be a line of
// its own.
func Line(text string) string { return escape(text, "") }

// Text is text that may have several lines, and tabs.
func Text(text string) string { return escape(text, "\n\t") }

// Args makes arguments of fmt printable: strings, lists of them, and errors, whose lines become one.
// A newline at the end of a string stays.
func Args(args []any) []any {
	clean := make([]any, len(args))
	for i, arg := range args {
		switch a := arg.(type) {
		case string:
			clean[i] = ended(a)
		case []string:
			list := make([]string, len(a))
			for j, text := range a {
				list[j] = Line(text)
			}
			clean[i] = list
		case error:
			clean[i] = Line(strings.ReplaceAll(strings.TrimSpace(a.Error()), "\n", "; "))
		default:
			clean[i] = arg
		}
	}
	return clean
}

func ended(text string) string {
	if head, found := strings.CutSuffix(text, "\n"); found {
		return Line(head) + "\n"
	}
	return Line(text)
}

// JSON escapes in JSON text what a terminal would obey and JSON allows in a string. The text means
// the same afterwards.
func JSON(text []byte) []byte {
	var b strings.Builder
	for _, r := range string(text) {
		if r >= 0x20 && obeyed(r) {
			fmt.Fprintf(&b, `\u%04x`, r)
			continue
		}
		b.WriteRune(r)
	}
	return []byte(b.String())
}

func escape(text, allowed string) string {
	if !strings.ContainsFunc(text, obeyed) && utf8.ValidString(text) {
		return text
	}
	var b strings.Builder
	for len(text) > 0 {
		r, size := utf8.DecodeRuneInString(text)
		switch {
		case r == utf8.RuneError && size == 1:
			b.WriteString(stray(text[0]))
		case obeyed(r) && !strings.ContainsRune(allowed, r):
			b.WriteString(code(r))
		default:
			b.WriteString(text[:size])
		}
		text = text[size:]
	}
	return b.String()
}

// obeyed tells whether a terminal does something else with a character than to show it: control
// characters, and those that turn the direction of what follows.
func obeyed(r rune) bool {
	return unicode.IsControl(r) || unicode.Is(unicode.Bidi_Control, r) || r == '\u2028' || r == '\u2029'
}

func code(r rune) string {
	switch {
	case r == '\n':
		return `\n`
	case r == '\r':
		return `\r`
	case r == '\t':
		return `\t`
	case r < 0x80:
		return fmt.Sprintf(`\x%02x`, r)
	}
	return fmt.Sprintf(`\u%04x`, r)
}

// stray is a byte that is no UTF-8. Those from 0x80 to 0x9f are control characters to a terminal of
// eight bits; the others are letters of some old alphabet.
func stray(b byte) string {
	if b < 0xa0 {
		return fmt.Sprintf(`\x%02x`, b)
	}
	return string([]byte{b})
}
