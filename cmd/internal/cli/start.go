// SPDX-License-Identifier: Apache-2.0

package cli

import (
	"errors"
	"fmt"
	"io"
	"slices"

	"github.com/orthrus-luks/orthrus/cmd/internal/ui"
)

const features = "flags: UDEV BLKID KEYRING KERNEL_CAPI "

// Version returns the version line. Under cryptsetup's name it is the one scripts compare.
func Version(program, version string) string {
	if program == "cryptsetup" {
		return fmt.Sprintf("cryptsetup %s %s\n", CompatVersion, features)
	}
	return fmt.Sprintf("%s %s (cryptsetup %s compatible) %s\n", program, version, CompatVersion, features)
}

// StandsIn tells whether the program was called by cryptsetup's name. It then takes, prints and answers what
// cryptsetup does; all that helps a person is for its own name.
func StandsIn(program string) bool { return program == "cryptsetup" }

// StandsIn tells whether this run is one under cryptsetup's name.
func (inv *Invocation) StandsIn() bool { return StandsIn(inv.Program) }

// Start parses argv and answers whatever needs no work: a wish for help, --usage, --version, --test-args and
// mistakes. It returns the invocation to carry out, or nil and the process's exit code.
func Start(argv []string, version string, verbs []Verb, stdout, stderr io.Writer) (*Invocation, int) {
	program := programName(argv)
	if StandsIn(program) {
		verbs = slices.DeleteFunc(slices.Clone(verbs), func(v Verb) bool { return v.Unasked })
	} else if text, asked := helpAsked(argv, verbs); asked {
		return nil, answerHelp(program, verbs, text, stdout, stderr)
	}
	inv, err := Parse(argv, verbs)
	if err != nil {
		text := explain(inv, verbs, err)
		if !inv.StandsIn() {
			text = ui.Fitted(stderr, text)
		}
		fmt.Fprintln(stderr, text)
		return nil, 1
	}
	switch o := &inv.Options; {
	case o.showHelp:
		fmt.Fprint(stdout, Help(inv.Program, version, verbs))
	case o.showUsage:
		fmt.Fprint(stderr, Usage(inv.Program, verbs))
	case o.showVersion:
		fmt.Fprint(stdout, Version(inv.Program, version))
	case o.TestArgs:
		for _, notice := range inv.Notices {
			fmt.Fprintln(stderr, notice)
		}
		fmt.Fprintln(stdout, "No action taken. Invoked with --test-args option.")
	default:
		return inv, 0
	}
	return nil, 0
}

// explain is what a user is told about a command line that cannot be carried out.
func explain(inv *Invocation, verbs []Verb, err error) string {
	program := inv.Program
	var usage *UsageError
	var unsupported *UnsupportedError
	switch {
	case errors.As(err, &usage) && !inv.StandsIn():
		return fmt.Sprintf("%s: %s", program, mistake(inv, verbs, usage))
	case errors.As(err, &usage) && len(usage.Subject) > 0 && usage.Subject[0] == '-':
		return fmt.Sprintf("%s%s", Usage(program, verbs), usage)
	case errors.As(err, &usage):
		return fmt.Sprintf("%s%s: %s", Usage(program, verbs), program, usage)
	case errors.As(err, &unsupported):
		return fmt.Sprintf("%s: %s is not supported; nothing was changed.", program, unsupported.What)
	}
	return err.Error()
}
