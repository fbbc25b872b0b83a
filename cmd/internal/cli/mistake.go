// SPDX-License-Identifier: Apache-2.0

package cli

import (
	"fmt"
	"strings"
)

// mistake is the one line about a command line that is not understood: what is wrong, the nearest name, and
// where help is.
func mistake(inv *Invocation, verbs []Verb, e *UsageError) string {
	see := " See " + inv.Program + " --help."
	v := inv.meant(verbs)
	if v != nil {
		see = fmt.Sprintf(" See %s %s --help.", inv.Program, v.Name)
	}
	switch {
	case e.Reason == noAction:
		return "no verb was given." + see
	case e.Reason == unknownAction:
		typed := inv.words[0]
		return fmt.Sprintf("there is no verb %q%s", typed, didYouMean(nearest(typed, verbNames(verbs)))) + see
	case e.Reason == unknownOption:
		return fmt.Sprintf("there is no option %q%s", e.Subject, didYouMean(nearOption(e.Subject, v, verbs))) + see
	case v != nil && e.Subject == string(v.Name):
		return fmt.Sprintf("%s %s.", v.Name, e.Reason) + see
	case e.Option != "":
		return fmt.Sprintf("--%s: %s.", e.Option, e.Reason) + see
	}
	text := e.Error()
	if !strings.HasSuffix(text, "?") {
		text = strings.TrimSuffix(text, ".") + "."
	}
	return text + see
}

// meant is the verb of a command line, as far as it was read; nil where it names none.
func (inv *Invocation) meant(verbs []Verb) *Verb {
	if inv.verb != nil || len(inv.words) == 0 {
		return inv.verb
	}
	v, _, _ := find(verbs, inv.words[0])
	return v
}

// didYouMean ends a sentence about a word that is not known.
func didYouMean(name string) string {
	if name == "" {
		return "."
	}
	return "; did you mean " + name + "?"
}

// Unknown says of a word in the place of a sub-verb that there is none of that name, and which was meant.
func Unknown(v, word string, names []string) string {
	return fmt.Sprintf("there is no %s %q%s", v, word, didYouMean(nearest(word, names)))
}

// verbNames are the names that can be meant by a word in a verb's place.
func verbNames(verbs []Verb) []string {
	names := []string{helpWord}
	for i := range verbs {
		if verbs[i].Lacks == "" {
			names = append(names, verbs[i].Spellings()...)
		}
	}
	return names
}

// nearOption is the option that was meant, among those that the verb takes.
func nearOption(typed string, v *Verb, verbs []Verb) string {
	name, _, _ := strings.Cut(strings.TrimLeft(typed, "-"), "=")
	if len(name) < 2 {
		return ""
	}
	var names []string
	for _, o := range listed(verbs) {
		if !o.Unlisted && o.Lacks == "" && (v == nil || o.taken(v)) {
			names = append(names, o.Long)
		}
	}
	if near := nearest(name, names); near != "" {
		return "--" + near
	}
	return ""
}

// nearest is the name that a word was most likely meant to be, "" where none is near: one that differs in a few
// letters, or one that the word is a part of.
func nearest(word string, names []string) string {
	best, least := "", max(1, len(word)/3)+1
	for _, name := range names {
		if d := distance(strings.ToLower(word), strings.ToLower(name)); d < least {
			best, least = name, d
		}
	}
	for _, name := range names {
		if best == "" && len(word) > 3 && strings.Contains(strings.ToLower(name), strings.ToLower(word)) {
			return name
		}
	}
	return best
}

// distance counts the letters that must be changed, put in, left out or swapped with the next to make b of a.
func distance(a, b string) int {
	rows := make([][]int, len(a)+1)
	for i := range rows {
		rows[i] = make([]int, len(b)+1)
		rows[i][0] = i
	}
	for j := range len(b) {
		rows[0][j+1] = j + 1
	}
	for i := range len(a) {
		for j := range len(b) {
			cost := 1
			if a[i] == b[j] {
				cost = 0
			}
			d := min(rows[i][j+1]+1, rows[i+1][j]+1, rows[i][j]+cost)
			if i > 0 && j > 0 && a[i] == b[j-1] && a[i-1] == b[j] {
				d = min(d, rows[i-1][j-1]+1)
			}
			rows[i+1][j+1] = d
		}
	}
	return rows[len(a)][len(b)]
}
