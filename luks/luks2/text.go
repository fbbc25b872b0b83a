// SPDX-License-Identifier: Apache-2.0

package luks2

import (
	"bytes"
	"encoding/json"
)

// Text of a header is checked once, as a whole. What follows takes it apart again and again, at every
// level, and relies on that.

// syntax is nil where the text is exactly one JSON value.
func syntax(text []byte) error {
	var value json.RawMessage
	return json.Unmarshal(text, &value)
}

// cursor walks over JSON whose syntax holds.
type cursor struct{ rest []byte }

// space skips what may stand between values.
func (c *cursor) space() {
	n := 0
	for n < len(c.rest) && isSpace(c.rest[n]) {
		n++
	}
	c.rest = c.rest[n:]
}

// next skips the mark if it comes next.
func (c *cursor) next(mark byte) bool {
	c.space()
	if len(c.rest) == 0 || c.rest[0] != mark {
		return false
	}
	c.rest = c.rest[1:]
	return true
}

// value returns the text of the value that comes next and goes behind it.
func (c *cursor) value() json.RawMessage {
	c.space()
	n := valueLength(c.rest)
	text := c.rest[:n:n]
	c.rest = c.rest[n:]
	return json.RawMessage(text)
}

// valueLength is how long the value is with which the text begins, bytes.
func valueLength(text []byte) int {
	depth := 0
	for i := 0; i < len(text); i++ {
		switch text[i] {
		case '"':
			i += stringLength(text[i:]) - 1
		case '{', '[':
			depth++
			continue
		case '}', ']':
			if depth == 0 {
				return i // of the number or word before it
			}
			depth--
		case ',', ':', ' ', '\t', '\n', '\r':
			if depth == 0 {
				return i
			}
			continue
		default:
			continue
		}
		if depth == 0 {
			return i + 1
		}
	}
	return len(text)
}

// stringLength is how long the string is with which the text begins, with its quotes, bytes.
func stringLength(text []byte) int {
	for i := 1; i < len(text); i++ {
		switch text[i] {
		case '\\':
			i++
		case '"':
			return i + 1
		}
	}
	return len(text)
}

func isSpace(c byte) bool { return c == ' ' || c == '\t' || c == '\n' || c == '\r' }

// unquote returns what a JSON string says.
func unquote(text []byte) (string, error) {
	if n := len(text); n >= 2 && text[0] == '"' && isPlain(text[1:n-1]) {
		return string(text[1 : n-1]), nil
	}
	var s string
	err := json.Unmarshal(text, &s)
	return s, err
}

// quote is JSON for s without HTML escapes, which other readers would keep as clutter.
func quote(s string) json.RawMessage {
	if isPlain(s) {
		return json.RawMessage(`"` + s + `"`)
	}
	var out bytes.Buffer
	enc := json.NewEncoder(&out)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(s); err != nil {
		panic("luks2: encoding a string: " + err.Error())
	}
	return bytes.TrimRight(out.Bytes(), "\n")
}

// isPlain: in JSON the text stands as it is.
func isPlain[T string | []byte](text T) bool {
	for i := range len(text) {
		if c := text[i]; c < ' ' || c > '~' || c == '"' || c == '\\' {
			return false
		}
	}
	return true
}

// appendCompact appends the text without what may stand between values.
func appendCompact(to, text []byte) []byte {
	for len(text) > 0 {
		n := 1
		switch {
		case isSpace(text[0]):
			text = text[1:]
			continue
		case text[0] == '"':
			n = stringLength(text)
		}
		to = append(to, text[:n]...)
		text = text[n:]
	}
	return to
}
