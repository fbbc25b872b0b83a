// SPDX-License-Identifier: Apache-2.0

package luks2

import (
	"bytes"
	"encoding/json"
	"errors"
	"slices"
	"strconv"
	"strings"
)

// field is a JSON value on the way through validation, with the path that names it in errors.
type field struct {
	path string
	text json.RawMessage // nil where the member is missing
}

// scope is an object on the way through validation.
type scope struct {
	path string
	*object
}

func (m *Metadata) scope(name string, o *object) scope { return scope{path: name, object: o} }

func (s scope) field(key string) field {
	return field{path: strings.TrimPrefix(s.path+"."+key, "."), text: s.get(key)}
}

func (s scope) has(key string) bool { return s.index(key) >= 0 }

// each visits the members as objects.
func (s scope) each(visit func(id string, entry scope) error) error {
	for _, m := range s.members {
		entry, err := s.field(m.key).object()
		if err != nil {
			return err
		}
		if err := visit(m.key, entry); err != nil {
			return err
		}
	}
	return nil
}

// onlyKeys holds where the object has exactly these members.
func (s scope) onlyKeys(keys ...string) error {
	for _, m := range s.members {
		if !slices.Contains(keys, m.key) {
			return broken(s.path, "unexpected member %q", m.key)
		}
	}
	for _, key := range keys {
		if !s.has(key) {
			return broken(s.path+"."+key, "missing")
		}
	}
	return nil
}

func (f field) object() (scope, error) {
	if f.text == nil {
		return scope{}, broken(f.path, "missing")
	}
	o, err := splitObject(f.text)
	if err != nil {
		return scope{}, broken(f.path, "%v", err)
	}
	return scope{path: f.path, object: o}, nil
}

// string accepts any JSON string.
func (f field) string() (string, error) {
	if f.text == nil {
		return "", broken(f.path, "missing")
	}
	if !bytes.HasPrefix(f.text, []byte{'"'}) {
		return "", broken(f.path, "not a string")
	}
	s, err := unquote(f.text)
	if err != nil {
		return "", broken(f.path, "%v", err)
	}
	return s, nil
}

// name accepts a non-empty string.
func (f field) name() (string, error) {
	s, err := f.string()
	if err == nil && s == "" {
		return "", broken(f.path, "empty")
	}
	return s, err
}

// names accepts a list of strings; missing is an error.
func (f field) names() ([]string, error) {
	if f.text == nil {
		return nil, broken(f.path, "missing")
	}
	entries, err := splitList(f.text)
	if err != nil {
		return nil, broken(f.path, "%v", err)
	}
	values := make([]string, len(entries))
	for i, entry := range entries {
		if values[i], err = (field{path: f.path + "[" + strconv.Itoa(i) + "]", text: entry}).string(); err != nil {
			return nil, err
		}
	}
	return values, nil
}

// integer accepts a JSON integer that fits 64 bits with its sign; 512.0 is no integer.
func (f field) integer() (int64, error) {
	if f.text == nil {
		return 0, broken(f.path, "missing")
	}
	n, err := strconv.ParseInt(string(f.text), 10, 64)
	if err != nil {
		return 0, broken(f.path, "not an integer: %s", abridged(f.text))
	}
	return n, nil
}

// uint32 accepts a JSON integer from 0 to 2^32-1.
func (f field) uint32() (uint32, error) {
	n, err := f.integer()
	if err == nil && (n < 0 || n > 1<<32-1) {
		return 0, broken(f.path, "%d is out of range", n)
	}
	return uint32(n), err
}

// uint64 accepts decimal digits in a string.
func (f field) uint64() (uint64, error) {
	s, err := f.string()
	if err != nil {
		return 0, err
	}
	if !digitsOnly(s) {
		return 0, broken(f.path, "not a decimal number: %s", abridged(f.text))
	}
	n, err := strconv.ParseUint(s, 10, 64)
	if errors.Is(err, strconv.ErrRange) {
		return 0, broken(f.path, "%s does not fit 64 bits", abridged(f.text))
	}
	return n, err
}

func digitsOnly(s string) bool {
	return s != "" && strings.Trim(s, "0123456789") == ""
}

// abridged keeps hostile text out of error lines.
func abridged(text []byte) string {
	if len(text) > 32 {
		text = text[:32]
	}
	return strconv.QuoteToASCII(string(text))
}

// all returns the first error.
func all(errs ...error) error {
	for _, err := range errs {
		if err != nil {
			return err
		}
	}
	return nil
}
