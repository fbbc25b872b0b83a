// SPDX-License-Identifier: Apache-2.0

package crash

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"math"
	"runtime"
	"slices"
	"sync"
)

// Config says what to try.
type Config struct {
	Seed uint64
	// Images is how many images to try at least; those that are always tried may be more.
	Images int
	// Thin, above 1, tries only one in so many of the images that are always tried: a quick look.
	Thin int
	// Dear tries the very dear operations alone, and those as thoroughly as others are tried without it.
	Dear bool
	// Operation and Fault, where not empty, restrict the run to one of each.
	Operation, Fault string
	// Case, with both of them, restricts it to the image of that number, counted from 1.
	Case int
	// Shape, where not negative, restricts a survey to the volume of that number.
	Shape int
	// PerShape is how many images a survey tries of one operation on one volume, about; 0 for 1000.
	PerShape int
	// Observe, where not nil, is shown every image and its verdict, by several goroutines at once.
	Observe func(operation, fault string, number int, state State, v Verdict)
	// Workers is the number of goroutines; 0: one for each CPU.
	Workers int
}

// Run tries the operations. Its error says that something could not be tried; broken
// invariants are in the report.
func Run(ctx context.Context, operations []Operation, c Config) (*Report, error) {
	jobs := c.jobs(operations)
	if len(jobs) == 0 {
		return nil, fmt.Errorf("no operation %q with fault %q", c.Operation, c.Fault)
	}
	report := &Report{Config: c}
	var (
		wait  sync.WaitGroup
		mu    sync.Mutex
		errs  []error
		queue = make(chan job)
	)
	for range cmp.Or(c.Workers, runtime.GOMAXPROCS(0)) {
		wait.Go(func() {
			for j := range queue {
				row, err := j.run(ctx)
				mu.Lock()
				report.Rows, errs = append(report.Rows, row), append(errs, err)
				mu.Unlock()
			}
		})
	}
	for _, j := range jobs {
		queue <- j
	}
	close(queue)
	wait.Wait()
	report.sort(operations)
	return report, errors.Join(errs...)
}

// job is one operation under one kind of fault.
type job struct {
	op    Operation
	start func() (*course, error) // shared by the jobs of the operation
	fault Fault
	extra int // states beyond those that are always tried
	c     Config
}

// jobs lists what is to be done and shares out the images among the kinds that have no end.
func (c Config) jobs(operations []Operation) []job {
	var list []job
	shares := 0.0
	for _, op := range c.chosen(operations) {
		start := sync.OnceValues(func() (*course, error) { return newCourse(op) })
		for _, f := range Faults() {
			if !f.suits(op) {
				continue
			}
			if f.more != nil {
				shares += op.share()
			}
			list = append(list, job{op: op, start: start, fault: f, c: c})
		}
	}
	for i := range list {
		if list[i].fault.more != nil {
			list[i].extra = int(math.Ceil(float64(c.Images) * list[i].op.share() / shares))
		}
	}
	return slices.DeleteFunc(list, func(j job) bool {
		return c.Operation != "" && c.Operation != j.op.Name || c.Fault != "" && c.Fault != j.fault.Name
	})
}

// veryDear are operations of which a run without Config.Dear tries a few images only.
const veryDear = 10

// chosen are the operations to try.
func (c Config) chosen(operations []Operation) []Operation {
	if !c.Dear {
		return operations
	}
	var list []Operation
	for _, op := range operations {
		if op.Dear >= veryDear {
			op.Dear = 1
			list = append(list, op)
		}
	}
	return list
}

// run tries one job.
func (j job) run(ctx context.Context) (Row, error) {
	row := Row{Operation: j.op.Name, Fault: j.fault.Name, Class: classOf(j.op, j.fault)}
	start, err := j.start()
	if err != nil {
		return row, err
	}
	s := newSession(start, j.op, j.fault.Name, j.c.Seed, j.thin())
	try := newJudge(s)
	for state := range s.thinned(j.fault) {
		j.count(&row, try, state)
		if ctx.Err() != nil {
			return row, ctx.Err()
		}
	}
	if j.fault.more == nil || j.extra == 0 {
		return row, nil
	}
	last := row.Tried + j.extra
	for state := range j.fault.more(s) {
		j.count(&row, try, state)
		if row.Tried >= last || ctx.Err() != nil {
			break
		}
	}
	return row, ctx.Err()
}

// thin is one in how many of the states that are always tried is.
func (j job) thin() int { return max(j.c.Thin, 1) * max(j.op.Dear, 1) }

func (j job) count(row *Row, try *judge, state State) {
	row.Tried++
	if j.c.Case > 0 && j.c.Case != row.Tried {
		return
	}
	v, fresh := try.verdict(state)
	if v.Outcome == NoCopy && row.Class == Single {
		v.Outcome = Broken // one fault must not reach both
	}
	if fresh {
		row.Distinct++
	}
	row.Outcomes[v.Outcome]++
	if j.c.Observe != nil {
		j.c.Observe(j.op.Name, j.fault.Name, row.Tried, state, v)
	}
	if v.Outcome == Broken || j.c.Case > 0 {
		row.keep(Finding{Case: row.Tried, Verdict: v, Story: state.Story.String(), Acknowledged: state.Acknowledged})
	}
}
