// SPDX-License-Identifier: Apache-2.0

package integrity

import (
	"context"
	"sort"
	"sync"

	"github.com/orthrus-luks/orthrus/dm/parallel"
)

// unitBytes is how much one worker reads at once.
const unitBytes = 1 << 20

const unitSectors = unitBytes / SectorSize

// mostRuns bounds a report.
const mostRuns = 100000

// Run is a number of sectors behind each other that have the same fault.
type Run struct {
	First, Sectors uint64 // logical, 512-byte units
	Unreadable     bool   // else the tag is wrong
}

// Report counts the sectors of a volume by what could be said of them.
type Report struct {
	Good       uint64
	Discarded  uint64 // with the tag of a discarded block, where that goes
	Unchecked  uint64 // that are to be recalculated: dirty in the bitmap, or behind what has been recalculated
	Mismatch   uint64
	Unreadable uint64
	Bad        []Run // in order; all but More of them
	More       uint64
}

// Sound tells whether every tag is right.
func (r *Report) Sound() bool { return r.Mismatch == 0 && r.Unreadable == 0 && r.Unchecked == 0 }

func (r *Report) count(v verdict, n uint64) {
	switch v {
	case good:
		r.Good += n
	case discarded:
		r.Discarded += n
	case unchecked:
		r.Unchecked += n
	case mismatch:
		r.Mismatch += n
	case unreadable:
		r.Unreadable += n
	}
}

// add counts a block and makes it part of a run.
func (r *Report) add(sector uint64, v verdict, sectors uint64) {
	r.count(v, sectors)
	if v != mismatch && v != unreadable {
		return
	}
	run := Run{sector, sectors, v == unreadable}
	if last := len(r.Bad) - 1; last >= 0 && r.Bad[last].joins(run) {
		r.Bad[last].Sectors += sectors
		return
	}
	r.Bad = append(r.Bad, run)
}

func (r *Run) joins(next Run) bool {
	return r.First+r.Sectors == next.First && r.Unreadable == next.Unreadable
}

// merge adds what another part of the volume gave.
func (r *Report) merge(part *Report) {
	r.Good += part.Good
	r.Discarded += part.Discarded
	r.Unchecked += part.Unchecked
	r.Mismatch += part.Mismatch
	r.Unreadable += part.Unreadable
	room := max(0, mostRuns-len(r.Bad))
	if len(part.Bad) > room {
		r.More += uint64(len(part.Bad) - room)
		part.Bad = part.Bad[:room]
	}
	r.Bad = append(r.Bad, part.Bad...)
}

// order sorts the runs and joins those that meet at the border of two parts.
func (r *Report) order() {
	sort.Slice(r.Bad, func(i, j int) bool { return r.Bad[i].First < r.Bad[j].First })
	joined := r.Bad[:0]
	for _, run := range r.Bad {
		if last := len(joined) - 1; last >= 0 && joined[last].joins(run) {
			joined[last].Sectors += run.Sectors
			continue
		}
		joined = append(joined, run)
	}
	r.Bad = joined
}

// Verify reads the whole volume and compares every tag, on all processors.
func (v *Volume) Verify(ctx context.Context) (*Report, error) {
	var mu sync.Mutex
	whole := &Report{}
	progress := &parallel.Meter{Tell: v.Progress}
	units := (v.ProvidedSectors + unitSectors - 1) / unitSectors
	err := parallel.Do(ctx, v.Workers, units, func() func(uint64) error {
		r := v.reader()
		buffer := make([]byte, unitBytes)
		return func(unit uint64) error {
			part := &Report{}
			n, err := r.verify(unit, buffer, part)
			if err != nil {
				return err
			}
			mu.Lock()
			whole.merge(part)
			mu.Unlock()
			progress.Add(n)
			return nil
		}
	})
	if err != nil {
		return nil, err
	}
	whole.order()
	return whole, nil
}

// verify judges the blocks of one unit and returns its length in bytes.
func (r *reader) verify(unit uint64, buffer []byte, part *Report) (n int, err error) {
	sectors := uint64(1) << r.Log2Block
	end := min(r.ProvidedSectors, (unit+1)*unitSectors)
	for at := unit * unitSectors; at < end; {
		piece := min(r.untilArea(at), end-at)
		err := r.read(at, buffer[:piece*SectorSize], func(sector uint64, v verdict) { part.add(sector, v, sectors) })
		if err != nil {
			return n, err
		}
		at += piece
		n += int(piece) * SectorSize
	}
	return n, nil
}
