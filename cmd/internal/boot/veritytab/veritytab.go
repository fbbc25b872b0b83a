// SPDX-License-Identifier: Apache-2.0

// Package veritytab reads veritytab(5): the images that dm-verity is to map, one a line, with the fields of fstab(5).
//
//	name  data-device  hash-device  root-hash  [options]
//
// A root hash of "-" is the one that a signature partition beside the data says. Options stand between commas.
package veritytab

import (
	"fmt"
	"slices"
	"strings"

	"github.com/orthrus-luks/orthrus/cmd/internal/boot/fstab"
)

// Entry is one line.
type Entry struct {
	_ [0]func() // no comparison is made of it

	Line       int
	Name       string
	Data, Hash string // devices, as in a crypttab
	Root       string // hash, hexadecimal in lower case; "" for that of a signature partition
	Options    string // with commas, as they are

	NoAuto, NoFail bool
	Initrd         bool // x-initrd.attach: the initial file system needs it
}

// Problem is a line that cannot be used.
type Problem struct {
	Line int
	Why  string
}

func (p Problem) String() string { return fmt.Sprintf("veritytab line %d: %s", p.Line, p.Why) }

// Parse reads a table. A name that stands twice is that of the first line.
func Parse(table []byte) (entries []Entry, problems []Problem) {
	number := 0
	for line := range strings.Lines(fstab.WithoutMark(string(table))) {
		number++
		fields := fstab.Fields(line)
		if len(fields) == 0 {
			continue
		}
		e, why := parseLine(fields)
		if why == "" && slices.ContainsFunc(entries, func(o Entry) bool { return o.Name == e.Name }) {
			why = "there is another line of the name " + e.Name
		}
		if why != "" {
			problems = append(problems, Problem{number, why})
			continue
		}
		e.Line = number
		entries = append(entries, e)
	}
	return entries, problems
}

func parseLine(fields []string) (e Entry, why string) {
	if len(fields) < 4 {
		return e, "a line has a name, a data device, a hash device and a root hash"
	}
	if len(fields) > 5 {
		return e, "a line has at most five fields"
	}
	e = Entry{Name: fields[0], Data: fields[1], Hash: fields[2], Root: strings.ToLower(fields[3])}
	if strings.ContainsAny(e.Name, "/\x00") || e.Name == "." || e.Name == ".." {
		return e, fmt.Sprintf("%q cannot be the name of a mapping", e.Name)
	}
	if e.Root == "-" {
		e.Root = ""
	} else if !hexadecimal(e.Root) {
		return e, "the root hash is neither hexadecimal nor -"
	}
	if len(fields) == 5 {
		e.Options = fields[4]
	}
	for word := range strings.SplitSeq(e.Options, ",") {
		switch word {
		case "noauto":
			e.NoAuto = true
		case "nofail":
			e.NoFail = true
		case "x-initrd.attach":
			e.Initrd = true
		}
	}
	return e, ""
}

func hexadecimal(text string) bool {
	return text != "" && len(text)%2 == 0 && strings.Trim(text, "0123456789abcdef") == ""
}

// String writes the line.
func (e Entry) String() string {
	root := e.Root
	if root == "" {
		root = "-"
	}
	fields := []string{e.Name, e.Data, e.Hash, root}
	if e.Options != "" {
		fields = append(fields, e.Options)
	}
	for i := range fields {
		fields[i] = fstab.Escape(fields[i])
	}
	return strings.Join(fields, " ")
}

// Value is that of an option NAME=VALUE; false where there is none.
func (e Entry) Value(name string) (string, bool) { return Value(e.Options, name) }

// Value is that of NAME=VALUE in a list with commas; false where there is none.
func Value(options, name string) (string, bool) {
	for word := range strings.SplitSeq(options, ",") {
		if value, found := strings.CutPrefix(word, name+"="); found {
			return value, true
		}
	}
	return "", false
}
