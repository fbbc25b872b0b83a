// SPDX-License-Identifier: Apache-2.0

package crash

import (
	"math/rand/v2"

	"github.com/orthrus-luks/orthrus/test/crash/disk"
)

// torn yields every state in which one write, all before it in its epoch persisted, is cut in two and
// only its front or only its back persisted. Cuts lie between units of that many sectors.
func torn(r record, unit int64) states {
	return func(yield func(State) bool) {
		for _, p := range r.writes {
			for cut := 1; cut < r.run(p).Len(); cut++ {
				if (r.run(p).First+int64(cut))%unit != 0 {
					continue
				}
				if !yield(r.tornFront(p, cut)) || !yield(r.tornBack(p, cut)) {
					return
				}
			}
		}
	}
}

func (r record) tornFront(p place, cut int) State {
	return r.tear(p, r.run(p).Part(0, cut), story{what: "torn, front kept, sectors", detail: cut})
}

func (r record) tornBack(p place, cut int) State {
	return r.tear(p, r.run(p).Part(cut, r.run(p).Len()), story{what: "torn, back kept from sector", detail: cut})
}

// tear makes the state with a part of one write and all writes before it in its epoch.
func (r record) tear(p place, part disk.Run, s story) State {
	before := r.epochs[p.epoch].Pending[:p.run:p.run]
	s.run = p.run
	return r.state(p.epoch, append(before, part), false, s)
}

// tornAnywhere draws a state in which some sectors of one write persisted, by units of that many.
func tornAnywhere(r record, unit int64, rng *rand.Rand) State {
	p, ok := r.some(rng)
	if !ok {
		return r.final()
	}
	run := r.run(p)
	chance := rng.Uint64()
	part := run.Only(func(i int) bool {
		group := uint64((run.First+int64(i))/unit) + 1
		return (group*0x9E3779B97F4A7C15^chance)*0xBF58476D1CE4E5B9>>63 == 1
	})
	return r.tear(p, part, story{what: "torn by chance, unit", detail: int(unit)})
}

// spoil is what becomes of the sector at which a write was torn.
type spoil int

const (
	mixed      spoil = iota // its first half is new, the rest is old
	mixedBack               // its second half is new
	noise                   // random bytes
	unreadable              // EIO when read
	spoils
)

func (s spoil) String() string {
	return [...]string{"half new", "half old", "noise", "unreadable"}[s]
}

// spoiled yields every state in which a write is torn and the sector at the tear is spoiled.
func spoiled(s *session) states {
	r := s.clean
	return func(yield func(State) bool) {
		for _, p := range r.writes {
			for cut := range r.run(p).Len() {
				for how := range spoils {
					if s.picked() && !yield(r.spoil(p, cut, 1, how, s.rng)) {
						return
					}
				}
			}
		}
	}
}

// spoiledAnywhere draws such a state, with up to 8 spoiled sectors in a row.
func spoiledAnywhere(r record, rng *rand.Rand) State {
	p, ok := r.some(rng)
	if !ok {
		return r.final()
	}
	return r.spoil(p, rng.IntN(r.run(p).Len()), 1+rng.IntN(8), spoil(rng.IntN(int(spoils))), rng)
}

// spoil makes the state with the front of a write up to a cut, and count spoiled sectors there.
func (r record) spoil(p place, cut, count int, how spoil, rng *rand.Rand) State {
	run := r.run(p)
	count = min(count, run.Len()-cut)
	s := r.tear(p, run.Part(0, cut), story{what: "torn, then " + how.String() + " at sector", detail: cut})
	area := run.Part(cut, cut+count)
	s.Image = spoilRun(s.Image, area, how, rng)
	s.Hit = append(s.Hit[:len(s.Hit):len(s.Hit)], area.Range())
	return s
}

func spoilRun(m *disk.Image, area disk.Run, how spoil, rng *rand.Rand) *disk.Image {
	if how == unreadable {
		numbers := make([]int64, area.Len())
		for i := range numbers {
			numbers[i] = area.First + int64(i)
		}
		return m.WithUnreadable(numbers...)
	}
	return m.With(area.Replaced(m, func(now, next []byte) {
		half := disk.SectorSize / 2
		switch how {
		case mixed:
			copy(now[:half], next)
		case mixedBack:
			copy(now[half:], next[half:])
		default:
			fill(now, rng)
		}
	}))
}

func fill(p []byte, rng *rand.Rand) {
	for i := range p {
		p[i] = byte(rng.Uint32())
	}
}
