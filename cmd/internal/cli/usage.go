// SPDX-License-Identifier: Apache-2.0

package cli

import (
	"cmp"
	"strings"
)

// CompatVersion is the release of cryptsetup whose behaviour this program follows.
const CompatVersion = "2.8.6"

const (
	lineWidth   = 77
	usageIndent = "        "
)

// Usage returns the synopsis. Called as cryptsetup, the program shows only cryptsetup's options.
func Usage(program string, verbs []Verb) string {
	options := listed(verbs)
	w := wrapper{indent: usageIndent}
	w.line.WriteString("Usage: " + program)
	w.add("[-" + shortFlags(program, options) + "]")
	for i := range options {
		if options[i].shownBy(program) {
			w.add("[" + options[i].synopsis() + "]")
		}
	}
	w.add("[OPTION...] <action> <action-specific>")
	return w.line.String() + "\n"
}

// shownBy hides our own options where the program stands in for cryptsetup.
func (s *Option) shownBy(program string) bool { return !s.IsOwn() || program != "cryptsetup" }

func shortFlags(program string, options []Option) string {
	var letters strings.Builder
	for i := range options {
		if options[i].Short != 0 && options[i].IsFlag() && options[i].shownBy(program) {
			letters.WriteByte(options[i].Short)
		}
	}
	return letters.String()
}

// synopsis is the option as in -s|--key-size=BITS.
func (s *Option) synopsis() string {
	text := "--" + s.Long
	if s.Short != 0 {
		text = "-" + string(rune(s.Short)) + "|" + text
	}
	if s.Arg != "" {
		text += "=" + s.Arg
	}
	return text
}

// wrapper joins words with blanks and breaks lines before they get too wide.
type wrapper struct {
	indent string
	width  int // columns; lineWidth where 0
	line   strings.Builder
}

func (w *wrapper) add(word string) {
	start := strings.LastIndexByte(w.line.String(), '\n') + 1
	if w.line.Len()-start+1+len(word) > cmp.Or(w.width, lineWidth) {
		w.line.WriteString("\n" + w.indent + word)
		return
	}
	w.line.WriteString(" " + word)
}
