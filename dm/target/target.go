// SPDX-License-Identifier: Apache-2.0

package target

import (
	"errors"
	"fmt"
	"strconv"
	"strings"

	"github.com/orthrus-luks/orthrus/dm/secret"
)

// Kinds of errors of this package, for errors.Is.
var (
	// ErrSyntax is the kind of every error about table text that does not parse.
	ErrSyntax = errors.New("malformed table line")
	// ErrValue is the kind of every error about a value that has no table text.
	ErrValue = errors.New("value cannot be put into a table")
)

// Target is one line of a table.
type Target interface {
	// Span returns the line's place in the mapped device, in 512-byte sectors.
	Span() (start, length uint64)
	// Type returns the target's type as the kernel registers it, such as "crypt".
	Type() string
	// Params renders the parameters. The caller closes the buffer.
	Params() (*secret.Buffer, error)
	// Close wipes the keys the value holds; without any it does nothing.
	Close() error
}

// FieldError says which part of a table line is wrong. It never contains key material: Value is left
// empty where the field can hold a key.
type FieldError struct {
	Kind   error  // ErrSyntax or ErrValue
	Target string // target type, such as "crypt"
	Field  string // field or option, in the words of the kernel documentation
	Value  string // the offending text, or empty
	Reason string
}

func (e *FieldError) Error() string {
	text := fmt.Sprintf("dm target %s: %s: %s", e.Target, e.Field, e.Reason)
	if e.Value != "" {
		text += " (" + strconv.Quote(e.Value) + ")"
	}
	return text
}

// Unwrap returns the kind.
func (e *FieldError) Unwrap() error { return e.Kind }

// Text renders the whole line: start, length, type and parameters, without a newline.
func Text(t Target) (*secret.Buffer, error) {
	start, length := t.Span()
	params, err := t.Params()
	if err != nil {
		return nil, err
	}
	defer params.Close()
	w := newWriter(t.Type())
	w.number(start)
	w.number(length)
	w.word("type", t.Type())
	if params.Len() > 0 {
		w.bytes(params.Bytes())
	}
	return w.finish()
}

// Parse reads a whole line as Text renders it. A type it does not know becomes a Raw.
func Parse(line []byte) (Target, error) {
	r := newReader("table", line)
	start := r.number("start")
	length := r.number("length")
	kind := r.word("type")
	if r.err != nil {
		return nil, r.err
	}
	return ParseParams(start, length, kind, r.rest())
}

// ParseParams reads the parameters of a line whose other fields are known, as the kernel's table
// status reports them. start and length are in 512-byte sectors.
func ParseParams(start, length uint64, kind string, params []byte) (Target, error) {
	switch kind {
	case "crypt":
		return parseCrypt(start, length, params)
	case "integrity":
		return parseIntegrity(start, length, params)
	case "verity":
		return parseVerity(start, length, params)
	case "linear":
		return parseLinear(start, length, params)
	case "error", "zero":
		return parseBare(start, length, kind, params)
	default:
		return parseRaw(start, length, kind, params)
	}
}

// printable says whether s can be one word of a table: the kernel splits at white space and takes a
// backslash for an escape (dm_split_args).
func printable(s string) bool {
	if s == "" {
		return false
	}
	return !strings.ContainsFunc(s, func(r rune) bool { return r <= ' ' || r == 0x7f || r == '\\' })
}
