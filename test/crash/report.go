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
	Tried, Distinct  int // images; distinct ones differ in contents, or in what may be expected of them
	Outcomes         [Broken + 1]int
	Findings         []Finding // the first few
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
	return fmt.Sprintf("go run ./test/crash/cmd -seed %d -images %d -thin %d -operation %q -fault %q -case %d",
		r.Config.Seed, r.Config.Images, r.Config.Thin, row.Operation, row.Fault, f.Case)
}

// WriteTable prints a line for each row, and the findings below.
func (r *Report) WriteTable(w io.Writer) error {
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintln(t, "operation\tfault\timages\tdistinct\told\tnew\tbetween\texcused\tbroken\t")
	for _, row := range r.Rows {
		fmt.Fprintf(t, "%s\t%s\t%d\t%d\t", row.Operation, row.Fault, row.Tried, row.Distinct)
		for _, n := range row.Outcomes {
			fmt.Fprintf(t, "%d\t", n)
		}
		fmt.Fprintln(t)
	}
	all, distinct := r.Tried()
	fmt.Fprintf(t, "total\t\t%d\t%d\t\t\t\t\t%d\t\n", all, distinct, r.Broken())
	if err := t.Flush(); err != nil {
		return err
	}
	return r.writeFindings(w)
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
