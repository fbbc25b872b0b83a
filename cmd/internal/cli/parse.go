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

	verb  *Verb
	words []string // what was read besides options, up to a mistake or a wish for help
}

// UsageError is a command line that cannot be understood; the synopsis is shown with it.
type UsageError struct {
	Subject string // the word at fault, empty when it is the command line as a whole
	Option  string // the option whose argument is at fault, or ""
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

// What is said of words that are not understood.
const (
	unknownOption   = "unknown option"
	missingArgument = "missing argument"
	unknownAction   = "Unknown action."
	noAction        = "Argument <action> missing."
)

// BadNumber is said of an argument that is no number of the right size.
const BadNumber = "invalid numeric value"

// Parse understands the command line argv, argv[0] being the name the program was called by. It
// stops at --help, --usage and --version, without looking at what follows them. The options of the
// verbs themselves are stored where their declarations say, so that verbs serve one command line. The
// error is a *UsageError, *UnsupportedError or *MissingError.
func Parse(argv []string, verbs []Verb) (*Invocation, error) {
	inv := &Invocation{Program: programName(argv)}
	r := reader{newGrammar(&inv.Options, verbs), &inv.Options}
	words, err := r.read(argv[min(1, len(argv)):])
	inv.words = words
	if err != nil || inv.Options.informs() {
		return inv, err
	}
	if err := inv.name(words, verbs); err != nil {
		return inv, err
	}
	return inv, inv.validate(r.options)
}

// reader takes options out of a command line.
type reader struct {
	*grammar
	o *Options
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
func (r reader) read(args []string) ([]string, error) {
	var words []string
	for len(args) > 0 && !r.o.informs() {
		word := args[0]
		args = args[1:]
		var err error
		switch {
		case word == "--":
			return append(words, args...), nil
		case strings.HasPrefix(word, "--"):
			args, err = r.readLong(word, args)
		case len(word) > 1 && word[0] == '-':
			args, err = r.readShort(word, args, named(words))
		default:
			words = append(words, word)
		}
		if err != nil {
			return words, err
		}
	}
	return words, nil
}

// readLong handles --name, --name=value and --name value; rest follows word on the command line.
func (r reader) readLong(word string, rest []string) ([]string, error) {
	name, value, joined := strings.Cut(word[2:], "=")
	spec := r.long(name)
	switch {
	case spec == nil:
		return nil, &UsageError{Subject: word, Reason: unknownOption}
	case spec.IsFlag() && joined:
		return nil, &UsageError{Subject: word, Reason: "option does not take an argument"}
	case spec.IsFlag() || joined:
		return rest, spec.set(value)
	case len(rest) == 0:
		return nil, &UsageError{Subject: word, Reason: missingArgument}
	}
	return rest[1:], spec.set(rest[0])
}

// named is the action among the words read so far.
func named(words []string) Action {
	if len(words) == 0 {
		return ""
	}
	return Action(words[0])
}

// readShort handles -a, -ab, -xvalue, -x=value and -x value.
func (r reader) readShort(word string, rest []string, action Action) ([]string, error) {
	for i := 1; i < len(word) && !r.o.informs(); i++ {
		spec := r.short(word[i], action)
		tail := word[i+1:]
		switch {
		case spec == nil:
			return nil, &UsageError{Subject: word, Reason: unknownOption}
		case spec.IsFlag() && strings.HasPrefix(tail, "="):
			return nil, &UsageError{Subject: word, Reason: "option does not take an argument"}
		case spec.IsFlag():
			if err := spec.set(""); err != nil {
				return nil, err
			}
			continue
		case tail != "":
			return rest, spec.set(strings.TrimPrefix(tail, "="))
		case len(rest) == 0:
			return nil, &UsageError{Subject: word, Reason: missingArgument}
		}
		return rest[1:], spec.set(rest[0])
	}
	return rest, nil
}

// set stores an option's argument and looks at what can be judged by itself.
func (s *Option) set(text string) error {
	if !s.store(text) {
		if s.Suffix {
			return &UsageError{Reason: "Invalid size specification in parameter --" + s.Long + "."}
		}
		return &UsageError{Option: s.Long, Reason: BadNumber}
	}
	if s.Check == nil {
		return nil
	}
	if reason := s.Check(); reason != "" {
		return &UsageError{Reason: reason}
	}
	return nil
}

// store puts text into the option's variable; false when it is no number of the right size.
func (s *Option) store(text string) bool {
	switch field := s.Into.(type) {
	case *bool:
		*field = true
	case cryptFlag:
		field.set()
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
		if s.Suffix {
			parse = ParseSize
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
func (inv *Invocation) name(words []string, verbs []Verb) error {
	if len(words) == 0 {
		return &UsageError{Reason: noAction}
	}
	v, alias, known := find(verbs, words[0])
	if !known {
		return &UsageError{Reason: unknownAction}
	}
	inv.verb, inv.Action, inv.Args = v, v.Name, words[1:]
	if alias.Type != "" {
		inv.Options.Type = Value[string]{alias.Type, true}
	}
	if alias.Swapped && len(inv.Args) > 1 {
		inv.Args[0], inv.Args[1] = inv.Args[1], inv.Args[0]
	}
	inv.Options.Refresh = inv.Options.Refresh || alias.Refresh
	inv.Options.Debug = inv.Options.Debug || inv.Options.DebugJSON
	if len(inv.Args) < v.MinArgs {
		return &UsageError{Subject: string(v.Name), Reason: "requires " + v.Args + " as arguments"}
	}
	return nil
}
