// SPDX-License-Identifier: Apache-2.0

package crash

import (
	"math/rand/v2"

	"github.com/orthrus-luks/orthrus/test/crash/disk"
)

// exhaustive is the number of writes, or of sectors, up to which all subsets of an epoch are tried.
const exhaustive = 6

// cuts yields every prefix of the writes: the power fails after each of them.
func cuts(r record) states {
	return func(yield func(State) bool) {
		for e, epoch := range r.epochs {
			for n := range len(epoch.Pending) + 1 {
				s := story{what: "power cut before", run: n}
				if !yield(r.state(e, epoch.Pending[:n:n], n == len(epoch.Pending), s)) {
					return
				}
			}
		}
	}
}

// subsets yields, for every epoch of at most six writes, each subset of them; and each subset of the
// sectors where they are at most six.
func subsets(r record) states {
	return func(yield func(State) bool) {
		for e, epoch := range r.epochs {
			if !r.subsetsOf(e, epoch.Pending, "writes kept, mask", yield) {
				return
			}
			if single := splitSectors(epoch.Pending); len(single) != len(epoch.Pending) {
				if !r.subsetsOf(e, single, "sectors kept, mask", yield) {
					return
				}
			}
		}
	}
}

func (r record) subsetsOf(epoch int, runs []disk.Run, what string, yield func(State) bool) bool {
	if len(runs) > exhaustive {
		return true
	}
	for mask := range 1 << len(runs) {
		var kept []disk.Run
		for i, run := range runs {
			if mask>>i&1 == 1 {
				kept = append(kept, run)
			}
		}
		if !yield(r.state(epoch, kept, true, story{what: what, run: len(runs), detail: mask})) {
			return false
		}
	}
	return true
}

// splitSectors returns the runs cut into single sectors, nil where there are more than six.
func splitSectors(runs []disk.Run) []disk.Run {
	var single []disk.Run
	for _, run := range runs {
		for i, s := range run.Sectors {
			if len(single) > exhaustive {
				return nil
			}
			if s != nil {
				single = append(single, run.Part(i, i+1))
			}
		}
	}
	return single
}

// shuffled draws a state in which each sector of an epoch persisted or did not, each by itself.
func shuffled(r record, rng *rand.Rand) State {
	p, ok := r.some(rng)
	if !ok {
		return r.final()
	}
	pending := r.epochs[p.epoch].Pending
	share := [...]float64{0.02, 0.5, 0.98}[rng.IntN(3)]
	kept := make([]disk.Run, len(pending))
	for i, run := range pending {
		kept[i] = run.Only(func(int) bool { return rng.Float64() < share })
	}
	return r.state(p.epoch, kept, true, story{
		what: "sectors persisted by chance, percent", run: len(pending),
		detail: int(share * 100),
	})
}
