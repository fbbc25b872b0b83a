// SPDX-License-Identifier: Apache-2.0

package token

import "github.com/orthrus-luks/orthrus/luks/luks2"

// Facts are what a token's text says, for people and programs, without secrets.
type Facts struct {
	Kind    string // a word for the type: "tpm2", "recovery"
	Details []Detail
}

// Detail is one of them.
type Detail struct{ Name, Value string }

// add notes what there is.
func (f *Facts) add(name, value string) { f.addIf(value != "", name, value) }

// addIf notes a detail, which takes the place of one of the same name.
func (f *Facts) addIf(holds bool, name, value string) {
	if !holds {
		return
	}
	for i := range f.Details {
		if f.Details[i].Name == name {
			f.Details[i].Value = value
			return
		}
	}
	f.Details = append(f.Details, Detail{name, value})
}

// Read holds a token's text against all rules and limits of its kind, from the text alone: no device is touched.
// The error is a TypeError for a type that is not known, and else one of ErrBroken; the facts that could be read come
// with it.
func Read(t luks2.Token) (Facts, error) {
	h, known := For(t)
	if !known {
		return Facts{}, &TypeError{t.Type}
	}
	facts, err := h.Read(t)
	facts.Kind = h.Kind()
	return facts, err
}

// Types are those of the table, in its order.
func Types() []string {
	list := make([]string, len(table))
	for i, h := range table {
		list[i] = h.Type()
	}
	return list
}

// Kind is the word for a token's type, and empty for a type that is not known.
func Kind(t luks2.Token) string {
	if h, known := For(t); known {
		return h.Kind()
	}
	return ""
}
