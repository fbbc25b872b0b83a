// SPDX-License-Identifier: Apache-2.0

package manual

import (
	"fmt"
	"slices"
	"strings"

	"github.com/orthrus-luks/orthrus/cmd/internal/cli"
	"github.com/orthrus-luks/orthrus/cmd/internal/integrity"
	"github.com/orthrus-luks/orthrus/cmd/internal/popt"
	"github.com/orthrus-luks/orthrus/cmd/internal/verity"
)

// Completions returns the completion scripts by their file names.
func Completions(verbs []cli.Verb) map[string]string {
	m := newManual(verbs)
	return map[string]string{
		"bash/" + program:           m.bash(),
		"zsh/_" + program:           m.zsh(),
		"fish/" + program + ".fish": m.fish(),
	}
}

// argument is what an action's first argument names.
type argument string

const (
	device  argument = "device"
	mapping argument = "mapping"
	verb    argument = "verb" // add, remove …
	nothing argument = ""
)

func firstArgument(v *cli.Verb) argument {
	switch {
	case len(verbsOf(v)) > 0:
		return verb
	case strings.HasPrefix(v.Args, "<name>"), v.Mapping:
		return mapping
	case strings.HasPrefix(v.Args, "<device>"):
		return device
	}
	return nothing
}

// verbsOf are the words that come first after an action, as its synopsis names them: "<enable|disable>
// <device>", or "[status | history <uuid>]".
func verbsOf(v *cli.Verb) []string {
	if may, optional := strings.CutPrefix(v.Args, "["); optional {
		var verbs []string
		for one := range strings.SplitSeq(strings.TrimSuffix(may, "]"), "|") {
			if words := strings.Fields(one); len(words) > 0 && words[0][0] >= 'a' && words[0][0] <= 'z' {
				verbs = append(verbs, words[0])
			}
		}
		return verbs
	}
	list, _, found := strings.Cut(strings.TrimPrefix(v.Args, "<"), ">")
	verbs := strings.Split(list, "|")
	if !found || !strings.HasPrefix(v.Args, "<") || slices.Contains(verbs, "device") ||
		slices.Contains(verbs, "name") {
		return nil
	}
	return append(verbs, v.Unnamed...)
}

// optionsOf lists the options to offer for an action: those it takes, those every action takes.
func (m manual) optionsOf(action cli.Action) []cli.OptionDoc {
	switch action {
	case "verity":
		return optionsOfSister(verity.Grammar())
	case "integrity":
		return optionsOfSister(integrity.Grammar())
	}
	return slices.DeleteFunc(slices.Clone(m.options), func(o cli.OptionDoc) bool {
		return !offered(o) || len(o.Only) > 0 && !slices.Contains(o.Only, action)
	})
}

// optionsOfSister are those of a verb that has its own.
func optionsOfSister(g *popt.Grammar) (list []cli.OptionDoc) {
	for _, o := range g.Options {
		list = append(list, cli.OptionDoc{Option: cli.Option{Long: o.Long, Arg: o.Arg, Help: o.Help}})
	}
	return list
}

func (m manual) bash() string {
	var b strings.Builder
	b.WriteString("# bash completion for orthrus and cryptsetup; generated\n\n_orthrus()\n{\n")
	b.WriteString("    local cur=${COMP_WORDS[COMP_CWORD]} prev=${COMP_WORDS[COMP_CWORD-1]} word action= opts=\n   " +
		" COMPREPLY=()\n")
	b.WriteString("    case $prev in\n")
	for _, o := range m.options {
		if offered(o) && o.Arg != "" {
			fmt.Fprintf(&b, "    %s) %s; return ;;\n", bashSpellings(o), bashArgument(o))
		}
	}
	b.WriteString("    esac\n    for word in \"${COMP_WORDS[@]:1:COMP_CWORD-1}\"; do\n        case $word in\n")
	for i := range m.carriedOut {
		v := &m.carriedOut[i]
		fmt.Fprintf(&b, "        %s) action=%s; break ;;\n", strings.Join(v.Spellings(), "|"), v.Name)
	}
	fmt.Fprintf(&b, "        %s) action=%[1]s; break ;;\n", helpWord)
	b.WriteString("        esac\n    done\n    case $action in\n")
	for i := range m.carriedOut {
		v := &m.carriedOut[i]
		fmt.Fprintf(&b, "    %s) opts='%s'; %s ;;\n", v.Name, strings.Join(longs(m.optionsOf(v.Name)), " "),
			bashFirst(v))
	}
	fmt.Fprintf(&b, "    %s) COMPREPLY=($(compgen -W '%s' -- \"$cur\")); return ;;\n", helpWord,
		strings.Join(m.helpNames(), " "))
	fmt.Fprintf(&b, "    *) opts='%s'; COMPREPLY=($(compgen -W '%s' -- \"$cur\")) ;;\n",
		strings.Join(longs(m.optionsOf("")), " "), strings.Join(append(m.allNames(), helpWord), " "))
	b.WriteString("    esac\n    if [[ $cur == -* ]]; then\n        COMPREPLY=($(compgen -W \"$opts\" -- " +
		"\"$cur\"))\n    fi\n}\n")
	b.WriteString("complete -o filenames -F _orthrus orthrus\n")
	return b.String()
}

func bashSpellings(o cli.OptionDoc) string {
	if o.Short != 0 {
		return fmt.Sprintf("--%s|-%c", o.Long, o.Short)
	}
	return "--" + o.Long
}

func bashArgument(o cli.OptionDoc) string {
	if list := o.Values; list != nil {
		return fmt.Sprintf("COMPREPLY=($(compgen -W '%s' -- \"$cur\"))", strings.Join(list, " "))
	}
	if o.File {
		return `COMPREPLY=($(compgen -f -- "$cur"))`
	}
	return ":"
}

func bashFirst(v *cli.Verb) string {
	switch firstArgument(v) {
	case mapping:
		return `COMPREPLY=($(compgen -W "$(command ls /dev/mapper 2>/dev/null | grep -vx control)" -- "$cur"))`
	case verb:
		return fmt.Sprintf(`COMPREPLY=($(compgen -f -- "$cur") $(compgen -W '%s' -- "$cur"))`,
			strings.Join(verbsOf(v), " "))
	case device:
		return `COMPREPLY=($(compgen -f -- "$cur"))`
	}
	return ":"
}

func longs(list []cli.OptionDoc) []string {
	var all []string
	for _, o := range list {
		all = append(all, "--"+o.Long)
	}
	return all
}

func (m manual) allNames() []string {
	var all []string
	for i := range m.carriedOut {
		v := &m.carriedOut[i]
		all = append(all, v.Spellings()...)
	}
	return all
}

// helpWord asks for help in an action's place.
const helpWord = "help"

// helpNames are what there is help on.
func (m manual) helpNames() []string {
	all := m.allNames()
	for _, t := range cli.Topics() {
		all = append(all, t.Name)
	}
	return all
}
