// SPDX-License-Identifier: Apache-2.0

package startup

import (
	"errors"
	"slices"
	"strings"
)

// Root is the file system to hand over to.
type Root struct {
	Source   string   // as in fstab(5)
	Types    []string // to be tried in this order; none: find out
	Options  string   // as in mount(8), with commas
	ReadOnly bool
	Init     string // a path in the root; "": the usual ones
}

// ErrNoRoot says that neither the kernel command line nor the image names a
// root.
var ErrNoRoot = errors.New("no root file system is named: root= is missing on the kernel command line")

// ParseRoot takes the root from the kernel command line, and from the image's
// fstab where that says nothing.
func ParseRoot(cmdline, fstab string) (Root, error) {
	root := Root{ReadOnly: true}
	line := rootLine(fstab)
	for _, word := range Words(cmdline) {
		root.take(word)
	}
	if root.Source == "" && line != nil {
		root.Source = line[0]
	}
	if root.Source == "" {
		return Root{}, ErrNoRoot
	}
	// Type and options of the table are about its own device.
	if line != nil && root.Source == line[0] {
		root.complete(line)
	}
	return root, nil
}

func (r *Root) take(word string) {
	key, value, _ := strings.Cut(word, "=")
	switch key {
	case "root":
		r.Source = unquote(value)
	case "rootfstype":
		r.Types = types(value)
	case "rootflags":
		r.Options = value
	case "ro":
		r.ReadOnly = true
	case "rw":
		r.ReadOnly = false
	case "init":
		r.Init = value
	}
}

func (r *Root) complete(line []string) {
	if r.Types == nil {
		r.Types = types(line[2])
	}
	if r.Options == "" && len(line) > 3 {
		r.Options = line[3]
	}
}

// types reads a list of file systems; "auto" is none.
func types(value string) []string {
	var list []string
	for kind := range strings.SplitSeq(value, ",") {
		if kind != "" && kind != "auto" {
			list = append(list, kind)
		}
	}
	return list
}

// rootLine returns the fields of the table's line for "/".
func rootLine(fstab string) []string {
	for line := range strings.Lines(fstab) {
		f := strings.Fields(line)
		if len(f) > 2 && !strings.HasPrefix(f[0], "#") && f[1] == "/" {
			return f
		}
	}
	return nil
}

// Words splits a kernel command line as the kernel does: at blanks that are not
// within double quotes, which are taken off.
func Words(cmdline string) []string {
	var words []string
	word, quoted, begun := []byte(nil), false, false
	for _, c := range []byte(cmdline) {
		switch {
		case c == '"':
			quoted, begun = !quoted, true
		case !quoted && (c == ' ' || c == '\t' || c == '\n'):
			if begun {
				words = append(words, string(word))
			}
			word, begun = nil, false
		default:
			word, begun = append(word, c), true
		}
	}
	if begun {
		words = append(words, string(word))
	}
	return words
}

// unquote takes the quotes off the value of a tag: UUID="…".
func unquote(source string) string {
	return strings.ReplaceAll(source, `"`, "")
}

// inits are the programs that take over where the command line names none. No
// shell is among them.
var inits = []string{"/sbin/init", "/usr/lib/systemd/systemd", "/lib/systemd/systemd", "/etc/init", "/bin/init"}

// candidates are the programs to try, in order.
func (r Root) candidates() []string {
	if r.Init != "" {
		return []string{r.Init}
	}
	return slices.Clone(inits)
}
