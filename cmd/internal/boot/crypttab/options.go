// SPDX-License-Identifier: Apache-2.0

package crypttab

import (
	"slices"
	"strings"
)

// Word is one option as a crypttab has it.
type Word struct {
	Name  string
	Value string // "" where the option has none
	Has   bool   // there is a value, though it may be empty
}

// ParseOptions reads options as they stand in the fourth field.
func ParseOptions(text string) Options {
	o := Defaults()
	for _, word := range SplitOptions(text) {
		name, value, has := strings.Cut(word, "=")
		o.apply(name, value, has)
	}
	return o
}

// Words reads options as they stand in the fourth field, an alias by the first name of its option.
func Words(text string) []Word {
	var all []Word
	for _, one := range SplitOptions(text) {
		var w Word
		w.Name, w.Value, w.Has = strings.Cut(one, "=")
		if s := findOption(w.Name); s != nil {
			w.Name = s.name
		}
		all = append(all, w)
	}
	return all
}

// SplitOptions cuts at commas; "\," is a comma within a word and "\\" a backslash.
func SplitOptions(text string) []string {
	var words []string
	var word strings.Builder
	flush := func() {
		if word.Len() > 0 {
			words = append(words, word.String())
		}
		word.Reset()
	}
	for i := 0; i < len(text); i++ {
		switch {
		case text[i] == '\\' && i+1 < len(text) && (text[i+1] == ',' || text[i+1] == '\\'):
			i++
			word.WriteByte(text[i])
		case text[i] == ',':
			flush()
		default:
			word.WriteByte(text[i])
		}
	}
	flush()
	return words
}

func (o *Options) apply(name, value string, has bool) {
	s := findOption(name)
	switch {
	case s == nil && strings.HasPrefix(name, "x-") && !strings.HasPrefix(name, "x-orthrus."):
		return // for others, by agreement
	case s == nil:
		o.problem(name, Unknown, "")
	case s.kind == kept:
		o.Kept = append(o.Kept, strings.TrimSuffix(name+"="+value, "="))
	case s.kind == obsolete:
		o.problem(name, Obsolete, s.why)
	case s.kind == refused:
		o.Type, o.Format = Other, s.why
		o.problem(name, Unsupported, "")
	case s.needsValue && value == "":
		o.problem(name, Malformed, "a value is missing")
	case !s.set(o, value, has):
		o.problem(name, Malformed, value)
	}
}

// KeptValue is the value of an option that concerns others, "" where it was given without one.
func (o Options) KeptValue(name string) (value string, given bool) {
	for _, text := range o.Kept {
		if is, value, _ := strings.Cut(text, "="); is == name {
			return value, true
		}
	}
	return "", false
}

func (o *Options) problem(name string, kind ProblemKind, why string) {
	o.Problems = append(o.Problems, Problem{Option: name, Kind: kind, Why: why})
}

func findOption(name string) *option {
	for i := range options() {
		if o := &options()[i]; o.name == name || slices.Contains(o.also, name) {
			return o
		}
	}
	return nil
}
