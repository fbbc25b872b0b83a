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

// factsOf are those details that have a value.
func factsOf(list ...Detail) (f Facts) {
	for _, d := range list {
		if d.Value != "" {
			f.Details = append(f.Details, d)
		}
	}
	return f
}

// when is a value that there is under a condition only.
func when(holds bool, value string) string {
	if !holds {
		return ""
	}
	return value
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
