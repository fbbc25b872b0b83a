// SPDX-License-Identifier: Apache-2.0

package manual

import (
	"fmt"
	"strings"
	"time"
)

// An Edition is what pages say of themselves.
type Edition struct {
	Version string
	Date    time.Time
}

// lineWidth is how long a line of roff is at most.
const lineWidth = 78

// roff builds a page for man(7).
type roff struct {
	strings.Builder
	edition Edition
	opened  bool // a section has just begun: its first paragraph needs no request
}

// escape protects what roff would interpret: backslashes, hyphens that are minus signs, and dots
// and quotes at the start of a line.
func escape(text string) string {
	lines := strings.Split(strings.NewReplacer(`\`, `\e`, "-", `\-`).Replace(text), "\n")
	for i, line := range lines {
		lines[i] = guarded(line)
	}
	return strings.Join(lines, "\n")
}

// guarded is a line that is no request.
func guarded(line string) string {
	if strings.HasPrefix(line, ".") || strings.HasPrefix(line, "'") {
		return `\&` + line
	}
	return line
}

// fill breaks text, escaped already, into lines.
func fill(text string) string {
	var lines []string
	line := ""
	for word := range strings.FieldsSeq(text) {
		switch {
		case line == "":
			line = word
		case len(line)+1+len(word) > lineWidth:
			lines, line = append(lines, guarded(line)), word
		default:
			line += " " + word
		}
	}
	return strings.Join(append(lines, guarded(line)), "\n")
}

func (r *roff) title(name string) { r.titleIn(name, 8, "System Administration") }

func (r *roff) titleIn(name string, section int, title string) {
	fmt.Fprintf(r, ".TH %s %d %s \"%s\" \"%s\"\n", strings.ToUpper(escape(name)), section,
		r.edition.Date.UTC().Format(time.DateOnly), strings.TrimSpace("Orthrus "+r.edition.Version), title)
}

func (r *roff) section(name string) {
	fmt.Fprintf(r, ".SH %s\n", escape(name))
	r.opened = true
}

// apart begins a paragraph, which the first one of a section does by itself.
func (r *roff) apart() {
	if !r.opened {
		r.WriteString(".PP\n")
	}
	r.opened = false
}

// line writes text that is roff already.
func (r *roff) line(text string) {
	r.WriteString(fill(text) + "\n")
	r.opened = false
}

func (r *roff) paragraph(text string) {
	r.apart()
	r.line(escape(text))
}

// item is a term in bold and what is said of it.
func (r *roff) item(term, text string) {
	fmt.Fprintf(r, ".TP\n\\fB%s\\fR\n", escape(term))
	r.line(escape(text))
}

// literal shows lines as they are.
func (r *roff) literal(text string) {
	r.apart()
	fmt.Fprintf(r, ".nf\n.RS 4\n%s\n.RE\n.fi\n", escape(text))
}
