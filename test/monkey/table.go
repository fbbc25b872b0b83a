// SPDX-License-Identifier: Apache-2.0

package monkey

import (
	"fmt"
	"io"
	"sort"
	"strings"
	"sync"

	"github.com/orthrus-luks/orthrus/test/monkey/programs"
)

// Table counts what was done. Several runners may share one.
type Table struct {
	lock     sync.Mutex
	verbs    map[string]map[string]int // verb, how it ended
	shapes   map[string]map[string]int // shape, how the sequence ended
	pairs    map[string]map[string]int // verbs of a pair, how they ended
	refusals map[string]int            // what programs said, without numbers
}

// NewTable makes an empty one.
func NewTable() *Table {
	return &Table{verbs: map[string]map[string]int{}, shapes: map[string]map[string]int{}, pairs: map[string]map[string]int{}, refusals: map[string]int{}}
}

func (t *Table) count(in map[string]map[string]int, row, column string) {
	t.lock.Lock()
	defer t.lock.Unlock()
	if in[row] == nil {
		in[row] = map[string]int{}
	}
	in[row][column]++
}

func (t *Table) shape(g Geometry, how string) { t.count(t.shapes, g.Class(), how) }

func (t *Table) verb(name string, by *programs.Program, how string) {
	if by != nil && !by.Ours && how != "no meaning" {
		how = "cryptsetup " + how
	}
	t.count(t.verbs, name, how)
}

// ran counts a step by how it ended.
func (t *Table) ran(s Step, by *programs.Program, r programs.Result) {
	switch {
	case r.Killed():
		t.verb(s.Verb, by, "killed")
	case r.Code == 0:
		t.verb(s.Verb, by, "done")
	default:
		t.verb(s.Verb, by, "refused")
		t.refusal(s.Verb, by, r)
	}
}

func (t *Table) refusal(verb string, by *programs.Program, r programs.Result) {
	if !by.Ours {
		return
	}
	t.lock.Lock()
	defer t.lock.Unlock()
	t.refusals[fmt.Sprintf("%s: exit %d: %s", verb, r.Code, kind(firstLine(r.Stderr)))]++
}

// Steps counts those that had a meaning, killed ones too.
func (t *Table) Steps() int {
	n := 0
	for _, row := range t.verbs {
		for how, count := range row {
			if how != "no meaning" {
				n += count
			}
		}
	}
	return n
}

// Print writes the tables that have rows.
func (t *Table) Print(out io.Writer) {
	grid(out, "verb", t.verbs)
	grid(out, "shape", t.shapes)
	grid(out, "pair", t.pairs)
}

// PrintRefusals writes what our program refused, the most frequent first.
func (t *Table) PrintRefusals(out io.Writer) {
	list := sortedKeys(t.refusals)
	sort.SliceStable(list, func(i, j int) bool { return t.refusals[list[i]] > t.refusals[list[j]] })
	for _, text := range list {
		fmt.Fprintf(out, "%7d  %s\n", t.refusals[text], text)
	}
}

func grid(out io.Writer, head string, rows map[string]map[string]int) {
	if len(rows) == 0 {
		return
	}
	columns := map[string]bool{}
	for _, row := range rows {
		for c := range row {
			columns[c] = true
		}
	}
	names := sortedKeys(columns)
	fmt.Fprintf(out, "| %s | %s |\n|---|%s\n", head, strings.Join(names, " | "), strings.Repeat("---|", len(names)))
	for _, row := range sortedKeys(rows) {
		cells := []string{row}
		for _, c := range names {
			cells = append(cells, fmt.Sprint(rows[row][c]))
		}
		fmt.Fprintf(out, "| %s |\n", strings.Join(cells, " | "))
	}
	fmt.Fprintln(out)
}
