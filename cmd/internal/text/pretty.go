// SPDX-License-Identifier: Apache-2.0

package text

import (
	"bytes"
	"encoding/json"
	"fmt"
)

// Pretty lays out a JSON text as json-c does: two blanks a level, no blank behind the colon, an empty
// object or array on two lines, no newline at the end. Order and spelling of names and values stay.
func Pretty(raw []byte) ([]byte, error) {
	var compact bytes.Buffer
	if err := json.Compact(&compact, raw); err != nil {
		return nil, fmt.Errorf("text: laying out JSON: %w", err)
	}
	var out bytes.Buffer
	level, inString := 0, false
	for i, c := range compact.Bytes() {
		switch {
		case inString || c == '"':
			if c == '"' && !escaped(compact.Bytes(), i) {
				inString = !inString
			}
			out.WriteByte(c)
		case c == '{' || c == '[':
			level++
			out.WriteByte(c)
			newline(&out, level)
		case c == '}' || c == ']':
			level--
			if last := compact.Bytes()[i-1]; last == '{' || last == '[' {
				out.Truncate(out.Len() - 2) // the indent of a member that is not there
			} else {
				newline(&out, level)
			}
			out.WriteByte(c)
		case c == ',':
			out.WriteByte(c)
			newline(&out, level)
		default:
			out.WriteByte(c)
		}
	}
	return out.Bytes(), nil
}

func newline(out *bytes.Buffer, level int) {
	out.WriteByte('\n')
	for range level {
		out.WriteString("  ")
	}
}

// escaped tells whether an odd number of backslashes stands before p[i].
func escaped(p []byte, i int) bool {
	n := 0
	for i-n-1 >= 0 && p[i-n-1] == '\\' {
		n++
	}
	return n%2 == 1
}
