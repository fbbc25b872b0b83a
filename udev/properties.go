// SPDX-License-Identifier: Apache-2.0

package udev

import (
	"iter"
	"strings"
)

// Properties are KEY=VALUE pairs in the order they were sent. A value may contain '='. The zero value
// has none.
type Properties struct {
	text string // each "KEY=VALUE\x00", checked by check
}

// Get returns the value of a property; of a property sent twice the last, as libudev does.
func (p Properties) Get(key string) (string, bool) {
	value, found := "", false
	for k, v := range p.All() {
		if k == key {
			value, found = v, true
		}
	}
	return value, found
}

// All yields every pair, in order, duplicates included. It allocates nothing.
func (p Properties) All() iter.Seq2[string, string] {
	return func(yield func(string, string) bool) {
		for rest := p.text; rest != ""; {
			var pair string
			pair, rest, _ = strings.Cut(rest, "\x00")
			key, value, _ := strings.Cut(pair, "=")
			if !yield(key, value) {
				return
			}
		}
	}
}

// Len counts the pairs, duplicates included.
func (p Properties) Len() int { return strings.Count(p.text, "\x00") }

// String is for people: the pairs, one a line.
func (p Properties) String() string { return strings.ReplaceAll(p.text, "\x00", "\n") }
