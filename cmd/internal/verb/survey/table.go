// SPDX-License-Identifier: Apache-2.0

package survey

import (
	"fmt"
	"os"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/orthrus-luks/orthrus/cmd/internal/printable"
	"github.com/orthrus-luks/orthrus/cmd/internal/ui"
	"github.com/orthrus-luks/orthrus/cmd/internal/verb"
	"github.com/orthrus-luks/orthrus/luks/far"
)

// column is one of the table.
type column struct {
	title string
	cell  func(row) string
}

var columns = []column{
	{"DEVICE", func(r row) string { return r.Device }},
	{"FORMAT", func(r row) string { return r.Format }},
	{"SIZE", func(r row) string { return ui.Bytes(r.Size) }},
	{"STATE", func(r row) string { return r.State }},
	{"MAPPED AS", mapped},
	{"KEYSLOTS", func(r row) string { return numbers(r.Keyslots) }},
	{"TOKENS", tokens},
	{"FAR HEADER", func(r row) string { return r.Far }},
}

// stateColumn is the one that is coloured.
const stateColumn = 3

// printTable shows the rows as a table, or one below the other where the terminal is too narrow for it.
func printTable(c *verb.Command, l listed) error {
	var b strings.Builder
	switch widths, total := measure(l.Devices); {
	case len(l.Devices) == 0 && !c.UI.Batch:
		b.WriteString(nothingFound(l))
	case len(l.Devices) == 0:
	case c.UI.Narrower(total):
		writeRecords(&b, c, l.Devices)
	default:
		writeTable(&b, c, l.Devices, widths)
	}
	for _, r := range l.Devices {
		if r.Why != "" {
			fmt.Fprintf(&b, "%s: %s.\n", printable.Line(r.Device), printable.Line(r.Why))
		}
	}
	c.UI.Printf("%s", printable.Block(strings.TrimSuffix(b.String(), "\n")))
	if l.Unseen > 0 && os.Geteuid() != 0 && !c.UI.Batch {
		c.UI.Errorf("Devices that could not be read: %d. To see all: sudo %s list", l.Unseen, c.Program)
	}
	return nil
}

// nothingFound does not claim to know what could not be read.
func nothingFound(l listed) string {
	if l.Unseen > 0 {
		return "No encrypted device was found among those that could be read.\n"
	}
	return "No encrypted device was found.\n"
}

// measure is how wide each column is, and the table.
func measure(rows []row) (widths []int, total int) {
	for _, col := range columns {
		width := len(col.title)
		for _, r := range rows {
			width = max(width, utf8.RuneCountInString(shown(col, r)))
		}
		widths, total = append(widths, width), total+width+2
	}
	return widths, total - 2
}

// shown is the cell as it is printed, "-" where there is nothing to be said.
func shown(col column, r row) string {
	if text := printable.Line(col.cell(r)); text != "" {
		return text
	}
	return "-"
}

func writeTable(b *strings.Builder, c *verb.Command, rows []row, widths []int) {
	line := ""
	for i, col := range columns {
		line += fmt.Sprintf("%-*s  ", widths[i], col.title)
	}
	b.WriteString(strings.TrimRight(line, " ") + "\n")
	for _, r := range rows {
		line = ""
		for i, col := range columns {
			text := shown(col, r)
			pad := strings.Repeat(" ", widths[i]-utf8.RuneCountInString(text)+2)
			if i == stateColumn {
				text = string(c.UI.Paint(ui.ColourOf(r.State), text))
			}
			line += text + pad
		}
		b.WriteString(strings.TrimRight(line, " ") + "\n")
	}
}

func writeRecords(b *strings.Builder, c *verb.Command, rows []row) {
	for _, r := range rows {
		for i, col := range columns {
			text := shown(col, r)
			switch {
			case i == 0:
				b.WriteString(text + "\n")
				continue
			case text == "-":
				continue
			case i == stateColumn:
				text = string(c.UI.Paint(ui.ColourOf(r.State), text))
			}
			fmt.Fprintf(b, "  %-11s %s\n", strings.ToLower(col.title), text)
		}
	}
}

func mapped(r row) string {
	var names []string
	for _, m := range r.Mappings {
		name := m.Name
		if m.Suspended {
			name += " (suspended)"
		}
		names = append(names, name)
	}
	return strings.Join(names, ",")
}

// tokens leaves out the far header's, which has a column of its own, and what all types begin with.
func tokens(r row) string {
	var names []string
	for _, t := range r.Tokens {
		if t != far.TokenType {
			names = append(names, strings.TrimPrefix(t, "luks2-"))
		}
	}
	return strings.Join(names, ",")
}

func numbers(list []int) string {
	var words []string
	for _, n := range list {
		words = append(words, strconv.Itoa(n))
	}
	return strings.Join(words, ",")
}
