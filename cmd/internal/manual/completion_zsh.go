// SPDX-License-Identifier: Apache-2.0

package manual

import (
	"fmt"
	"strings"

	"github.com/orthrus-luks/orthrus/cmd/internal/cli"
)

func (m manual) zsh() string {
	var b strings.Builder
	b.WriteString("#compdef orthrus\n# zsh completion for orthrus; generated\n\n_orthrus() {\n")
	b.WriteString("  local word action\n  local -a opts\n  for word in ${words[2,CURRENT-1]}; do\n    case $word in\n")
	for i := range m.carriedOut {
		v := &m.carriedOut[i]
		fmt.Fprintf(&b, "      %s) action=%s; break ;;\n", strings.Join(v.Spellings(), "|"), v.Name)
	}
	fmt.Fprintf(&b, "      %s) action=%[1]s; break ;;\n", helpWord)
	b.WriteString("    esac\n  done\n  case $action in\n")
	fmt.Fprintf(&b, "    %s)\n      opts=('*:topic:(%s)') ;;\n", helpWord, strings.Join(m.helpNames(), " "))
	for i := range m.carriedOut {
		v := &m.carriedOut[i]
		fmt.Fprintf(&b, "    %s)\n      opts=(\n", v.Name)
		zshOptions(&b, m.optionsOf(v.Name))
		fmt.Fprintf(&b, "        '*:%s:%s'\n      ) ;;\n", firstArgument(v), zshFirst(v))
	}
	b.WriteString("    *)\n      opts=(\n")
	zshOptions(&b, m.optionsOf(""))
	b.WriteString("        '1:action:_orthrus_actions'\n      ) ;;\n  esac\n  _arguments -s $opts\n}\n\n")
	b.WriteString("_orthrus_actions() {\n  local -a list\n  list=(\n")
	for i := range m.carriedOut {
		v := &m.carriedOut[i]
		for _, name := range v.Spellings() {
			fmt.Fprintf(&b, "    '%s:%s'\n", name, zshText(v.Summary))
		}
	}
	fmt.Fprintf(&b, "    '%s:show how a verb is used, or a topic'\n", helpWord)
	b.WriteString("  )\n  _describe action list\n}\n\n")
	b.WriteString("_orthrus_mappings() {\n  local -a list\n  list=(/dev/mapper/*(N:t))\n  list=(${list:#control})\n" +
		"  compadd -a list\n}\n\n_orthrus \"$@\"\n")
	return b.String()
}

func zshOptions(b *strings.Builder, list []cli.OptionDoc) {
	for _, o := range list {
		argument := ""
		if o.Arg != "" {
			argument = ":" + o.Arg + ":" + zshArgument(o)
		}
		spellings := []string{"--" + o.Long}
		if o.Short != 0 {
			spellings = append(spellings, "-"+string(rune(o.Short)))
		}
		for _, name := range spellings {
			if o.Arg != "" && strings.HasPrefix(name, "--") {
				name += "="
			}
			fmt.Fprintf(b, "        '%s[%s]%s'\n", name, zshText(o.Help), argument)
		}
	}
}

func zshArgument(o cli.OptionDoc) string {
	if list := o.Values; list != nil {
		return "(" + strings.Join(list, " ") + ")"
	}
	if o.File {
		return "_files"
	}
	return " "
}

func zshFirst(v *cli.Verb) string {
	switch firstArgument(v) {
	case mapping:
		return "_orthrus_mappings"
	case verb:
		return "{ compadd " + strings.Join(verbsOf(v), " ") + "; _files }"
	case device:
		return "_files"
	}
	return " "
}

// zshText protects what _arguments and single quotes would interpret.
func zshText(text string) string {
	return strings.NewReplacer("'", `'\''`, "[", `\[`, "]", `\]`, ":", `\:`).Replace(text)
}
