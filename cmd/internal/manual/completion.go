// SPDX-License-Identifier: Apache-2.0

package manual

import (
	"fmt"
	"slices"
	"strings"

	"github.com/orthrus-luks/orthrus/cmd/internal/cli"
)

// Completions returns the completion scripts by their file names.
func Completions() map[string]string {
	return map[string]string{
		"bash/" + program:           bash(),
		"zsh/_" + program:           zsh(),
		"fish/" + program + ".fish": fish(),
	}
}

// values are the arguments that an option can have, where there are few.
var values = map[string][]string{
	"type":        {"luks", "luks1", "luks2", "plain"},
	"pbkdf":       {"argon2id", "argon2i", "pbkdf2"},
	"priority":    {"prefer", "normal", "ignore"},
	"sector-size": {"512", "1024", "2048", "4096"},
	"hash":        {"sha256", "sha512", "sha1", "ripemd160", "whirlpool"},
	"choose":      {"primary", "secondary"},
}

// files are the options whose argument is a path.
var files = []string{
	"header", "header-backup-file", "json-file", "key-file", "new-keyfile", "volume-key-file", "svg", "undo", "output",
}

// argument is what an action's first argument names.
type argument string

const (
	device  argument = "device"
	mapping argument = "mapping"
	verb    argument = "verb" // add, remove …
	nothing argument = ""
)

func firstArgument(a cli.ActionDoc) argument {
	switch {
	case len(verbsOf(a)) > 0:
		return verb
	case strings.HasPrefix(a.Args, "<name>"), a.Name == cli.LuksSuspend, a.Name == cli.LuksResume:
		return mapping
	case strings.HasPrefix(a.Args, "<device>"):
		return device
	}
	return nothing
}

// verbsOf are the words that come first after an action, as its synopsis names them: "<enable|disable>
// <device>".
func verbsOf(a cli.ActionDoc) []string {
	list, _, found := strings.Cut(strings.TrimPrefix(a.Args, "<"), ">")
	verbs := strings.Split(list, "|")
	if !found || !strings.HasPrefix(a.Args, "<") || slices.Contains(verbs, "device") || slices.Contains(verbs, "name") {
		return nil
	}
	if a.Name == cli.Token {
		verbs = append(verbs, "unassign") // which cryptsetup's synopsis does not name
	}
	return verbs
}

// carriedOut lists the actions that this program does.
func carriedOut() []cli.ActionDoc {
	return slices.DeleteFunc(cli.Actions(), func(a cli.ActionDoc) bool { return a.Lacks != "" })
}

// names are all spellings of an action that are worth completing.
func names(a cli.ActionDoc) []string {
	all := []string{string(a.Name)}
	for _, other := range a.Aliases {
		if !slices.ContainsFunc([]string{"loopaes", "tcrypt", "bitlk", "fvault2"}, func(format string) bool { return strings.HasPrefix(other, format) }) {
			all = append(all, other)
		}
	}
	return all
}

// optionsOf lists the options to offer for an action: those it takes, those every action takes.
func optionsOf(action cli.Action) []cli.OptionDoc {
	return slices.DeleteFunc(cli.OptionDocs(), func(o cli.OptionDoc) bool {
		return !offered(o) || len(o.Only) > 0 && !slices.Contains(o.Only, action)
	})
}

func bash() string {
	var b strings.Builder
	b.WriteString("# bash completion for orthrus and cryptsetup; generated\n\n_orthrus()\n{\n")
	b.WriteString("    local cur=${COMP_WORDS[COMP_CWORD]} prev=${COMP_WORDS[COMP_CWORD-1]} word action= opts=\n    COMPREPLY=()\n")
	b.WriteString("    case $prev in\n")
	for _, o := range cli.OptionDocs() {
		if offered(o) && o.Arg != "" {
			fmt.Fprintf(&b, "    %s) %s; return ;;\n", bashSpellings(o), bashArgument(o))
		}
	}
	b.WriteString("    esac\n    for word in \"${COMP_WORDS[@]:1:COMP_CWORD-1}\"; do\n        case $word in\n")
	for _, a := range carriedOut() {
		fmt.Fprintf(&b, "        %s) action=%s; break ;;\n", strings.Join(names(a), "|"), a.Name)
	}
	b.WriteString("        esac\n    done\n    case $action in\n")
	for _, a := range carriedOut() {
		fmt.Fprintf(&b, "    %s) opts='%s'; %s ;;\n", a.Name, strings.Join(longs(optionsOf(a.Name)), " "), bashFirst(a))
	}
	fmt.Fprintf(&b, "    *) opts='%s'; COMPREPLY=($(compgen -W '%s' -- \"$cur\")) ;;\n", strings.Join(longs(optionsOf("")), " "), strings.Join(allNames(), " "))
	b.WriteString("    esac\n    if [[ $cur == -* ]]; then\n        COMPREPLY=($(compgen -W \"$opts\" -- \"$cur\"))\n    fi\n}\n")
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
	if list := values[o.Long]; list != nil {
		return fmt.Sprintf("COMPREPLY=($(compgen -W '%s' -- \"$cur\"))", strings.Join(list, " "))
	}
	if slices.Contains(files, o.Long) {
		return `COMPREPLY=($(compgen -f -- "$cur"))`
	}
	return ":"
}

func bashFirst(a cli.ActionDoc) string {
	switch firstArgument(a) {
	case mapping:
		return `COMPREPLY=($(compgen -W "$(command ls /dev/mapper 2>/dev/null)" -- "$cur"))`
	case verb:
		return fmt.Sprintf(`COMPREPLY=($(compgen -f -- "$cur") $(compgen -W '%s' -- "$cur"))`, strings.Join(verbsOf(a), " "))
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

func allNames() []string {
	var all []string
	for _, a := range carriedOut() {
		all = append(all, names(a)...)
	}
	return all
}
