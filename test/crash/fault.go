// SPDX-License-Identifier: Apache-2.0

package crash

// Fault is a kind of fault, as a source of states.
type Fault struct {
	Name string
	// all yields every state of the kind that is tried in any case.
	all func(*session) states
	// more yields further ones for as long as it is asked; nil where there are none.
	more func(*session) states
	// dear tells that most of the work is in making the states: all then thins its own.
	dear bool
	// yields is how many states come of one that a dear kind picks, about; 0 as 1.
	yields int
	// double tells that the kind is two faults, or a drive that lies on reads.
	double bool
	// strikes tells that it changes what the operation does not write: where one copy only is good from
	// the start, that is a second fault.
	strikes bool
	// recovery tells that the kind needs Operation.Recover.
	recovery bool
	// again tells that the kind needs Operation.Again.
	again bool
	// sizes tells that the kind needs Operation.Sizes.
	sizes bool
}

// Faults lists the kinds of fault.
func Faults() []Fault {
	return []Fault{
		{Name: "power cut", all: func(s *session) states { return cuts(s.clean) }},
		{Name: "torn at 512", all: func(s *session) states { return torn(s.clean, 1) }, more: tornMore(1)},
		{Name: "torn at 4096", all: func(s *session) states { return torn(s.clean, 8) }, more: tornMore(8)},
		{Name: "torn and spoiled", all: spoiled, more: forever(spoiledClean), dear: true},
		{Name: "reordered", all: func(s *session) states { return subsets(s.clean) }, more: forever(shuffledClean)},
		{Name: "lost write", all: struckBy(lostWrites), dear: true, yields: 25},
		{Name: "misplaced write", all: misplacedWhole, dear: true, strikes: true},
		{Name: "write error", all: struckBy(writeErrors), dear: true, yields: 25},
		{Name: "flush error", all: struckBy(flushErrors), dear: true, yields: 25},
		{Name: "read error", all: struckBy(readErrors), dear: true, yields: 25},
		{Name: "unplugged", all: struckBy(unplugs), dear: true, yields: 25},
		{Name: "rot in a head", all: rotten(headRot), more: rottenMore(headRot), dear: true, strikes: true},
		{Name: "rot in a keyslot area", all: rotten(areaRot), dear: true, strikes: true},
		{Name: "crash in recovery", all: recoveryCuts, more: recoveryMore, recovery: true},
		{Name: "error in recovery", all: recoveryErrors, more: forever(recoveryError), recovery: true, dear: true, double: true},
		{Name: "killed, then again", all: killedThenAgain, more: killedThenAgainMore, again: true, dear: true, yields: 80},
		{Name: "flush error, then again", all: flushThenAgain, more: flushThenAgainMore, again: true, dear: true, yields: 80, double: true},
		{Name: "resized", all: resized, more: resizedMore, recovery: true, sizes: true, dear: true},
		{Name: "rot, then cut", all: none, more: rotThenCut, double: true},
		{Name: "cut, then rot", all: cutThenRotAll, more: forever(cutThenRot), dear: true, double: true},
		{Name: "misplaced, then cut", all: struckBy(misplacedWrites), dear: true, yields: 25, double: true},
		{Name: "lying drive", all: struckBy(lies), dear: true, yields: 25, double: true},
	}
}

// suits tells whether the kind can be tried on the operation.
func (f Fault) suits(op Operation) bool {
	return (!f.recovery || op.Recover != nil) && (!f.again || op.Again) && (!f.sizes || len(op.Sizes) > 0)
}

// thinned yields all states of a kind, or one in s.thin of them.
func (s *session) thinned(f Fault) states {
	if s.thin == 1 || f.dear {
		return f.all(s)
	}
	return func(yield func(State) bool) {
		for state := range f.all(s) {
			if s.picked() && !yield(state) {
				return
			}
		}
	}
}

func none(*session) states { return func(func(State) bool) {} }

// forever repeats a draw.
func forever(draw func(*session) State) func(*session) states {
	return func(s *session) states {
		return func(yield func(State) bool) {
			for yield(draw(s)) {
			}
		}
	}
}

func tornMore(unit int64) func(*session) states {
	return forever(func(s *session) State { return tornAnywhere(s.clean, unit, s.rng) })
}

func spoiledClean(s *session) State { return spoiledAnywhere(s.clean, s.rng) }

func shuffledClean(s *session) State { return shuffled(s.clean, s.rng) }

// crashed draws a state of a record that a crash by a single cause may leave.
func crashed(s *session, r record) State {
	switch s.rng.IntN(4) {
	case 0:
		return tornAnywhere(r, 1, s.rng)
	case 1:
		return tornPlainly(r, s)
	case 2:
		return shuffled(r, s.rng)
	}
	return cutAnywhere(r, s)
}

func cutAnywhere(r record, s *session) State {
	e := s.rng.IntN(len(r.epochs))
	pending := r.epochs[e].Pending
	n := s.rng.IntN(len(pending) + 1)
	return r.state(e, pending[:n:n], n == len(pending), story{what: "power cut before", run: n})
}

func tornPlainly(r record, s *session) State {
	p, ok := r.some(s.rng)
	if !ok || r.run(p).Len() < 2 {
		return cutAnywhere(r, s)
	}
	cut := 1 + s.rng.IntN(r.run(p).Len()-1)
	if s.rng.IntN(2) == 0 {
		return r.tornFront(p, cut)
	}
	return r.tornBack(p, cut)
}
