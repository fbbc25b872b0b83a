// SPDX-License-Identifier: Apache-2.0

package manual

import (
	"fmt"
	"slices"
	"strings"

	"github.com/orthrus-luks/orthrus/cmd/internal/cli"
)

const program = "orthrus"

// page is what a manual page says beyond the tables of package cli.
type page struct {
	about    []string // paragraphs
	uses     []string // options that any action takes and that mean something here
	examples []example
}

// example is a command line and what it is for.
type example struct{ what, line string }

// Pages returns every manual page by its file name: the overview, one for each action that this
// program carries out, and that of the guard's configuration.
func Pages() map[string]string {
	files := map[string]string{program + ".8": overview(), program + "-guard.conf.5": guardConf()}
	for _, action := range cli.Actions() {
		if action.Lacks == "" {
			files[pageName(action.Name)+".8"] = actionPage(action)
		}
	}
	return files
}

func pageName(action cli.Action) string { return program + "-" + string(action) }

func actionPage(action cli.ActionDoc) string {
	var r roff
	p := pages[action.Name]
	r.title(pageName(action.Name))
	r.section("NAME")
	fmt.Fprintf(&r, "%s \\- %s\n", escape(pageName(action.Name)), escape(action.Help))
	r.section("SYNOPSIS")
	fmt.Fprintf(&r, "\\fB%s %s\\fR [\\fIoptions\\fR] %s\n", program, action.Name, escape(action.Args))
	r.section("DESCRIPTION")
	for _, text := range p.about {
		r.paragraph(text)
	}
	if others := names(action)[1:]; len(others) > 0 {
		r.paragraph("Other names of this action: " + strings.Join(others, ", ") + ".")
	}
	r.section("OPTIONS")
	for _, o := range cli.OptionDocs() {
		if offered(o) && (slices.Contains(o.Only, action.Name) || slices.Contains(p.uses, o.Long) || slices.Contains(general, o.Long)) {
			r.item(term(o), o.Help+".")
		}
	}
	report(&r, action.Name)
	if len(p.examples) > 0 {
		r.section("EXAMPLES")
		for _, e := range p.examples {
			r.paragraph(e.what)
			r.literal(e.line)
		}
	}
	r.section("EXIT STATUS")
	r.paragraph("As in " + program + "(8).")
	r.section("SEE ALSO")
	r.paragraph(program + "(8)")
	return r.String()
}

// general are the options that belong to every page.
var general = []string{"batch-mode", "verbose", "debug"}

// term is an option as in "-s, --key-size BITS".
func term(o cli.OptionDoc) string {
	text := "--" + o.Long
	if o.Short != 0 {
		text = fmt.Sprintf("-%c, %s", o.Short, text)
	}
	if o.Arg != "" {
		text += " " + o.Arg
	}
	return text
}

// offered leaves out what is parsed for old scripts only and what belongs to formats that are not
// read.
func offered(o cli.OptionDoc) bool {
	for _, word := range []string{"tcrypt", "veracrypt", "integrity"} {
		if strings.Contains(o.Long, word) {
			return false
		}
	}
	old := strings.HasPrefix(o.Help, "accepted") || strings.HasPrefix(o.Help, "old name of")
	return o.Lacks == "" && !old && !slices.Contains(reencryptionOnly, o.Long) && !slices.Equal(o.Only, []cli.Action{cli.Reencrypt})
}

// reencryptionOnly are options that any action accepts and only reencryption, which is not
// supported, would use.
var reencryptionOnly = []string{
	"active-name", "decrypt", "encrypt", "init-only", "reduce-device-size", "resilience", "resilience-hash", "resume-only",
}

func overview() string {
	var r roff
	r.title(program)
	r.section("NAME")
	fmt.Fprintf(&r, "%s \\- make, unlock and look after LUKS volumes\n", program)
	r.section("SYNOPSIS")
	fmt.Fprintf(&r, "\\fB%s\\fR [\\fIoptions\\fR] \\fIaction\\fR \\fIarguments\\fR\n", program)
	r.section("DESCRIPTION")
	for _, text := range overviewAbout {
		r.paragraph(text)
	}
	r.section("ACTIONS")
	r.paragraph("Each has a page of its own: " + program + "-open(8) and so on.")
	var lacking []string
	for _, a := range cli.Actions() {
		if a.Lacks != "" {
			lacking = append(lacking, string(a.Name)+" ("+a.Lacks+")")
			continue
		}
		r.item(strings.TrimSpace(string(a.Name)+" "+a.Args), a.Help+".")
	}
	r.paragraph("Known by name and refused: " + strings.Join(lacking, ", ") + ".")
	r.section("OPTIONS")
	r.paragraph("An option that an action does not take is refused. These are taken by all of them:")
	for _, o := range cli.OptionDocs() {
		if offered(o) && len(o.Only) == 0 {
			r.item(term(o), o.Help+".")
		}
	}
	for _, s := range overviewSections {
		r.section(s.name)
		for _, text := range s.text {
			r.paragraph(text)
		}
		for _, i := range s.items {
			r.item(i.what, i.line)
		}
	}
	return r.String()
}
