// SPDX-License-Identifier: Apache-2.0

package manual

import (
	"fmt"

	"github.com/orthrus-luks/orthrus/cmd/internal/popt"
)

// sisterPage is the page of the program under the name of a tool beside cryptsetup.
type sisterPage struct {
	program, summary, example string
	grammar                   *popt.Grammar
	about                     []string
	more                      []section
	exit                      []item
}

// section is what a page has besides the usual ones.
type section struct {
	title      string
	paragraphs []string
	items      []item
}

func (p sisterPage) text(edition Edition) string {
	r := roff{edition: edition}
	r.titleIn(p.program, 8, "System Administration")
	r.section("NAME")
	r.line(escape(p.program) + ` \- ` + escape(p.summary))
	r.section("SYNOPSIS")
	for _, a := range p.grammar.Actions {
		r.apart()
		r.line(fmt.Sprintf(`\fB%s %s\fR [options] %s`, escape(p.program), escape(a.Name), escape(a.Args)))
	}
	r.section("DESCRIPTION")
	for _, text := range p.about {
		r.paragraph(text)
	}
	r.section("OPTIONS")
	for i := range p.grammar.Options {
		o := &p.grammar.Options[i]
		r.item(o.Term(), o.Help+".")
	}
	for _, s := range p.more {
		r.section(s.title)
		for _, text := range s.paragraphs {
			r.paragraph(text)
		}
		for _, i := range s.items {
			r.item(i.term, i.text)
		}
	}
	r.section("EXIT STATUS")
	for _, i := range p.exit {
		r.item(i.term, i.text)
	}
	r.section("EXAMPLE")
	r.literal(p.example)
	r.section("SEE ALSO")
	r.paragraph(program + "(8)")
	return r.String()
}
