// SPDX-License-Identifier: Apache-2.0

package crypttab

import (
	"fmt"
	"strings"

	"github.com/orthrus-luks/orthrus/cmd/internal/boot/fstab"
)

// MaxSize bounds what is read of a crypttab, in bytes.
const MaxSize = 1 << 20

// Entry is one volume of the file.
type Entry struct {
	Line    int    // from 1
	Name    string // of the mapping
	Device  string // as written: a path or UUID=…, LABEL=…, PARTUUID=…, PARTLABEL=…
	Key     string // as written, "none" included; empty where the line ends before it
	Written string // the options as written
	Options Options
}

// Problem is something that was passed over.
type Problem struct {
	Line   int    // from 1; 0 where there is no line
	Option string // the option at fault; empty for the line as a whole
	Kind   ProblemKind
	Why    string // more about the kind, may be empty
}

// ProblemKind says why something was passed over.
type ProblemKind int

// The kinds of problem.
const (
	Unknown     ProblemKind = iota // an option that is none of the dialects'
	Malformed                      // a value that cannot be
	Unsupported                    // known, and not done by this program
	Obsolete                       // known, and of no effect in its own dialect either
)

func (k ProblemKind) String() string {
	return [...]string{"unknown", "malformed", "not supported", "without effect"}[k]
}

func (p Problem) String() string {
	what := "line"
	if p.Option != "" {
		what = "option " + p.Option
	}
	text := fmt.Sprintf("%s: %s", what, p.Kind)
	if p.Why != "" {
		text += " (" + p.Why + ")"
	}
	return text
}

// Parse reads a crypttab. Of two lines with one name the first counts.
func Parse(text []byte) (entries []Entry, problems []Problem) {
	if len(text) > MaxSize {
		problems = append(problems, Problem{Kind: Malformed, Why: fmt.Sprintf("longer than %d bytes", MaxSize)})
		text = text[:MaxSize]
	}
	seen := map[string]bool{}
	number := 0
	for line := range strings.Lines(fstab.WithoutMark(string(text))) {
		number++
		entry, why, found := parseLine(line)
		switch {
		case !found:
			continue
		case why == "" && seen[entry.Name]:
			why = "a second line for " + entry.Name
		}
		if why != "" {
			problems = append(problems, Problem{Line: number, Kind: Malformed, Why: why})
			continue
		}
		entry.Line = number
		seen[entry.Name] = true
		entries = append(entries, entry)
	}
	return entries, problems
}

func parseLine(line string) (e Entry, why string, found bool) {
	fields := fstab.Fields(line)
	if len(fields) == 0 {
		return e, "", false
	}
	if len(fields) < 2 {
		return e, "no device", true
	}
	e.Name, e.Device, e.Options = fields[0], fields[1], Defaults()
	if strings.ContainsAny(e.Name, "/\x00") || e.Name == "." || e.Name == ".." {
		return e, "a name that cannot be", true
	}
	if strings.Contains(e.Device, "\x00") {
		return e, "a device that cannot be", true
	}
	if len(fields) > 2 {
		e.Key = fields[2]
	}
	if len(fields) > 3 {
		e.Written = fields[3]
		e.Options = ParseOptions(e.Written)
	}
	return e, "", true
}

// String writes the entry as a line of the file, without its end.
func (e Entry) String() string {
	fields := []string{fstab.Escape(e.Name), fstab.Escape(e.Device), fstab.Escape(e.Key)}
	if e.Key == "" {
		fields[2] = "none"
	}
	if e.Written != "" {
		fields = append(fields, fstab.Escape(e.Written))
	}
	return strings.Join(fields, " ")
}
