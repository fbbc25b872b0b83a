// SPDX-License-Identifier: Apache-2.0

package manual

import (
	"fmt"
	"slices"
	"strings"

	"github.com/orthrus-luks/orthrus/cmd/internal/cli"
)

func (m manual) fish() string {
	var b strings.Builder
	b.WriteString("# fish completion for orthrus; generated\n\n")
	fmt.Fprintf(&b, "set -l actions %s %s\n\n", strings.Join(m.allNames(), " "), helpWord)
	fmt.Fprintf(&b, "complete -c orthrus -f -n \"not __fish_seen_subcommand_from $actions\" -a %s -d %s\n", helpWord,
		fishText("show how a verb is used, or a topic"))
	fmt.Fprintf(&b, "complete -c orthrus -f -n \"__fish_seen_subcommand_from %s\" -a '%s'\n", helpWord,
		strings.Join(m.helpNames(), " "))
	for i := range m.carriedOut {
		v := &m.carriedOut[i]
		for _, name := range v.Spellings() {
			fmt.Fprintf(&b, "complete -c orthrus -f -n \"not __fish_seen_subcommand_from $actions\" -a %s -d %s\n",
				name, fishText(v.Summary))
		}
		fishFirst(&b, v)
	}
	for _, o := range m.options {
		if offered(o) {
			b.WriteString(m.fishOption(o))
		}
	}
	for _, sister := range []cli.Action{"verity", "integrity"} {
		for _, o := range m.optionsOf(sister) {
			o.Only = []cli.Action{sister}
			o.File = o.Arg == "path" || o.Arg == "FILE" || strings.HasPrefix(o.Long, "root-hash-")
			b.WriteString(m.fishOption(o))
		}
	}
	return b.String()
}

func fishFirst(b *strings.Builder, v *cli.Verb) {
	seen := "__fish_seen_subcommand_from " + strings.Join(v.Spellings(), " ")
	switch firstArgument(v) {
	case mapping:
		fmt.Fprintf(b, "complete -c orthrus -f -n %q -a "+
			"'(command ls /dev/mapper 2>/dev/null | string match -v control)'\n", seen)
	case verb:
		fmt.Fprintf(b, "complete -c orthrus -n %q -a '%s'\n", seen, strings.Join(verbsOf(v), " "))
	}
}

func (m manual) fishOption(o cli.OptionDoc) string {
	line := "complete -c orthrus -l " + o.Long
	if o.Short != 0 {
		line += " -s '" + string(rune(o.Short)) + "'"
	}
	if len(o.Only) > 0 {
		var words []string
		for i := range m.carriedOut {
			if v := &m.carriedOut[i]; slices.Contains(o.Only, v.Name) {
				words = append(words, v.Spellings()...)
			}
		}
		line += fmt.Sprintf(" -n \"__fish_seen_subcommand_from %s\"", strings.Join(words, " "))
	}
	switch list := o.Values; {
	case o.Arg == "":
	case list != nil:
		line += " -x -a '" + strings.Join(list, " ") + "'"
	case o.File:
		line += " -r -F"
	default:
		line += " -x"
	}
	return line + " -d " + fishText(o.Help) + "\n"
}

func fishText(text string) string {
	return "'" + strings.NewReplacer(`\`, `\\`, "'", `\'`).Replace(text) + "'"
}
