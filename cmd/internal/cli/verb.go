// SPDX-License-Identifier: Apache-2.0

package cli

import (
	"slices"
	"strings"
)

// Action is the canonical name of what the program is asked to do.
type Action string

// Verb declares one action: its name, what it takes, what it says of itself. Every table of the
// program (actions, options, rules, help, manual pages, completions) is made out of these
// declarations.
type Verb struct {
	Name    Action
	Group   Group
	Summary string // one line, no full stop
	Args    string // as in "open: requires <args> as arguments"
	MinArgs int
	Mapping bool     // its first argument is the name of a mapping, whatever Args says; for completions
	Unnamed []string // words that can be its first argument and that Args leaves out, as cryptsetup does
	Aliases []Alias
	Own     bool   // not an action of cryptsetup
	Unasked bool   // one that is unknown under the name cryptsetup
	First   int    // its place, from 1, among the few that a newcomer is shown first; 0 for none
	Lacks   string // what this program does not do; empty for an action that it carries out
	Partly  Rule   // names what of the action this program does not do, where that is asked for; "" where it is not

	Takes       string   // names of common options that it takes or that mean something to it, blanks between
	Options     []Option // its own, which no other action takes
	Answers     []string // names of common options that it refuses itself, since it has more to say
	AnyKeyFiles bool     // --key-file may be given several times, whatever the format
	AnyFormat   bool     // it works on mappings of formats that this program does not read
	Reads       []string // values of --type beside LUKS and plain that it carries out
	Rules       []Rule   // on combinations, in the order in which they are reported
	Needs       []Need   // what it must know before it starts
	Remark      Rule     // what is legal but may surprise; nil for nothing

	About    []string // paragraphs of its page, the first of which says what it does
	Report   Report   // what --json prints; the zero value for none
	Examples []Example
	Exits    []Exit   // exit codes that mean something else than in other actions
	SeeAlso  []string // pages, as in "open" for orthrus-open(8)

	Sister func() Sister // what a verb takes that understands its command lines itself; nil for the others
}

// Sister is what help shows of such a verb.
type Sister struct {
	Actions [][2]string // how each is written, and what it does
	Options []Option
}

// Alias is another spelling of an action.
type Alias struct {
	_       incomparable
	Name    string
	Type    string // the --type it stands for, which replaces one that was given
	Swapped bool   // name before device, the oldest order of arguments
	Refresh bool   // stands for --refresh
}

// Report describes the object that --json prints.
type Report struct {
	Intro  string // "" for "One object with these fields:"
	Fields []Field
	// a value of the type that is printed, nil where it has no Go type of its own; tests compare it with Fields
	Of any
}

// Field is one member of a report. Members of lists have [] in their path.
type Field struct {
	_     incomparable
	Path  string
	Type  string // string, integer, number, boolean; "list of" these or of objects
	About string
}

// incomparable in a struct keeps the compiler from making a comparison for each length of a list of them.
type incomparable [0]func()

// Example is a command line and what it is for.
type Example struct {
	_          incomparable
	What, Line string
}

// Exit is an exit code and what it means.
type Exit struct {
	Code  int
	Means string
}

// Group is what actions have in common that help shows together.
type Group string

// The groups, in the order in which help is to show them.
const (
	GroupMapping Group = "open and close"
	GroupKeys    Group = "keys and tokens"
	GroupHeader  Group = "headers"
	GroupRepair  Group = "check and repair"
	GroupSize    Group = "sizes, far header"
	GroupGuard   Group = "the guard"
	GroupBoot    Group = "early boot"
	GroupMeasure Group = "measure"
)

// groups are those that help shows, in that order.
var groups = []Group{
	GroupMapping, GroupKeys, GroupHeader, GroupRepair, GroupSize, GroupGuard, GroupBoot, GroupMeasure,
}

// Does is what the action does, in the first two sentences of its page.
func (v *Verb) Does() string {
	if len(v.About) == 0 {
		return ""
	}
	text, from := v.About[0], 0
	for range 2 {
		at := strings.Index(text[from:], ". ")
		if at < 0 {
			return text
		}
		from += at + len(". ")
	}
	return text[:from-1]
}

// Spellings are all names of the action, its own first.
func (v *Verb) Spellings() []string {
	list := []string{string(v.Name)}
	for _, a := range v.Aliases {
		list = append(list, a.Name)
	}
	return list
}

// declares tells whether the option is the action's own.
func (v *Verb) declares(long string) bool {
	return slices.ContainsFunc(v.Options, func(o Option) bool { return o.Long == long })
}

// takes tells whether the action names a common option.
func (v *Verb) takes(long string) bool { return slices.Contains(strings.Fields(v.Takes), long) }

// find returns the action of that name and the alias used to name it, if any. Spelling counts
// first; only then is case ignored, for scripts that write isLUKS or luksopen.
func find(verbs []Verb, name string) (*Verb, Alias, bool) {
	exact := func(a, b string) bool { return a == b }
	for _, equal := range []func(a, b string) bool{exact, strings.EqualFold} {
		for i := range verbs {
			if equal(string(verbs[i].Name), name) {
				return &verbs[i], Alias{}, true
			}
			for _, other := range verbs[i].Aliases {
				if equal(other.Name, name) {
					return &verbs[i], other, true
				}
			}
		}
	}
	return nil, Alias{}, false
}
