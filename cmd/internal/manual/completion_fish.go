// SPDX-License-Identifier: Apache-2.0

package manual

import (
	"fmt"
	"slices"
	"strings"

	"github.com/orthrus-luks/orthrus/cmd/internal/cli"
)

func fish() string {
	var b strings.Builder
	b.WriteString("# fish completion for orthrus; generated\n\n")
	fmt.Fprintf(&b, "set -l actions %s\n\n", strings.Join(allNames(), " "))
	for _, a := range carriedOut() {
		for _, name := range names(a) {
			fmt.Fprintf(&b, "complete -c orthrus -f -n \"not __fish_seen_subcommand_from $actions\" -a %s -d %s\n", name, fishText(a.Help))
		}
		fishFirst(&b, a)
	}
	for _, o := range cli.OptionDocs() {
		if offered(o) {
			b.WriteString(fishOption(o))
		}
	}
	return b.String()
}

func fishFirst(b *strings.Builder, a cli.ActionDoc) {
	seen := "__fish_seen_subcommand_from " + strings.Join(names(a), " ")
	switch firstArgument(a) {
	case mapping:
		fmt.Fprintf(b, "complete -c orthrus -f -n %q -a '(command ls /dev/mapper 2>/dev/null)'\n", seen)
	case verb:
		fmt.Fprintf(b, "complete -c orthrus -n %q -a '%s'\n", seen, strings.Join(verbsOf(a), " "))
	}
}

func fishOption(o cli.OptionDoc) string {
	line := "complete -c orthrus -l " + o.Long
	if o.Short != 0 {
		line += " -s '" + string(rune(o.Short)) + "'"
	}
	if len(o.Only) > 0 {
		var words []string
		for _, a := range cli.Actions() {
			if slices.Contains(o.Only, a.Name) && a.Lacks == "" {
				words = append(words, names(a)...)
			}
		}
		line += fmt.Sprintf(" -n \"__fish_seen_subcommand_from %s\"", strings.Join(words, " "))
	}
	switch list := values[o.Long]; {
	case o.Arg == "":
	case list != nil:
		line += " -x -a '" + strings.Join(list, " ") + "'"
	case slices.Contains(files, o.Long):
		line += " -r -F"
	default:
		line += " -x"
	}
	return line + " -d " + fishText(o.Help) + "\n"
}

func fishText(text string) string {
	return "'" + strings.NewReplacer(`\`, `\\`, "'", `\'`).Replace(text) + "'"
}
