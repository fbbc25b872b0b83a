// SPDX-License-Identifier: Apache-2.0

package token

import (
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"slices"

	"github.com/orthrus-luks/orthrus/luks/luks2"
)

// FieldError says what of a token's text is not as its kind demands. It wraps ErrBroken.
type FieldError struct {
	Type  string // of the token
	Field string // empty for the token as a whole
	Why   string
}

func (e *FieldError) Error() string {
	if e.Field == "" {
		return fmt.Sprintf("%v: %s", ErrBroken, e.Why)
	}
	return fmt.Sprintf("%v: %s: %s", ErrBroken, e.Field, e.Why)
}

func (e *FieldError) Unwrap() error { return ErrBroken }

// mostText bounds the text of a token that is read, bytes.
const mostText = 128 << 10

// The numbers of a TPM's registers.
const (
	registers = 24
	mostPCRs  = registers // entries of a list of them
)

// fields reads the members of a token, or of an object in it. The first failure stays; what is read after it is empty.
type fields struct {
	kind, prefix string
	all          map[string]json.RawMessage
	*failure
}

// failure is the first one, which an object shares with those in it.
type failure struct{ err error }

// judging is for what is found wrong with fields that were read.
func judging(t luks2.Token) *fields { return &fields{kind: t.Type, failure: &failure{}} }

// inside are the members of an object below, whose text is to be read.
func (f *fields) inside(name string) *fields {
	return &fields{kind: f.kind, prefix: f.prefix + name + ".", failure: f.failure}
}

// fieldsOf reads a token's text.
func fieldsOf(t luks2.Token) *fields {
	f := judging(t)
	if len(t.Raw) > mostText {
		f.fail("", tooLong)
		return f
	}
	if err := json.Unmarshal(t.Raw, &f.all); err != nil {
		f.fail("", "no JSON object")
	}
	return f
}

// fail is called in so many places that copies of it would make the program larger by tens of kilobytes.
//
//go:noinline
func (f *fields) fail(name, why string) {
	if f.err == nil {
		if name != "" {
			name = f.prefix + name
		}
		f.err = &FieldError{f.kind, name, why}
	}
}

// The reasons that several fields share.
const (
	tooLong   = "too long"
	tooMany   = "not as many entries as are allowed"
	unknown   = "not a value that is known"
	noLength  = "not of the length that it must have"
	noNumber  = "there is no such register"
	missing   = "missing"
	badCosts  = "its costs are out of range"
	noBase64  = "no base64"
	noAddress = "not http://host"
	noURI     = "not of the form pkcs11:…"
)

func (f *fields) has(names ...string) bool {
	return slices.ContainsFunc(names, func(name string) bool { return f.all[name] != nil })
}

// value decodes a member, and tells whether it is there and could be.
func value[T any](f *fields, name, what string, must bool) (v T, there bool) {
	text := f.all[name]
	switch {
	case f.err != nil:
	case text == nil && must:
		f.fail(name, missing)
	case text == nil:
	case string(text) == "null" || json.Unmarshal(text, &v) != nil:
		f.fail(name, "not "+what)
	default:
		return v, true
	}
	var none T
	return none, false
}

// text is a string of at most so many bytes; empty where it may be missing and is.
func (f *fields) text(name string, most int, must bool) string {
	s, _ := value[string](f, name, "a string", must)
	if len(s) > most {
		f.fail(name, tooLong)
		return ""
	}
	return s
}

// word is a text that is one of a few; empty where it is missing.
func (f *fields) word(name string, of ...string) string {
	s := f.text(name, 64, false)
	if s != "" && !slices.Contains(of, s) {
		f.fail(name, unknown)
	}
	return s
}

// flag is a boolean; nil where it is missing.
func (f *fields) flag(name string) *bool {
	b, there := value[bool](f, name, "a boolean", false)
	if !there {
		return nil
	}
	return &b
}

// number is an integer that is not negative.
func (f *fields) number(name string) (n uint64, there bool) {
	return value[uint64](f, name, "a number", false)
}

// encoded is text in base64, with its padding, of at most so many bytes.
func (f *fields) encoded(name string, most int, must bool) []byte {
	return f.decoded(name, f.text(name, base64.StdEncoding.EncodedLen(most), must), most)
}

func (f *fields) decoded(name, text string, most int) []byte {
	p, err := base64.StdEncoding.Strict().DecodeString(text)
	switch {
	case f.err != nil:
		return nil
	case err != nil:
		f.fail(name, noBase64)
		return nil
	case len(p) > most:
		f.fail(name, tooLong)
		return nil
	}
	return p
}

// several are strings: one, or a list of at most so many.
func (f *fields) several(name string, most int) []string {
	if text := f.all[name]; len(text) > 0 && text[0] != '[' {
		return []string{f.text(name, mostText, true)}
	}
	list, _ := value[[]string](f, name, "a string or a list of strings", true)
	if len(list) == 0 || len(list) > most {
		f.fail(name, tooMany)
		return nil
	}
	return list
}

// hexadecimal decodes digits of either case.
func (f *fields) hexadecimal(name, text string, most int) []byte {
	p, err := hex.DecodeString(text)
	if err != nil || len(p) > most {
		f.fail(name, "not short and hexadecimal")
	}
	return p
}

// pcrs are numbers of registers, rising, each once.
func (f *fields) pcrs(name string, must bool) []int {
	list, _ := value[[]int](f, name, "a list of numbers", must)
	if len(list) > mostPCRs {
		f.fail(name, tooMany)
		return nil
	}
	for _, n := range list {
		if n < 0 || n >= registers {
			f.fail(name, noNumber)
			return nil
		}
	}
	slices.Sort(list)
	return slices.Compact(list)
}

// within reads the members of a member.
func (f *fields) within(name string) *fields {
	w := f.inside(name)
	w.all, _ = value[map[string]json.RawMessage](f, name, "an object", true)
	return w
}

// notOne is the reason of a token that is two things at once.
const notOne = "a token that wants a TPM and a FIDO2 key together is not understood"
