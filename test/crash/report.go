// SPDX-License-Identifier: Apache-2.0

package crash

import (
	"cmp"
	"fmt"
	"io"
	"slices"
	"text/tabwriter"
)

// Row is what came of one operation under one kind of fault.
type Row struct {
	Operation, Fault string
	Class            Class
	Tried, Distinct  int // images; distinct ones differ in contents, or in what may be expected of them
	Outcomes         [Broken + 1]int
	Findings         []Finding // the first few
}

// Class says what may be asked of a row.
type Class int

// The classes.
const (
	Single Class = iota // two heads, one fault: nothing may be lost but a keyslot whose area it strikes
	Double              // two heads, two faults: nothing may be lost while a valid copy remains
	Lone                // LUKS1: what strikes its one header or a keyslot's area may lose it
)

var titles = [...]string{
	"LUKS2, single faults", "LUKS2, double faults (and drives that lie on reads)",
	"LUKS1: one header without a checksum",
}

func classOf(op Operation, f Fault) Class {
	switch {
	case op.Lone:
		return Lone
	case f.double, f.strikes && op.Unequal:
		return Double
	}
	return Single
}

// Finding is a state worth telling about: a broken invariant, or the one case asked for.
type Finding struct {
	Case         int // its number within the row, from 1
	Verdict      Verdict
	Story        string
	Acknowledged bool
}

// findingsKept bounds the findings of a row; all are counted.
const findingsKept = 3

func (r *Row) keep(f Finding) {
	if len(r.Findings) < findingsKept {
		r.Findings = append(r.Findings, f)
	}
}

// Report is the result of a run.
type Report struct {
	Config Config
	Rows   []Row
}

// sort puts the rows into the order of operations and faults.
func (r *Report) sort(operations []Operation) {
	rank := map[string]int{}
	for i, op := range operations {
		rank["o"+op.Name] = i
	}
	for i, f := range Faults() {
		rank["f"+f.Name] = i
	}
	slices.SortFunc(r.Rows, func(a, b Row) int {
		return cmp.Or(rank["o"+a.Operation]-rank["o"+b.Operation], rank["f"+a.Fault]-rank["f"+b.Fault])
	})
}

// Tried returns the number of images, and how many of them were distinct.
func (r *Report) Tried() (all, distinct int) {
	for _, row := range r.Rows {
		all += row.Tried
		distinct += row.Distinct
	}
	return all, distinct
}

// Broken returns the number of images on which an invariant does not hold.
func (r *Report) Broken() int {
	n := 0
	for _, row := range r.Rows {
		n += row.Outcomes[Broken]
	}
	return n
}

// Command is the command that repeats a finding.
func (r *Report) Command(row Row, f Finding) string {
	dear := ""
	if r.Config.Dear {
		dear = "-dear "
	}
	return fmt.Sprintf("go run ./test/crash/cmd %s-seed %d -images %d -thin %d -operation %q -fault %q -case %d",
		dear, r.Config.Seed, r.Config.Images, r.Config.Thin, row.Operation, row.Fault, f.Case)
}

// WriteTable prints a table for each class, with a line for each row, and the findings below.
func (r *Report) WriteTable(w io.Writer) error {
	for class := Single; class <= Lone; class++ {
		if err := r.writeClass(w, class); err != nil {
			return err
		}
	}
	all, distinct := r.Tried()
	fmt.Fprintf(w, "%d images, %d distinct, %d lost\n", all, distinct, r.Broken())
	return r.writeFindings(w)
}

func (r *Report) writeClass(w io.Writer, class Class) error {
	rows := slices.DeleteFunc(slices.Clone(r.Rows), func(row Row) bool { return row.Class != class || row.Tried == 0 })
	if len(rows) == 0 {
		return nil
	}
	fmt.Fprintln(w, titles[class])
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', tabwriter.AlignRight)
	cell := func(format string, args ...any) { fmt.Fprintf(t, format+"\t", args...) }
	cell("operation\tfault\timages\tdistinct")
	for o := Old; o <= Broken; o++ {
		cell("%v", o)
	}
	fmt.Fprintln(t)
	total := Row{Operation: "total"}
	for _, row := range rows {
		row.write(cell)
		fmt.Fprintln(t)
		total.add(row)
	}
	total.write(cell)
	fmt.Fprintln(t)
	if err := t.Flush(); err != nil {
		return err
	}
	_, err := fmt.Fprintln(w)
	return err
}

func (r Row) write(cell func(format string, args ...any)) {
	cell("%s\t%s\t%d\t%d", r.Operation, r.Fault, r.Tried, r.Distinct)
	for _, n := range r.Outcomes {
		cell("%d", n)
	}
}

func (r *Row) add(o Row) {
	r.Tried, r.Distinct = r.Tried+o.Tried, r.Distinct+o.Distinct
	for i, n := range o.Outcomes {
		r.Outcomes[i] += n
	}
}

func (r *Report) writeFindings(w io.Writer) error {
	for _, row := range r.Rows {
		for _, f := range row.Findings {
			ack := "not acknowledged"
			if f.Acknowledged {
				ack = "acknowledged"
			}
			_, err := fmt.Fprintf(w, "\n%s, %s, case %d: %v: %s\n  %s (%s)\n  %s\n",
				row.Operation, row.Fault, f.Case, f.Verdict.Outcome, f.Verdict.Reason, f.Story, ack, r.Command(row, f))
			if err != nil {
				return err
			}
		}
	}
	return nil
}
