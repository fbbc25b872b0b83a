// SPDX-License-Identifier: Apache-2.0

package cli

import "slices"

// ActionDoc is an action as manuals and completions describe it.
type ActionDoc struct {
	Name    Action
	Args    string // as in "<device> [<new key file>]"
	Help    string
	Aliases []string
	Own     bool   // not an action of cryptsetup
	Lacks   string // what this program does not do; empty for an action it does
}

// OptionDoc is an option as manuals and completions describe it.
type OptionDoc struct {
	Long  string
	Short byte   // 0 without
	Arg   string // name of its argument, empty for a flag
	Help  string
	Only  []Action // actions that take it; any action when empty
	Own   bool     // not an option of cryptsetup
	Lacks string   // what this program does not do; empty for an option it honours
}

// Actions lists every action in the order of the help text.
func Actions() []ActionDoc {
	docs := make([]ActionDoc, 0, len(actions))
	for i := range actions {
		spec := &actions[i]
		doc := ActionDoc{Name: spec.name, Args: spec.args, Help: spec.help, Own: spec.own, Lacks: spec.lacks}
		for _, other := range spec.aliases {
			doc.Aliases = append(doc.Aliases, other.name)
		}
		docs = append(docs, doc)
	}
	return docs
}

// OptionDocs lists every option in the order of the synopsis.
func OptionDocs() []OptionDoc {
	docs := make([]OptionDoc, 0, len(options))
	for i := range options {
		spec := &options[i]
		docs = append(docs, OptionDoc{
			Long: spec.long, Short: spec.short, Arg: spec.arg, Help: spec.help,
			Only: slices.Clone(spec.only), Own: spec.own, Lacks: spec.lacks,
		})
	}
	return docs
}
