// SPDX-License-Identifier: Apache-2.0

package cli

import (
	"path/filepath"
	"strings"
)

// Invocation is one understood command line.
type Invocation struct {
	Program string   // name the program was called by, without its folder
	Action  Action   // canonical name
	Args    []string // arguments after the action, device before name
	Options Options
	Notices []string // remarks that stop nothing, for the caller to print on standard error
}

// UsageError is a command line that cannot be understood; the synopsis is shown with it.
type UsageError struct {
	Subject string // the word at fault, empty when it is the command line as a whole
	Reason  string
}

func (e *UsageError) Error() string {
	if e.Subject == "" {
		return e.Reason
	}
	return e.Subject + ": " + e.Reason
}

// MissingError is a command line that is well formed but lacks what the action needs to start.
type MissingError struct{ Reason string }

func (e *MissingError) Error() string { return e.Reason }

// UnsupportedError is a valid request for something this program does not do.
type UnsupportedError struct{ What string }

func (e *UnsupportedError) Error() string { return e.What }

const badNumber = "invalid numeric value"

// Parse understands the command line argv, argv[0] being the name the program was called by. It
// stops at --help, --usage and --version, without looking at what follows them. The error is a
// *UsageError, *UnsupportedError or *MissingError.
func Parse(argv []string) (*Invocation, error) {
	inv := &Invocation{Program: programName(argv)}
	words, err := inv.Options.read(argv[min(1, len(argv)):])
	if err != nil || inv.Options.informs() {
		return inv, err
	}
	spec, err := inv.name(words)
	if err != nil {
		return inv, err
	}
	return inv, inv.validate(spec)
}

func programName(argv []string) string {
	if len(argv) == 0 {
		return "orthrus"
	}
	return filepath.Base(argv[0])
}

// informs tells whether the run only prints something about the program.
func (o *Options) informs() bool { return o.showHelp || o.showUsage || o.showVersion }

// read takes the options out of args and returns the other words. Options may stand anywhere
// before a "--".
func (o *Options) read(args []string) ([]string, error) {
	var words []string
	for len(args) > 0 && !o.informs() {
		word := args[0]
		args = args[1:]
		var err error
		switch {
		case word == "--":
			return append(words, args...), nil
		case strings.HasPrefix(word, "--"):
			args, err = o.readLong(word, args)
		case len(word) > 1 && word[0] == '-':
			args, err = o.readShort(word, args, named(words))
		default:
			words = append(words, word)
		}
		if err != nil {
			return nil, err
		}
	}
	return words, nil
}

// readLong handles --name, --name=value and --name value; rest follows word on the command line.
func (o *Options) readLong(word string, rest []string) ([]string, error) {
	name, value, joined := strings.Cut(word[2:], "=")
	spec := findLong(name)
	switch {
	case spec == nil:
		return nil, &UsageError{word, "unknown option"}
	case spec.isFlag() && joined:
		return nil, &UsageError{word, "option does not take an argument"}
	case spec.isFlag() || joined:
		return rest, o.set(spec, value)
	case len(rest) == 0:
		return nil, &UsageError{word, "missing argument"}
	}
	return rest[1:], o.set(spec, rest[0])
}

// named is the action among the words read so far.
func named(words []string) Action {
	if len(words) == 0 {
		return ""
	}
	return Action(words[0])
}

// readShort handles -a, -ab, -xvalue, -x=value and -x value.
func (o *Options) readShort(word string, rest []string, action Action) ([]string, error) {
	for i := 1; i < len(word) && !o.informs(); i++ {
		spec := findShort(word[i], action)
		tail := word[i+1:]
		switch {
		case spec == nil:
			return nil, &UsageError{word, "unknown option"}
		case spec.isFlag() && strings.HasPrefix(tail, "="):
			return nil, &UsageError{word, "option does not take an argument"}
		case spec.isFlag():
			if err := o.set(spec, ""); err != nil {
				return nil, err
			}
			continue
		case tail != "":
			return rest, o.set(spec, strings.TrimPrefix(tail, "="))
		case len(rest) == 0:
			return nil, &UsageError{word, "missing argument"}
		}
		return rest[1:], o.set(spec, rest[0])
	}
	return rest, nil
}

// set stores an option's argument and looks at what can be judged by itself.
func (o *Options) set(spec *optionSpec, text string) error {
	if !spec.store(o, text) {
		if spec.suffix {
			return &UsageError{Reason: "Invalid size specification in parameter --" + spec.long + "."}
		}
		return &UsageError{Reason: badNumber}
	}
	if spec.check == nil {
		return nil
	}
	if reason := spec.check(o); reason != "" {
		return &UsageError{Reason: reason}
	}
	return nil
}

// store puts text into the option's field; false when it is no number of the right size.
func (s *optionSpec) store(o *Options, text string) bool {
	switch field := s.field(o).(type) {
	case *bool:
		*field = true
	case *Value[string]:
		*field = Value[string]{text, true}
	case *[]string:
		*field = append(*field, text)
	case *Value[int]:
		n, ok := parseSigned(text)
		*field = Value[int]{n, true}
		return ok
	case *Value[uint32]:
		n, ok := parseUnsigned(text, 32)
		*field = Value[uint32]{uint32(n), true}
		return ok
	case *Value[uint64]:
		parse := func(text string) (uint64, bool) { return parseUnsigned(text, 64) }
		if s.suffix {
			parse = parseSize
		}
		n, ok := parse(text)
		*field = Value[uint64]{n, true}
		return ok
	case *[]uint32:
		n, ok := parseUnsigned(text, 32)
		*field = append(*field, uint32(n))
		return ok
	}
	return true
}

// name finds the action among words and applies what an old spelling of it stands for.
func (inv *Invocation) name(words []string) (*actionSpec, error) {
	if len(words) == 0 {
		return nil, &UsageError{Reason: "Argument <action> missing."}
	}
	spec, alias, known := findAction(words[0])
	if !known {
		return nil, &UsageError{Reason: "Unknown action."}
	}
	inv.Action, inv.Args = spec.name, words[1:]
	if alias.device != "" {
		inv.Options.Type = Value[string]{alias.device, true}
	}
	if alias.swapped && len(inv.Args) > 1 {
		inv.Args[0], inv.Args[1] = inv.Args[1], inv.Args[0]
	}
	inv.Options.Refresh = inv.Options.Refresh || alias.refresh
	inv.Options.Debug = inv.Options.Debug || inv.Options.DebugJSON
	if len(inv.Args) < spec.minArgs {
		return nil, &UsageError{Subject: string(spec.name), Reason: "requires " + spec.args + " as arguments"}
	}
	return spec, nil
}
