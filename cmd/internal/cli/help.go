// SPDX-License-Identifier: Apache-2.0

package cli

import (
	"fmt"
	"strings"

	"github.com/orthrus-luks/orthrus/cmd/internal/ui"
)

// Defaults that the help text names.
const (
	defaultIterTime = 2000    // milliseconds
	defaultMemory   = 1048576 // KiB
	defaultThreads  = 4
)

const helpColumn = 42

// Help returns the help text.
func Help(program, version string, verbs []Verb) string {
	var b strings.Builder
	b.WriteString(Version(program, version))
	fmt.Fprintf(&b, "Usage: %s [OPTION...] <action> <action-specific>\n\nOptions:\n", program)
	options := listed(verbs)
	for i := range options {
		writeOptionHelp(&b, &options[i])
	}
	b.WriteString("\n<action> is one of:\n")
	writeActions(&b, verbs, false)
	b.WriteString("\nActions that only orthrus has:\n")
	writeActions(&b, verbs, true)
	b.WriteString("\nOlder names of actions:\n")
	for i := range verbs {
		writeAliases(&b, &verbs[i])
	}
	b.WriteString(helpArguments)
	writeDefaults(&b)
	return b.String()
}

func writeActions(b *strings.Builder, verbs []Verb, own bool) {
	for i := range verbs {
		if verbs[i].Own == own {
			writeActionHelp(b, &verbs[i])
		}
	}
}

const helpArguments = `
<name> is the mapping's name, as under /dev/mapper
<device> is a block device, a file, or UUID=, LABEL=, PARTUUID=, PARTLABEL=, ID= and a value
<key slot> is the number of a keyslot
<key file> holds a key that is used as it is; - is standard input
`

func writeOptionHelp(b *strings.Builder, spec *Option) {
	short := "   "
	if spec.Short != 0 {
		short = fmt.Sprintf("-%c,", spec.Short)
	}
	name := "--" + spec.Long
	if spec.Arg != "" {
		name += "=" + spec.Arg
	}
	entry := fmt.Sprintf("  %s %s", short, name)
	if len(entry) > helpColumn-2 {
		fmt.Fprintf(b, "%s\n", entry)
		entry = ""
	}
	w := wrapper{indent: strings.Repeat(" ", helpColumn)}
	fmt.Fprintf(&w.line, "%-*s", helpColumn-1, entry)
	for _, word := range strings.Fields(spec.Help) {
		w.add(word)
	}
	b.WriteString(w.line.String() + "\n")
}

func writeActionHelp(b *strings.Builder, spec *Verb) {
	fmt.Fprintf(b, "\t%s - %s", strings.TrimSpace(string(spec.Name)+" "+spec.Args), spec.Summary)
	if spec.Lacks != "" {
		b.WriteString(" (not supported)")
	}
	b.WriteByte('\n')
}

func writeAliases(b *strings.Builder, v *Verb) {
	if len(v.Aliases) > 0 {
		fmt.Fprintf(b, "\t%s: %s\n", v.Name, strings.Join(v.Spellings()[1:], ", "))
	}
}

// writeDefaults prints what is built in, in the lines that scripts look for.
func writeDefaults(b *strings.Builder) {
	fmt.Fprintf(b, `
Default compiled-in metadata format is LUKS2 (for luksFormat action).

Default compiled-in key and passphrase parameters:
	Maximum keyfile size: %dkB, Maximum interactive passphrase length %d (characters)
Default PBKDF for LUKS1: pbkdf2, iteration time: %d (ms)
Default PBKDF for LUKS2: argon2id
	Iteration time: %d, Memory required: %dkB, Parallel threads: %d

Default compiled-in device cipher parameters:
	plain: aes-xts-plain64, Key: 256 bits, Password hashing: sha256
	LUKS: aes-xts-plain64, Key: 256 bits, LUKS header hashing: sha256, RNG: /dev/urandom
	LUKS: Default keysize with XTS mode (two internal keys) will be doubled.
`, ui.MaxKeyFile>>10, ui.MaxPassphrase, defaultIterTime, defaultIterTime, defaultMemory, defaultThreads)
}
