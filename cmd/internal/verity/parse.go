// SPDX-License-Identifier: Apache-2.0

package verity

import (
	"strconv"
	"strings"
)

// call is one understood command line.
type call struct {
	options
	program string // as it was called
	action  action
	args    []string
}

// usageError is a command line that cannot be understood; the synopsis is shown with it.
type usageError struct {
	subject string // the option at fault, or empty
	reason  string
}

func (e *usageError) Error() string {
	if e.subject == "" {
		return e.reason
	}
	return e.subject + ": " + e.reason
}

const badNumber = "invalid numeric value"

// actionInfo is what an action needs.
type actionInfo struct {
	name    action
	args    string
	least   int
	summary string
}

func actions() []actionInfo {
	return []actionInfo{
		{actionFormat, "<data_device> <hash_device>", 2, "format device"},
		{actionVerify, "<data_device> <hash_device> [<root_hash>]", 2, "verify device"},
		{actionOpen, "<data_device> <name> <hash_device> [<root_hash>]", 3, "open device as <name>"},
		{actionClose, "<name>", 1, "close device (remove mapping)"},
		{actionStatus, "<name>", 1, "show active device status"},
		{actionDump, "<hash_device>", 1, "show on-disk information"},
	}
}

// parse understands a command line, argv[0] being the program.
func parse(argv []string) (*call, error) {
	c := &call{program: argv[0], options: options{given: map[string]bool{}}}
	c.dataBlockSize, c.hashBlockSize, c.format, c.fecRoots, c.hash = 4096, 4096, 1, 2, "sha256"
	words, err := c.read(argv[1:])
	if err != nil || c.informs() {
		return c, err
	}
	return c, c.name(words)
}

func (c *call) informs() bool { return c.help || c.usage || c.version }

// read takes the options out of args and returns the other words.
func (c *call) read(args []string) (words []string, err error) {
	for len(args) > 0 && !c.informs() {
		word := args[0]
		args = args[1:]
		switch {
		case word == "--":
			return append(words, args...), nil
		case strings.HasPrefix(word, "--"):
			args, err = c.readLong(word, args)
		case len(word) > 1 && word[0] == '-':
			args, err = c.readShort(word, args)
		default:
			words = append(words, word)
		}
		if err != nil {
			return nil, err
		}
	}
	return words, nil
}

func (c *call) readLong(word string, rest []string) ([]string, error) {
	name, value, joined := strings.Cut(word[2:], "=")
	for _, spec := range table() {
		if spec.long != name {
			continue
		}
		switch {
		case spec.arg == "" && joined:
			return nil, &usageError{word, "option does not take an argument"}
		case spec.arg == "" || joined:
			return rest, c.set(&spec, value)
		case len(rest) == 0:
			return nil, &usageError{word, "missing argument"}
		}
		return rest[1:], c.set(&spec, rest[0])
	}
	return nil, &usageError{word, "unknown option"}
}

// readShort handles -a, -ab, -xvalue, -x=value and -x value.
func (c *call) readShort(word string, rest []string) ([]string, error) {
	for i := 1; i < len(word); i++ {
		spec := short(word[i])
		tail := word[i+1:]
		switch {
		case spec == nil:
			return nil, &usageError{word, "unknown option"}
		case spec.arg == "":
			if err := c.set(spec, ""); err != nil {
				return nil, err
			}
			continue
		case tail != "":
			return rest, c.set(spec, strings.TrimPrefix(tail, "="))
		case len(rest) == 0:
			return nil, &usageError{word, "missing argument"}
		}
		return rest[1:], c.set(spec, rest[0])
	}
	return rest, nil
}

func short(letter byte) *option {
	for _, spec := range table() {
		if spec.short == letter {
			return &spec
		}
	}
	return nil
}

func (c *call) set(spec *option, value string) error {
	c.given[spec.long] = true
	switch field := spec.into(&c.options).(type) {
	case *bool:
		*field = true
	case *string:
		*field = value
	case *uint64:
		n, err := strconv.ParseUint(value, 0, 63)
		if err != nil {
			return &usageError{reason: badNumber}
		}
		*field = n
	}
	return nil
}

// name finds the action and looks at what may stand with it.
func (c *call) name(words []string) error {
	if len(words) == 0 {
		return &usageError{reason: "Argument <action> missing."}
	}
	c.action, c.args = action(words[0]), words[1:]
	switch words[0] {
	case "create":
		c.action = actionOpen
		if len(c.args) > 1 {
			c.args[0], c.args[1] = c.args[1], c.args[0]
		}
	case "remove":
		c.action = actionClose
	}
	for _, info := range actions() {
		if info.name != c.action {
			continue
		}
		if len(c.args) < info.least && !c.given["batch"] {
			return &usageError{reason: string(info.name) + ": requires " + info.args + " as arguments"}
		}
		return c.rules()
	}
	return &usageError{reason: "Unknown action."}
}

// rules are what options exclude.
func (c *call) rules() error {
	for _, spec := range table() {
		if c.given[spec.long] && !spec.takes(c.action) {
			return &usageError{reason: "Option --" + spec.long + " is not allowed with " + string(c.action) +
				" action."}
		}
	}
	for _, rule := range []struct {
		broken bool
		reason string
	}{
		{
			c.ignoreCorruption && c.restartOnCorruption,
			"Option --ignore-corruption and --restart-on-corruption cannot be used together.",
		},
		{c.panicOnCorruption && (c.ignoreCorruption || c.restartOnCorruption), panicRule(c)},
		{
			c.errorAsCorruption && !c.panicOnCorruption && !c.restartOnCorruption,
			"Option --error-as-corruption must be used with --panic-on-corruption or --restart-on-corruption.",
		},
		{
			c.given["batch"] && len(c.args) > 0,
			"Option --batch takes the devices from its list, not from the command line.",
		},
		{
			(c.oldData == "") != (c.oldHash == "") || (c.oldHash == "") != (c.oldRootHash == ""),
			"Options --old-data, --old-hash and --old-root-hash are used together.",
		},
		{c.deferred && c.cancelDeferred, "Options --cancel-deferred and --deferred cannot be used at the same time."},
	} {
		if rule.broken {
			return &usageError{reason: rule.reason}
		}
	}
	return nil
}

func panicRule(c *call) string {
	other := "--restart-on-corruption"
	if c.ignoreCorruption {
		other = "--ignore-corruption"
	}
	return "Option --panic-on-corruption and " + other + " cannot be used together."
}
