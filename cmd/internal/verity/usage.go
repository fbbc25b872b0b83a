// SPDX-License-Identifier: Apache-2.0

package verity

import (
	"fmt"
	"path/filepath"
	"strings"
)

// compatVersion is the release of veritysetup whose behaviour this program follows.
const compatVersion = "2.8.6"

// compatible: the program stands in for veritysetup, whose options it shows.
func compatible(program string) bool { return filepath.Base(program) == "veritysetup" }

func versionText(program, version string) string {
	const features = "flags: UDEV BLKID KEYRING KERNEL_CAPI "
	if compatible(program) {
		return fmt.Sprintf("veritysetup %s %s\n", compatVersion, features)
	}
	return fmt.Sprintf("%s %s (veritysetup %s compatible) %s\n", program, version, compatVersion, features)
}

func usageText(program string) string {
	const indent = "        "
	line := "Usage: " + filepath.Base(program) + " [-?Vv]"
	text := ""
	for _, o := range table() {
		if o.own && compatible(program) {
			continue
		}
		word := "--" + o.long
		if o.short != 0 {
			word = "-" + string(rune(o.short)) + "|" + word
		}
		if o.arg != "" {
			word += "=" + o.arg
		}
		if len(line)+len(word)+3 > 77 {
			text += line + "\n"
			line = indent[:7]
		}
		line += " [" + word + "]"
	}
	return text + line + "\n" + indent + "[OPTION...] <action> <action-specific>\n"
}

func helpText(program, version string) string {
	var b strings.Builder
	b.WriteString(versionText(program, version))
	fmt.Fprintf(&b, "Usage: %s [OPTION...] <action> <action-specific>\n\nHelp options:\n", filepath.Base(program))
	for _, o := range table() {
		if o.own && compatible(program) {
			continue
		}
		fmt.Fprintf(&b, "  %-36s %s\n", o.synopsis(), o.help)
	}
	b.WriteString("\n<action> is one of:\n")
	for _, a := range actions() {
		fmt.Fprintf(&b, "\t%s %s - %s\n", a.name, a.args, a.summary)
	}
	b.WriteString("\n<name> is the device to create under /dev/mapper\n<data_device> is the data device\n" +
		"<hash_device> is the device containing verification data\n<root_hash> hash of the root node on <hash_device>\n" +
		"\nDefault compiled-in dm-verity parameters:\n" +
		"\tHash: sha256, Data block (bytes): 4096, Hash block (bytes): 4096, Salt size: 32, Hash format: 1\n")
	return b.String()
}

func (o *option) synopsis() string {
	text := "    --" + o.long
	if o.short != 0 {
		text = "-" + string(rune(o.short)) + ", --" + o.long
	}
	if o.arg != "" {
		text += "=" + o.arg
	}
	return text
}
