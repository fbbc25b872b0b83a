// SPDX-License-Identifier: Apache-2.0

package crash

import (
	"cmp"
	"fmt"
	"io"
	"maps"
	"slices"
	"text/tabwriter"
)

// Chart is the result of a survey: sums by operation, by kind of fault and by trait of the volume.
type Chart struct {
	Config     Config
	Tried      int // images
	Operations []Tally
	Faults     map[string]*Tally
	Traits     map[string]*Tally
	Findings   []Found // the first few of each operation

	byOperation map[string]*Tally
}

// Tally is what came of images that have something in common.
type Tally struct {
	Name             string
	Volumes, Refused int // volumes on which the operation was carried out, and those on which it was refused
	Tried, Distinct  int // images
	Outcomes         [Broken + 1]int
	findings         int
}

func (t *Tally) add(r Row) {
	t.Tried, t.Distinct = t.Tried+r.Tried, t.Distinct+r.Distinct
	for i, n := range r.Outcomes {
		t.Outcomes[i] += n
	}
}

// Found is a finding on a drawn volume.
type Found struct {
	Finding
	Operation, Fault, Geometry string
	Shape                      int
}

func newChart(c Config) *Chart {
	return &Chart{Config: c, Faults: map[string]*Tally{}, Traits: map[string]*Tally{}, byOperation: map[string]*Tally{}}
}

func tally(of map[string]*Tally, name string) *Tally {
	t, found := of[name]
	if !found {
		t = &Tally{Name: name}
		of[name] = t
	}
	return t
}

func (c *Chart) refused(k Kind, r *Refusal) {
	tally(c.byOperation, k.Name).Refused++
	for _, trait := range r.Traits {
		tally(c.Traits, trait).Refused++
	}
}

// lost counts what is lost without a fault.
func (c *Chart) lost(i item, err error) {
	o := tally(c.byOperation, i.kind.Name)
	o.Volumes++
	o.Tried++
	o.Outcomes[Broken]++
	if o.findings++; o.findings <= findingsKept {
		f := Finding{Case: 1, Verdict: Verdict{Broken, err.Error()}, Story: "no fault"}
		c.Findings = append(c.Findings, Found{f, i.kind.Name, "", "", i.number})
	}
}

func (c *Chart) add(op Operation, number int, rows []Row) {
	o := tally(c.byOperation, op.Name)
	o.Volumes++
	for _, trait := range op.Traits {
		tally(c.Traits, trait).Volumes++
	}
	for _, r := range rows {
		c.Tried += r.Tried
		o.add(r)
		tally(c.Faults, r.Fault).add(r)
		for _, trait := range op.Traits {
			tally(c.Traits, trait).add(r)
		}
		for _, f := range r.Findings {
			if o.findings++; o.findings <= findingsKept {
				c.Findings = append(c.Findings, Found{f, op.Name, r.Fault, op.Geometry, number})
			}
		}
	}
}

func (c *Chart) sort(kinds []Kind) {
	for _, k := range kinds {
		if t, found := c.byOperation[k.Name]; found {
			c.Operations = append(c.Operations, *t)
		}
	}
}

// Broken returns the number of images on which an invariant does not hold.
func (c *Chart) Broken() int {
	n := 0
	for _, t := range c.Operations {
		n += t.Outcomes[Broken]
	}
	return n
}

// Total sums up all operations.
func (c *Chart) Total() Tally {
	total := Tally{Name: "total"}
	for _, t := range c.Operations {
		total.Volumes, total.Refused = total.Volumes+t.Volumes, total.Refused+t.Refused
		total.add(Row{Tried: t.Tried, Distinct: t.Distinct, Outcomes: t.Outcomes})
	}
	return total
}

// Write prints three tables and the findings.
func (c *Chart) Write(w io.Writer) error {
	var faults []Tally
	for _, f := range Faults() {
		if t, found := c.Faults[f.Name]; found {
			faults = append(faults, *t)
		}
	}
	var traits []Tally
	for _, name := range slices.SortedFunc(maps.Keys(c.Traits), byLength) {
		traits = append(traits, *c.Traits[name])
	}
	for _, table := range []struct {
		of   string
		list []Tally
	}{{"operation", append(slices.Clone(c.Operations), c.Total())}, {"fault", faults}, {"volumes with", traits}} {
		if err := writeTallies(w, table.of, table.list); err != nil {
			return err
		}
	}
	total := c.Total()
	_, err := fmt.Fprintf(w, "%d images of %d drawn volumes, %d distinct, %d lost\n", total.Tried, total.Volumes, total.Distinct, c.Broken())
	for _, f := range c.Findings {
		fmt.Fprintf(w, "\n%s, %s, shape %d, case %d: %v: %s\n  %s\n  %s (acknowledged: %v)\n  %s\n",
			f.Operation, f.Fault, f.Shape, f.Case, f.Verdict.Outcome, f.Verdict.Reason, f.Geometry, f.Story,
			f.Acknowledged, c.Command(f))
	}
	return err
}

// byLength sorts "heads of 64 KiB" before "heads of 128 KiB".
func byLength(a, b string) int {
	const heads = "heads of "
	if len(a) > len(heads) && len(b) > len(heads) && a[:len(heads)] == b[:len(heads)] {
		return cmp.Or(len(a)-len(b), cmp.Compare(a, b))
	}
	return cmp.Compare(a, b)
}

// Command is the command that repeats a finding.
func (c *Chart) Command(f Found) string {
	far := ""
	if c.Config.Dear {
		far = "-dear "
	}
	return fmt.Sprintf("go run ./test/crash/cmd %s-seed %d -drawn -shape %d -operation %q -fault %q -case %d",
		far, c.Config.Seed, f.Shape, f.Operation, f.Fault, f.Case)
}

func writeTallies(w io.Writer, of string, list []Tally) error {
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', tabwriter.AlignRight)
	fmt.Fprintf(t, "%s\tvolumes\trefused\timages\tdistinct\t", of)
	for o := Old; o <= Broken; o++ {
		fmt.Fprintf(t, "%v\t", o)
	}
	fmt.Fprintln(t)
	for _, row := range list {
		fmt.Fprintf(t, "%s\t%d\t%d\t%d\t%d\t", row.Name, row.Volumes, row.Refused, row.Tried, row.Distinct)
		for _, n := range row.Outcomes {
			fmt.Fprintf(t, "%d\t", n)
		}
		fmt.Fprintln(t)
	}
	fmt.Fprintln(t)
	return t.Flush()
}
