// SPDX-License-Identifier: Apache-2.0

package crash

import (
	"fmt"
	"slices"

	"github.com/orthrus-luks/orthrus/test/crash/disk"
)

// decay is rot at one place.
type decay struct {
	how   string
	where disk.Range
}

func (d decay) String() string {
	return fmt.Sprintf("%s in %d bytes at %d", d.how, d.where.Length, d.where.Offset)
}

// rotIn lets some bytes of the range go bad: a bit, a sector, a block, or the whole.
func (s *session) rotIn(m *disk.Image, r disk.Range) (*disk.Image, decay) {
	number := (r.Offset + s.rng.Int64N(r.Length)) / disk.SectorSize
	sector := disk.Range{Offset: number * disk.SectorSize, Length: disk.SectorSize}
	switch s.rng.IntN(6) {
	case 0, 1:
		bit := s.rng.Int64N(8 * disk.SectorSize)
		return m.WithBitFlipped(8*sector.Offset + bit), decay{fmt.Sprintf("bit %d flipped", bit), sector}
	case 2:
		return m.WithUnreadable(number), decay{"unreadable sector", sector}
	case 3:
		noise := make([]byte, disk.SectorSize)
		fill(noise, s.rng)
		return m.WithBytes(noise, sector.Offset), decay{"noise", sector}
	case 4:
		return m.WithBytes(make([]byte, disk.SectorSize), sector.Offset), decay{"zeros", sector}
	}
	r = s.op.narrowest(r)
	return m.WithBytes(make([]byte, r.Length), r.Offset), decay{"zeros", r}
}

// narrowest is the smallest copy that r reaches, or r: where heads change their size, one of the greater ones
// covers both of the others, and one fault is to reach one copy.
func (o Operation) narrowest(r disk.Range) disk.Range {
	if !slices.Contains(o.Copies, r) {
		return r
	}
	for _, c := range o.Copies {
		if c.Overlaps(r) && c.Length < r.Length {
			r = c
		}
	}
	return r
}

// target lists where rot strikes.
type target func(s *session) []disk.Range

// headRot strikes the heads; where none are named, the whole device.
func headRot(s *session) []disk.Range {
	if len(s.op.Copies) > 0 {
		return s.op.Copies
	}
	return []disk.Range{{Offset: 0, Length: s.base.Size()}}
}

// before is the session with the copies that there are before the operation.
func (s *session) before() *session {
	if len(s.op.Before) == 0 {
		return s
	}
	other := *s
	other.op.Copies = s.op.Before
	return &other
}

// areaRot strikes the areas of keyslots.
func areaRot(s *session) []disk.Range { return s.op.Areas }

// redundant: whatever strikes one copy, another one is there to be kept.
func (o Operation) redundant() bool { return len(o.Copies) > 1 && !o.Unequal && !o.Lone }

func (s *session) some(list []disk.Range) disk.Range { return list[s.rng.IntN(len(list))] }

// rotten yields the volume before and after the operation with rot in one place.
func rotten(where target) func(*session) states {
	return func(s *session) states {
		list := where(s)
		if len(list) == 0 {
			return none(s)
		}
		return func(yield func(State) bool) {
			start := State{Case: Case{Image: s.base}, Story: story{what: "nothing written"}}
			for range max(64/s.thin, 1) {
				if !yield(s.rot(start, s.some(where(s.before())))) || !yield(s.rot(s.clean.final(), s.some(list))) {
					return
				}
			}
		}
	}
}

func rottenMore(where target) func(*session) states {
	return forever(func(s *session) State { return s.rot(s.clean.final(), s.some(where(s))) })
}

// rot lets a range of a state go bad.
func (s *session) rot(state State, r disk.Range) State {
	m, d := s.rotIn(state.Image, r)
	state.Image = m
	state.Hit = append(state.Hit[:len(state.Hit):len(state.Hit)], d.where)
	if state.Story.earlier == nil {
		state.Story.earlier = d
	}
	return state
}

// cutThenRot draws a crash and lets one copy go bad afterwards.
func cutThenRot(s *session) State { return s.rot(crashed(s, s.clean), s.some(headRot(s))) }

// cutThenRotAll tries rot after every power cut, some of it in each copy.
func cutThenRotAll(s *session) states {
	return func(yield func(State) bool) {
		for state := range cuts(s.clean) {
			for range 8 * len(headRot(s)) {
				if s.picked() && !yield(s.rot(state, s.some(headRot(s)))) {
					return
				}
			}
		}
	}
}

// crashesPerRun is the number of crashes tried for one run of the operation, or of the recovery, whose
// course a fault has changed.
const crashesPerRun = 64

// rotThenCut yields crashes of the operation on a volume of which one copy had gone bad before. That
// excuses nothing: one good copy was there to be kept. Without copies it excuses as ever.
func rotThenCut(s *session) states {
	return func(yield func(State) bool) {
		for {
			m, d := s.rotIn(s.base, s.some(headRot(s.before())))
			recorder, err := s.run(m, noFault)
			r := newRecord(s.op, recorder.Trace(err))
			var hit, rotted []disk.Range
			if s.op.redundant() {
				rotted = []disk.Range{d.where}
			} else {
				hit = []disk.Range{d.where}
			}
			for range crashesPerRun {
				state := crashed(s, r).with(d, hit)
				state.Rotted = rotted
				if !yield(state) {
					return
				}
			}
		}
	}
}

var noFault disk.Fault
