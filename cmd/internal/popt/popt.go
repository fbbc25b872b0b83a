// SPDX-License-Identifier: Apache-2.0

// Package popt understands command lines in the way of the tools beside cryptsetup: an action, its arguments, and
// options anywhere (--long=value, --long value, -s value, -svalue, grouped switches, -- ends them).
package popt

import (
	"slices"
	"strconv"
	"strings"
)

// Option is one entry of a program's table.
type Option struct {
	Long  string
	Short byte
	Arg   string // what help calls the argument; empty for a switch
	Help  string
	Own   bool     // not one of the other program's
	Only  []string // actions that take it; none: all
	Into  any      // *bool for a switch; *string, *uint64, or func(value string) error
}

// Action is what an action needs.
type Action struct {
	_       [0]func() // no comparison is made for each length of a list
	Name    string
	Args    string
	Least   int // of arguments
	Summary string
}

// Grammar is what a program understands.
type Grammar struct {
	Options []Option
	Actions []Action
	Instead string // the option that stands in the place of arguments, by its long name; empty: none
}

// Line is one understood command line.
type Line struct {
	Action string
	Args   []string
	Given  map[string]bool // options, by their long names
}

// UsageError is a command line that cannot be understood; the synopsis is shown with it.
type UsageError struct {
	Subject string // the option at fault, or empty
	Reason  string
	Action  string // that is not known, or empty
}

func (e *UsageError) Error() string {
	if e.Subject == "" {
		return e.Reason
	}
	return e.Subject + ": " + e.Reason
}

const unknownOption = "unknown option"

// Unknown is the word that is not known, and what would have been: of an action that action's names, of an option those
// of the program. It is empty for other mistakes.
func (g *Grammar) Unknown(e *UsageError) (what, word string, names []string) {
	switch {
	case e.Action != "":
		for _, a := range g.Actions {
			names = append(names, a.Name)
		}
		return "action", e.Action, names
	case e.Reason == unknownOption:
		for _, o := range g.Options {
			names = append(names, "--"+o.Long)
		}
		return "option", e.Subject, names
	}
	return "", "", nil
}

// BadNumber is the reason where a number is none.
const BadNumber = "invalid numeric value"

// Parse understands the words behind the program's name. It ends early where informs says that an option which asks
// for information has been given; then nothing but the options up to there is known.
func (g *Grammar) Parse(words []string, informs func() bool) (*Line, error) {
	p := &parser{Grammar: g, line: &Line{Given: map[string]bool{}}, informs: informs}
	rest, err := p.read(words)
	if err != nil || informs() {
		return p.line, err
	}
	return p.line, p.name(rest)
}

type parser struct {
	*Grammar
	line    *Line
	informs func() bool
}

// read takes the options out of args and returns the other words.
func (p *parser) read(args []string) (words []string, err error) {
	for len(args) > 0 && !p.informs() {
		word := args[0]
		args = args[1:]
		switch {
		case word == "--":
			return append(words, args...), nil
		case strings.HasPrefix(word, "--"):
			args, err = p.readLong(word, args)
		case len(word) > 1 && word[0] == '-':
			args, err = p.readShort(word, args)
		default:
			words = append(words, word)
		}
		if err != nil {
			return nil, err
		}
	}
	return words, nil
}

func (p *parser) readLong(word string, rest []string) ([]string, error) {
	name, value, joined := strings.Cut(word[2:], "=")
	for _, spec := range p.Options {
		if spec.Long != name {
			continue
		}
		switch {
		case spec.Arg == "" && joined:
			return nil, &UsageError{Subject: word, Reason: "option does not take an argument"}
		case spec.Arg == "" || joined:
			return rest, p.set(&spec, value)
		case len(rest) == 0:
			return nil, &UsageError{Subject: word, Reason: "missing argument"}
		}
		return rest[1:], p.set(&spec, rest[0])
	}
	return nil, &UsageError{Subject: word, Reason: unknownOption}
}

// readShort handles -a, -ab, -xvalue, -x=value and -x value.
func (p *parser) readShort(word string, rest []string) ([]string, error) {
	for i := 1; i < len(word); i++ {
		spec := p.short(word[i])
		tail := word[i+1:]
		switch {
		case spec == nil:
			return nil, &UsageError{Subject: word, Reason: unknownOption}
		case spec.Arg == "":
			if err := p.set(spec, ""); err != nil {
				return nil, err
			}
			continue
		case tail != "":
			return rest, p.set(spec, strings.TrimPrefix(tail, "="))
		case len(rest) == 0:
			return nil, &UsageError{Subject: word, Reason: "missing argument"}
		}
		return rest[1:], p.set(spec, rest[0])
	}
	return rest, nil
}

func (p *parser) short(letter byte) *Option {
	for i := range p.Options {
		if p.Options[i].Short == letter {
			return &p.Options[i]
		}
	}
	return nil
}

func (p *parser) set(spec *Option, value string) error {
	p.line.Given[spec.Long] = true
	switch field := spec.Into.(type) {
	case *bool:
		*field = true
	case *string:
		*field = value
	case *uint64:
		n, err := strconv.ParseUint(strings.TrimPrefix(strings.TrimLeft(value, " \t\n\v\f\r"), "+"), 10, 63)
		if err != nil {
			return &UsageError{Reason: BadNumber}
		}
		*field = n
	case func(string) error:
		return field(value)
	}
	return nil
}

// name finds the action and looks at what may stand with it.
func (p *parser) name(words []string) error {
	if len(words) == 0 {
		return &UsageError{Reason: "Argument <action> missing."}
	}
	action, args := words[0], words[1:]
	switch action {
	case "create": // has the name first
		action = "open"
		if len(args) > 1 {
			args[0], args[1] = args[1], args[0]
		}
	case "remove":
		action = "close"
	}
	p.line.Action, p.line.Args = action, args
	i := slices.IndexFunc(p.Actions, func(a Action) bool { return a.Name == action })
	if i < 0 {
		return &UsageError{Reason: "Unknown action.", Action: action}
	}
	if info := p.Actions[i]; len(args) < info.Least && !p.line.Given[p.Instead] {
		return &UsageError{Reason: info.Name + ": requires " + info.Args + " as arguments"}
	}
	for _, spec := range p.Options {
		if p.line.Given[spec.Long] && len(spec.Only) > 0 && !slices.Contains(spec.Only, action) {
			return &UsageError{Reason: "Option --" + spec.Long + " is not allowed with " + action + " action."}
		}
	}
	return nil
}

// Rule is what options exclude.
type Rule struct {
	_      [0]func() // it is never compared, and no code is made for that
	Broken bool
	Reason string
}

// Check names the first rule that is broken.
func Check(rules []Rule) error {
	for _, rule := range rules {
		if rule.Broken {
			return &UsageError{Reason: rule.Reason}
		}
	}
	return nil
}
