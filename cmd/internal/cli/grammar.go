// SPDX-License-Identifier: Apache-2.0

package cli

import (
	"slices"
	"sort"
)

// grammar is what verbs and the common options make together.
type grammar struct {
	verbs   []Verb
	options []Option // in the order of their declarations
}

// newGrammar makes one whose common options store into o.
func newGrammar(o *Options, verbs []Verb) *grammar {
	g := &grammar{verbs: verbs, options: commonOptions(o)}
	for i := range verbs {
		g.options = append(g.options, verbs[i].Options...)
	}
	return g
}

// listed are the options of these verbs in the order of the synopsis, for reading.
func listed(verbs []Verb) []Option {
	options := newGrammar(&Options{}, verbs).options
	sort.SliceStable(options, func(i, j int) bool { return place(options[i].Long) < place(options[j].Long) })
	return options
}

func (g *grammar) long(name string) *Option {
	for i := range g.options {
		if g.options[i].Long == name {
			return &g.options[i]
		}
	}
	return nil
}

// short returns the option of that letter, as meant by the action that was named before it.
func (g *grammar) short(letter byte, action Action) *Option {
	var found *Option
	for i := range g.options {
		s := &g.options[i]
		if s.Short != letter {
			continue
		}
		if s.ShortOf == action && action != "" {
			return s
		}
		if s.ShortOf == "" {
			found = s
		}
	}
	return found
}

// taken tells whether the action takes the option. cryptsetup lets every action of its own take some options
// that mean nothing to it; our own actions refuse the name of a file that they would not look at.
func (s *Option) taken(v *Verb) bool {
	all := s.All && !(v.Own && s.File)
	return all || v.declares(s.Long) || v.takes(s.Long) || slices.Contains(v.Answers, s.Long)
}

// OptionDoc is an option with the actions that take it.
type OptionDoc struct {
	Option
	Only []Action // actions that take it; any action when empty
}

// Documented lists every option of these verbs in the order of the synopsis.
func Documented(verbs []Verb) []OptionDoc {
	options := listed(verbs)
	docs := make([]OptionDoc, 0, len(options))
	for _, o := range options {
		doc := OptionDoc{Option: o}
		for i := range verbs {
			if !o.All && o.taken(&verbs[i]) {
				doc.Only = append(doc.Only, verbs[i].Name)
			}
		}
		docs = append(docs, doc)
	}
	return docs
}

// Names tells whether a page of the action speaks of the option: its own ones and those it takes.
func (v *Verb) Names(o Option) bool { return v.declares(o.Long) || v.takes(o.Long) }
