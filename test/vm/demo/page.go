// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bytes"
	"fmt"
	"io"
	"os"
	"strings"
)

// page writes the transcript: titles, words, commands and, indented, what they
// print. On a terminal commands are bold and output is dim.
type page struct {
	w                io.Writer
	bold, dim, plain string
}

func newPage(f *os.File) *page {
	p := &page{w: f}
	info, err := f.Stat()
	if err == nil && info.Mode()&os.ModeCharDevice != 0 && os.Getenv("NO_COLOR") == "" && os.Getenv("TERM") != "dumb" {
		p.bold, p.dim, p.plain = "\x1b[1m", "\x1b[2m", "\x1b[0m"
	}
	return p
}

func (p *page) note(format string, args ...any) {
	fmt.Fprintf(p.w, "\n"+format+"\n", args...)
}

const width = 78

func (p *page) title(title, words string) {
	rule := strings.Repeat("-", max(3, width-len(title)-4))
	fmt.Fprintf(p.w, "\n%s-- %s %s%s\n", p.bold, title, rule, p.plain)
	if words != "" {
		fmt.Fprintf(p.w, "%s\n", wrap(words, width))
	}
	fmt.Fprintln(p.w)
}

func wrap(text string, width int) string {
	var lines []string
	line := ""
	for word := range strings.FieldsSeq(text) {
		if line != "" && len(line)+1+len(word) > width {
			lines, line = append(lines, line), ""
		}
		line = strings.TrimPrefix(line+" "+word, " ")
	}
	return strings.Join(append(lines, line), "\n")
}

func (p *page) command(run string) {
	fmt.Fprintf(p.w, "%s$ %s%s\n", p.bold, run, p.plain)
}

// host shows what happens to the machine from outside.
func (p *page) host(what string) {
	fmt.Fprintf(p.w, "%s(%s)%s\n", p.dim, what, p.plain)
}

// output is what one command prints.
type output struct {
	page *page
	all  bytes.Buffer
	line []byte
}

func (p *page) output() *output { return &output{page: p} }

func (o *output) Write(text []byte) (int, error) {
	o.all.Write(text)
	o.line = append(o.line, text...)
	for {
		i := bytes.IndexByte(o.line, '\n')
		if i < 0 {
			return len(text), nil
		}
		o.show(string(o.line[:i]))
		o.line = o.line[i+1:]
	}
}

func (o *output) show(line string) {
	const eraseLine = "\x1b[K"
	line = strings.ReplaceAll(strings.TrimRight(line, "\r"), eraseLine, "")
	fmt.Fprintf(o.page.w, "%s  %s%s\n", o.page.dim, line, o.page.plain)
}

func (o *output) end(code int) {
	if len(o.line) > 0 {
		o.show(string(o.line))
	}
	if code != 0 {
		o.show(fmt.Sprintf("(exit status %d)", code))
	}
}

func (o *output) contains(want string) bool { return strings.Contains(o.all.String(), want) }
