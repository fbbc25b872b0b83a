// SPDX-License-Identifier: Apache-2.0

package manual

import (
	"cmp"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/orthrus-luks/orthrus/cmd/internal/cli"
)

const program = "orthrus"

// Pages returns every manual page by its file name: the overview, one for each action that this
// program carries out, that of the guard's configuration, and those of the program under the names of other tools.
func Pages(verbs []cli.Verb, edition Edition) map[string]string {
	m := newManual(verbs)
	m.edition = edition
	files := map[string]string{
		program + ".8": m.overview(), program + "-guard.conf.5": guardConf(edition),
		"cryptsetup.8": m.cryptsetup(), "veritysetup.8": veritysetup(edition),
		"integritysetup.8": integritysetup(edition),
	}
	for i := range m.carriedOut {
		v := &m.carriedOut[i]
		files[pageName(v.Name)+".8"] = m.page(v)
	}
	return files
}

// manual is what pages and completions are made of.
type manual struct {
	verbs      []cli.Verb
	carriedOut []cli.Verb      // those that this program does
	options    []cli.OptionDoc // every option
	edition    Edition
}

func newManual(verbs []cli.Verb) manual {
	m := manual{verbs: verbs, options: cli.Documented(verbs)}
	for _, v := range verbs {
		if v.Lacks == "" {
			m.carriedOut = append(m.carriedOut, v)
		}
	}
	return m
}

func pageName(action cli.Action) string { return program + "-" + string(action) }

func (m manual) page(v *cli.Verb) string {
	r := roff{edition: m.edition}
	r.title(pageName(v.Name))
	r.section("NAME")
	r.line(escape(pageName(v.Name)) + ` \- ` + escape(v.Summary))
	r.section("SYNOPSIS")
	r.line(fmt.Sprintf(`\fB%s %s\fR [\fIoptions\fR] %s`, program, v.Name, escape(v.Args)))
	r.section("DESCRIPTION")
	for _, text := range v.About {
		r.paragraph(text)
	}
	if others := v.Spellings()[1:]; len(others) > 0 {
		r.paragraph("Other names of this action: " + strings.Join(others, ", ") + ".")
	}
	r.section("OPTIONS")
	for _, o := range m.options {
		if offered(o) && (v.Names(o.Option) || slices.Contains(general, o.Long)) {
			r.item(term(o), o.Help+".")
		}
	}
	report(&r, v.Report)
	examples(&r, v.Examples)
	exits(&r, v.Exits)
	r.section("SEE ALSO")
	also := program + "(8)"
	for _, other := range v.SeeAlso {
		also += ", " + program + "-" + other + "(8)"
	}
	r.paragraph(also)
	return r.String()
}

func exits(r *roff, own []cli.Exit) {
	r.section("EXIT STATUS")
	if len(own) == 0 {
		r.paragraph("As in " + program + "(8).")
		return
	}
	r.paragraph("As in " + program + "(8), and:")
	for _, e := range own {
		r.item(strconv.Itoa(e.Code), e.Means)
	}
}

func examples(r *roff, list []cli.Example) {
	if len(list) == 0 {
		return
	}
	r.section("EXAMPLES")
	for _, e := range list {
		r.paragraph(e.What)
		r.literal(e.Line)
	}
}

// report writes the schema of what --json prints, if there is one.
func report(r *roff, described cli.Report) {
	if len(described.Fields) == 0 {
		return
	}
	r.section("JSON REPORT")
	r.paragraph(cmp.Or(described.Intro, "One object with these fields:"))
	for _, f := range described.Fields {
		r.item(f.Path, f.Type+": "+f.About+".")
	}
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
func offered(o cli.OptionDoc) bool { return o.Lacks == "" && !o.Unlisted }

func (m manual) overview() string {
	r := roff{edition: m.edition}
	r.title(program)
	r.section("NAME")
	r.line(program + ` \- make, unlock and look after LUKS volumes`)
	r.section("SYNOPSIS")
	r.line(`\fB` + program + `\fR [\fIoptions\fR] \fIaction\fR \fIarguments\fR`)
	r.section("DESCRIPTION")
	for _, text := range overviewAbout {
		r.paragraph(text)
	}
	r.section("ACTIONS")
	r.paragraph("Each has a page of its own: " + program + "-open(8) and so on.")
	var lacking []string
	for _, v := range m.verbs {
		if v.Lacks != "" {
			lacking = append(lacking, string(v.Name)+" ("+v.Lacks+")")
			continue
		}
		r.item(strings.TrimSpace(string(v.Name)+" "+v.Args), v.Summary+".")
	}
	r.paragraph("Known by name and refused: " + strings.Join(lacking, ", ") + ".")
	r.section("OPTIONS")
	r.paragraph("An option that an action does not take is refused. These are taken by all of them:")
	for _, o := range m.options {
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
			r.item(i.term, i.text)
		}
	}
	m.exitTable(&r)
	examples(&r, overviewExamples)
	r.section("SEE ALSO")
	r.paragraph("orthrus-guard.conf(5), veritysetup(8), integritysetup(8), crypttab(5)")
	return r.String()
}

// exitTable has every exit code: those that all actions share, and what they mean else in some.
func (m manual) exitTable(r *roff) {
	r.section("EXIT STATUS")
	for _, e := range cli.ExitCodes() {
		r.item(strconv.Itoa(e.Code), e.Means)
	}
	for _, v := range m.carriedOut {
		for _, e := range v.Exits {
			r.item(string(v.Name)+": "+strconv.Itoa(e.Code), e.Means)
		}
	}
}
