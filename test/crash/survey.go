// SPDX-License-Identifier: Apache-2.0

package crash

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"math"
	"runtime"
	"strconv"
	"sync"
)

// perShape is how many images of one operation are tried on one drawn volume, about.
const perShape = 1000

// Survey tries every kind of operation on drawn volumes until there were Config.Images images. Volumes are
// numbered from 0; Config.Shape, where it is not negative, restricts the run to one of each kind.
func Survey(ctx context.Context, kinds []Kind, c Config) (*Chart, error) {
	s := &survey{c: c, chart: newChart(c), queue: make(chan item)}
	var wait sync.WaitGroup
	for range cmp.Or(c.Workers, runtime.GOMAXPROCS(0)) {
		wait.Go(func() {
			for i := range s.queue {
				s.try(ctx, i)
			}
		})
	}
	s.feed(ctx, kinds)
	close(s.queue)
	wait.Wait()
	s.chart.sort(kinds)
	if s.chart.Tried == 0 && len(s.errs) == 0 && ctx.Err() == nil {
		s.errs = append(s.errs, fmt.Errorf("no operation %q with fault %q", c.Operation, c.Fault))
	}
	return s.chart, errors.Join(append(s.errs, ctx.Err())...)
}

// item is a kind of operation on the volume of a number.
type item struct {
	kind   Kind
	number int
}

// survey is a run of Survey.
type survey struct {
	c     Config
	queue chan item
	mu    sync.Mutex
	chart *Chart
	errs  []error
}

// feed queues every kind on one volume after the other.
func (s *survey) feed(ctx context.Context, kinds []Kind) {
	for number := 0; ctx.Err() == nil; number++ {
		if s.c.Shape >= 0 {
			number = s.c.Shape
		}
		fed := false
		for _, k := range kinds {
			if k.Far == s.c.Dear && (s.c.Operation == "" || s.c.Operation == k.Name) {
				s.queue <- item{k, number}
				fed = true
			}
		}
		if !fed || s.c.Shape >= 0 || s.enough() {
			return
		}
	}
}

func (s *survey) enough() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.chart.Tried >= s.c.Images || len(s.errs) > 0
}

// attempts is how many volumes are drawn at most until there is one that an operation is not refused on.
const attempts = 12

// try draws a volume and tries the faults. A volume on which the operation is refused counts, and another
// one is drawn.
func (s *survey) try(ctx context.Context, i item) {
	rng := newRand(s.c.Seed, i.kind.Name, strconv.Itoa(i.number))
	for range attempts {
		op, err := i.kind.Draw(rng)
		var refusal *Refusal
		switch {
		case errors.As(err, &refusal):
			s.keep(func() error { s.chart.refused(i.kind, refusal); return nil })
			continue
		case errors.Is(err, ErrUnfit):
			continue
		case errors.Is(err, ErrLost):
			s.keep(func() error { s.chart.lost(i, err); return nil })
			return
		case err != nil:
			s.keep(func() error { return fmt.Errorf("%s, shape %d: %w", i.kind.Name, i.number, err) })
			return
		}
		op.Name = i.kind.Name
		rows, err := tryShape(ctx, op, s.c, i.number)
		s.keep(func() error { s.chart.add(op, i.number, rows); return err })
		return
	}
}

func (s *survey) keep(do func() error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if err := do(); err != nil && !errors.Is(err, context.Canceled) {
		s.errs = append(s.errs, err)
	}
}

// tryShape tries each kind of fault on the operation, each in as many images.
func tryShape(ctx context.Context, op Operation, c Config, number int) ([]Row, error) {
	start, err := newCourse(op)
	if err != nil {
		return nil, err
	}
	var faults []Fault
	for _, f := range Faults() {
		if f.suits(op) {
			faults = append(faults, f)
		}
	}
	quota := perShape / len(faults)
	if c.PerShape > 0 {
		quota = max(c.PerShape/len(faults), 1)
	}
	known := newJudge(&session{course: start, op: op})
	var rows []Row
	for _, f := range faults {
		if c.Fault != "" && c.Fault != f.Name || ctx.Err() != nil {
			continue
		}
		j := job{op: op, fault: f, c: c}
		rows = append(rows, j.sample(start, known, quota, strconv.Itoa(number)))
	}
	return rows, ctx.Err()
}

// sample tries about quota images: of those that are always tried one in so many, then further ones.
func (j job) sample(start *course, known *judge, quota int, number string) Row {
	row := Row{Operation: j.op.Name, Fault: j.fault.Name, Class: classOf(j.op, j.fault)}
	counting := newSession(start, j.op, j.fault.Name+number, j.c.Seed, math.MaxInt32)
	counting.turn = 0
	for range counting.thinned(j.fault) {
		break
	}
	s := newSession(start, j.op, j.fault.Name+number, j.c.Seed, counting.turn*max(j.fault.yields, 1)/quota+1)
	try := known.with(s)
	for state := range s.thinned(j.fault) {
		if j.count(&row, try, state); row.Tried >= 2*quota {
			break
		}
	}
	if j.fault.more == nil || row.Tried >= quota {
		return row
	}
	for state := range j.fault.more(s) {
		if j.count(&row, try, state); row.Tried >= quota {
			break
		}
	}
	return row
}
