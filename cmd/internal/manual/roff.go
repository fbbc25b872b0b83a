// SPDX-License-Identifier: Apache-2.0

package manual

import (
	"fmt"
	"strings"
)

// roff builds a page for man(7).
type roff struct{ strings.Builder }

// escape protects what roff would interpret: backslashes, hyphens that are minus signs, and dots
// and quotes at the start of a line.
func escape(text string) string {
	text = strings.NewReplacer(`\`, `\e`, "-", `\-`).Replace(text)
	lines := strings.Split(text, "\n")
	for i, line := range lines {
		if strings.HasPrefix(line, ".") || strings.HasPrefix(line, "'") {
			lines[i] = `\&` + line
		}
	}
	return strings.Join(lines, "\n")
}

func (r *roff) title(name string) { r.titleIn(name, 8, "System Administration") }

func (r *roff) titleIn(name string, section int, title string) {
	fmt.Fprintf(r, ".TH %s %d \"\" \"Orthrus\" \"%s\"\n", strings.ToUpper(escape(name)), section, title)
}

func (r *roff) section(name string) { fmt.Fprintf(r, ".SH %s\n", escape(name)) }

func (r *roff) paragraph(text string) { fmt.Fprintf(r, ".PP\n%s\n", escape(text)) }

// item is a term in bold and what is said of it.
func (r *roff) item(term, text string) {
	fmt.Fprintf(r, ".TP\n\\fB%s\\fR\n%s\n", escape(term), escape(text))
}

// literal shows lines as they are.
func (r *roff) literal(text string) {
	fmt.Fprintf(r, ".PP\n.nf\n.RS 4\n%s\n.RE\n.fi\n", escape(text))
}
