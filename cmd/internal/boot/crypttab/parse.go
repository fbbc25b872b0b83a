// SPDX-License-Identifier: Apache-2.0

package crypttab

import (
	"fmt"
	"strings"
)

// MaxSize bounds what is read of a crypttab, in bytes.
const MaxSize = 1 << 20

// Entry is one volume of the file.
type Entry struct {
	Line    int    // from 1
	Name    string // of the mapping
	Device  string // as written: a path or UUID=…, LABEL=…, PARTUUID=…, PARTLABEL=…
	Key     string // as written; empty for none
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
	for line := range strings.Lines(string(text)) {
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
	fields := strings.Fields(line)
	if len(fields) == 0 || strings.HasPrefix(fields[0], "#") {
		return e, "", false
	}
	if len(fields) < 2 {
		return e, "no device", true
	}
	e.Name, e.Device, e.Options = unescape(fields[0]), unescape(fields[1]), Defaults()
	if strings.ContainsAny(e.Name, "/\x00") || e.Name == "." || e.Name == ".." {
		return e, "a name that cannot be", true
	}
	if strings.Contains(e.Device, "\x00") {
		return e, "a device that cannot be", true
	}
	if len(fields) > 2 {
		e.Key = noKey(unescape(fields[2]))
	}
	if len(fields) > 3 {
		e.Options = ParseOptions(unescape(fields[3]))
	}
	return e, "", true
}

func noKey(text string) string {
	if text == "-" || text == "none" {
		return ""
	}
	return text
}

// unescape undoes \040 and its like; any other backslash stays.
func unescape(field string) string {
	if !strings.Contains(field, `\`) {
		return field
	}
	var b strings.Builder
	for i := 0; i < len(field); i++ {
		if n, ok := octal(field[i:]); ok {
			b.WriteByte(n)
			i += 3
			continue
		}
		b.WriteByte(field[i])
	}
	return b.String()
}

func octal(s string) (byte, bool) {
	if len(s) < 4 || s[0] != '\\' {
		return 0, false
	}
	n := 0
	for _, digit := range []byte(s[1:4]) {
		if digit < '0' || digit > '7' {
			return 0, false
		}
		n = n*8 + int(digit-'0')
	}
	return byte(n), n < 256
}
