// SPDX-License-Identifier: Apache-2.0

package cli

import (
	"fmt"
	"slices"
	"sort"
	"strconv"
	"strings"
)

// widest is how wide help gets at most, columns: longer lines are hard to read.
const widest = 80

// page writes help for a screen.
type page struct {
	program string
	width   int // columns
	strings.Builder
}

// flow writes words after a beginning of the line, wrapped; the lines that follow are indented so far.
func (p *page) flow(start string, indent int, words ...string) {
	w := wrapper{indent: strings.Repeat(" ", indent), width: p.width - 1}
	w.line.WriteString(start)
	for _, word := range words {
		if start == "" && w.line.Len() == 0 {
			w.line.WriteString(word)
			continue
		}
		w.add(word)
	}
	p.WriteString(w.line.String() + "\n")
}

// paragraph writes a text with an empty line after it.
func (p *page) paragraph(text string) {
	p.flow("", 0, strings.Fields(text)...)
	p.WriteByte('\n')
}

// entry writes a term in a column and what is said of it beside it, or below where the term is too long or the
// screen too narrow.
func (p *page) entry(term string, column int, text string) {
	if p.width < column+30 {
		column = 6
	}
	start := fmt.Sprintf("  %-*s", column-3, term)
	if len(start) >= column {
		p.WriteString(strings.TrimRight(start, " ") + "\n")
		start = strings.Repeat(" ", column-1)
	}
	p.flow(start, column, strings.Fields(text)...)
}

// overview is the one screen that answers --help.
func (p *page) overview(verbs []Verb) {
	p.flow("", 0, strings.Fields("Orthrus makes, unlocks and looks after LUKS volumes: "+p.program+
		" VERB [OPTIONS] ...")...)
	p.WriteByte('\n')
	for _, v := range firstOf(verbs) {
		p.entry(string(v.Name), 16, v.Summary)
	}
	p.WriteString("\nAll verbs:\n")
	for _, g := range groups {
		var names []string
		for i := range verbs {
			if verbs[i].Group == g && verbs[i].Lacks == "" {
				names = append(names, string(verbs[i].Name))
			}
		}
		if len(names) > 0 {
			p.entry(string(g), 20, strings.Join(names, " "))
		}
	}
	p.WriteByte('\n')
	p.flow("", 0, strings.Fields(fmt.Sprintf("More: %s VERB --help, %s help verbs, %s help topics.",
		p.program, p.program, p.program))...)
}

// firstOf are the verbs that a newcomer is shown first.
func firstOf(verbs []Verb) []Verb {
	list := slices.DeleteFunc(slices.Clone(verbs), func(v Verb) bool { return v.First == 0 })
	sort.SliceStable(list, func(i, j int) bool { return list[i].First < list[j].First })
	return list
}

// verb is the help of one verb, by its declaration alone.
func (p *page) verb(v *Verb, verbs []Verb) {
	p.flow("Usage: "+p.program+" "+string(v.Name)+" [OPTIONS]", 8, strings.Fields(v.Args)...)
	p.WriteByte('\n')
	if v.Lacks != "" {
		p.flow("", 0, strings.Fields(v.Summary+": not supported, and refused before anything is changed.")...)
		return
	}
	p.paragraph(v.Does())
	if v.Sister != nil {
		p.sister(v.Sister())
	} else {
		p.options(v, verbs)
	}
	p.WriteString("\nExamples:\n")
	for _, e := range v.Examples[:min(2, len(v.Examples))] {
		p.flow("  #", 4, strings.Fields(strings.TrimSuffix(e.What, ":"))...)
		for line := range strings.Lines(e.Line + "\n") {
			p.WriteString("  " + line)
		}
	}
	p.exits(v)
	see := fmt.Sprintf("man %s-%s", p.program, v.Name)
	for _, other := range v.SeeAlso {
		see += fmt.Sprintf(", %s help %s", p.program, other)
	}
	p.flow("See also:", 4, strings.Fields(see+".")...)
}

// options lists those that the verb names, and in one line those that all take.
func (p *page) options(v *Verb, verbs []Verb) {
	p.WriteString("Options:\n")
	for _, o := range listed(verbs) {
		if v.Names(o) && !o.Unlisted && o.Lacks == "" {
			p.entry(o.term(), 30, o.Help)
		}
	}
	p.entry("-q, -v, --debug", 30, "ask for no confirmation and say less; say more; tell what is being done")
}

// sister lists actions and options of a verb that has its own.
func (p *page) sister(s Sister) {
	p.WriteString("Actions:\n")
	for _, a := range s.Actions {
		p.entry(a[0], 30, a[1])
	}
	p.WriteString("\nOptions:\n")
	for _, o := range s.Options {
		p.entry(o.term(), 30, o.Help)
	}
}

// term is the option as in "-d, --key-file STRING".
func (s *Option) term() string {
	term := "--" + s.Long
	if s.Short != 0 {
		term = "-" + string(rune(s.Short)) + ", " + term
	}
	return strings.TrimSpace(term + " " + s.Arg)
}

// exits says what the exit codes mean, the verb's own meanings first.
func (p *page) exits(v *Verb) {
	p.WriteString("\nExit codes:\n")
	for _, e := range v.Exits {
		p.entry(strconv.Itoa(e.Code), 8, e.Means)
	}
	var list []string
	for _, e := range ExitCodes() {
		if !slices.ContainsFunc(v.Exits, func(own Exit) bool { return own.Code == e.Code }) {
			list = append(list, fmt.Sprintf("%d %s", e.Code, e.brief))
		}
	}
	p.flow("  "+list[0]+",", 4, strings.Fields(strings.Join(list[1:], ", "))...)
	p.WriteByte('\n')
}
