// SPDX-License-Identifier: Apache-2.0

package cli

import (
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/orthrus-luks/orthrus/cmd/internal/ui"
)

// helpWord asks for help in a verb's place. It is no verb: under cryptsetup's name there is none.
const helpWord = "help"

// helpAsked tells whether a command line under our own name asks for help, and about which word; "" is the
// overview. "help open", "open --help", "--help open", a lone "-h" at the end (which elsewhere begins --hash), and
// nothing at all ask.
func helpAsked(argv []string, verbs []Verb) (about string, asked bool) {
	args := argv[min(1, len(argv)):]
	if len(args) == 0 {
		return "", true
	}
	if args[0] == helpWord {
		return strings.Join(args[1:min(2, len(args))], ""), true
	}
	if !slices.ContainsFunc(args, mayAsk) {
		return "", false
	}
	inv, err := Parse(argv, verbs)
	var usage *UsageError
	lone := errors.As(err, &usage) && usage.Subject == "-h" && usage.Reason == missingArgument
	if !lone && !inv.Options.showHelp {
		return "", false
	}
	for _, word := range append(inv.words, args...) {
		if _, _, known := find(verbs, word); known {
			return word, true
		}
	}
	return "", true
}

// mayAsk tells whether a word can be a wish for help: whether it is one depends on what stands before it.
func mayAsk(word string) bool {
	return word == "--help" || len(word) > 1 && word[0] == '-' && word[1] != '-' && strings.ContainsAny(word, "?h")
}

// SisterHelp prints the help of a verb that understands its command lines itself, as "help VERB" does, and returns the
// exit code.
func SisterHelp(program string, verbs []Verb, verb string, stdout, stderr io.Writer) int {
	return answerHelp(program, verbs, verb, stdout, stderr)
}

// answerHelp prints what was asked for, and returns the exit code.
func answerHelp(program string, verbs []Verb, about string, stdout, stderr io.Writer) int {
	p := page{program: program, width: min(ui.Columns(stdout), widest)}
	switch {
	case about == "":
		p.overview(verbs)
	case !p.helpOn(about, verbs):
		fmt.Fprintf(stderr, "%s: there is no help on %q%s See %s --help.\n", program, about,
			didYouMean(nearest(about, helpNames(verbs))), program)
		return 1
	}
	fmt.Fprint(stdout, p.String())
	return 0
}

// helpOn writes what there is about a verb, a topic or both; false where there is nothing.
func (p *page) helpOn(about string, verbs []Verb) bool {
	v, _, known := find(verbs, about)
	if known {
		p.verb(v, verbs)
		about = string(v.Name)
	}
	for _, t := range Topics() {
		if t.Name != strings.ToLower(about) {
			continue
		}
		if known {
			p.WriteByte('\n')
		}
		p.topic(t, verbs)
		known = true
	}
	return known
}

// helpNames are the words that there is help on.
func helpNames(verbs []Verb) []string {
	names := verbNames(verbs)
	for _, t := range Topics() {
		names = append(names, t.Name)
	}
	return names
}
