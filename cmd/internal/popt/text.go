// SPDX-License-Identifier: Apache-2.0

package popt

import (
	"fmt"
	"path"
	"strings"
)

// Usage is the synopsis of a program; own adds the options that are not the other program's.
func (g *Grammar) Usage(program, letters string, own bool) string {
	const indent = "        "
	line := "Usage: " + path.Base(program) + " [-" + letters + "]"
	text := ""
	for _, o := range g.Options {
		if o.Own && !own {
			continue
		}
		word := "--" + o.Long
		if o.Short != 0 {
			word = "-" + string(rune(o.Short)) + "|" + word
		}
		if o.Arg != "" {
			word += "=" + o.Arg
		}
		if len(line)+len(word)+3 > 77 {
			text += line + "\n"
			line = indent[:7]
		}
		line += " [" + word + "]"
	}
	return text + line + "\n" + indent + "[OPTION...] <action> <action-specific>\n"
}

// Help is the list of options and actions.
func (g *Grammar) Help(program string, own bool) string {
	var b strings.Builder
	fmt.Fprintf(&b, "Usage: %s [OPTION...] <action> <action-specific>\n\nHelp options:\n", path.Base(program))
	for _, o := range g.Options {
		if o.Own && !own {
			continue
		}
		fmt.Fprintf(&b, "  %-36s %s\n", o.synopsis(), o.Help)
	}
	b.WriteString("\n<action> is one of:\n")
	for _, a := range g.Actions {
		fmt.Fprintf(&b, "\t%s %s - %s\n", a.Name, a.Args, a.Summary)
	}
	return b.String()
}

func (o *Option) synopsis() string {
	if o.Short == 0 {
		return "    " + o.Term()
	}
	return o.Term()
}

// Term is the option as the manual names it.
func (o *Option) Term() string {
	term := "--" + o.Long
	if o.Short != 0 {
		term = "-" + string(rune(o.Short)) + ", " + term
	}
	if o.Arg != "" {
		term += "=" + o.Arg
	}
	return term
}
