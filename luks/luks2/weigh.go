// SPDX-License-Identifier: Apache-2.0

package luks2

import "fmt"

// What a text may hold, whatever its length: no volume comes near it, and a hostile header of the largest
// size cannot make its reader work for long.
const (
	// maxDepth is how deep objects and arrays may nest; json-c, which the other readers use, stops at
	// 32 as well.
	maxDepth = 32
	// maxMarks bounds the braces, brackets, commas and colons.
	maxMarks = 1 << 15
	// maxBare is the length of the longest number or other word without quotes, bytes.
	maxBare = 64
	// maxEscapes bounds the backslashes in strings.
	maxEscapes = 1 << 16
)

// weight is what it costs to parse a text.
type weight struct{ depth, marks, bare, escapes int }

// weigh looks at each byte once. What is in quotes counts for its escapes only.
func weigh(text []byte) weight {
	var w weight
	now, bare, quoted := 0, 0, false
	for i := 0; i < len(text); i++ {
		c := text[i]
		if quoted {
			switch c {
			case '\\':
				i++
				w.escapes++
			case '"':
				quoted = false
			}
			continue
		}
		switch c {
		case '"':
			quoted, bare = true, 0
		case '{', '[':
			now++
			w.depth = max(w.depth, now)
			w.marks, bare = w.marks+1, 0
		case '}', ']':
			now--
			w.marks, bare = w.marks+1, 0
		case ',', ':':
			w.marks, bare = w.marks+1, 0
		case ' ', '\t', '\n', '\r':
			bare = 0
		default:
			bare++
			w.bare = max(w.bare, bare)
		}
	}
	return w
}

// excess says what there is too much of; nil where nothing.
func (w weight) excess() error {
	switch {
	case w.depth > maxDepth:
		return fmt.Errorf("nested %d deep, at most %d allowed", w.depth, maxDepth)
	case w.marks > maxMarks:
		return fmt.Errorf("%d values and marks, at most %d allowed", w.marks, maxMarks)
	case w.bare > maxBare:
		return fmt.Errorf("a number or word of %d bytes, at most %d allowed", w.bare, maxBare)
	case w.escapes > maxEscapes:
		return fmt.Errorf("%d escapes in texts, at most %d allowed", w.escapes, maxEscapes)
	}
	return nil
}
