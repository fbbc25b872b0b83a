// SPDX-License-Identifier: Apache-2.0

package crash

import "github.com/orthrus-luks/orthrus/test/crash/disk"

// sized is a change of the device's size.
type sized struct {
	size    int64 // bytes
	cleared bool  // what was cut off comes back as zeros, and not as it was
}

// since tells that the size changed after all else.
func (z sized) apply(state State) State {
	before := state.Image.Size()
	detail := int(z.size)
	what := "the device then has bytes"
	if z.cleared {
		what = "the device then has bytes, what was cut off is forgotten"
	}
	state.Image = state.Image.Sized(z.size)
	if z.cleared {
		state.Image = state.Image.Cleared()
	}
	if z.size < before {
		state.Hit = append(state.Hit[:len(state.Hit):len(state.Hit)],
			disk.Range{Offset: z.size, Length: before - z.size})
	}
	state.Acknowledged = state.Acknowledged && z.size >= before
	earlier := state.Story
	state.Story = story{what: what, detail: detail, earlier: earlier}
	return state
}

// sizes are the changes to try.
func (s *session) sizes() []sized {
	var list []sized
	for _, size := range s.op.Sizes {
		list = append(list, sized{size, false}, sized{size, true})
	}
	return list
}

// resized yields every power cut of the operation after which the device comes back with another size,
// and what the operation leaves where the size changes before one of its calls.
func resized(s *session) states {
	return func(yield func(State) bool) {
		for state := range cuts(s.clean) {
			for _, z := range s.sizes() {
				if s.picked() && !yield(z.apply(state)) {
					return
				}
			}
		}
		for _, size := range s.op.Sizes {
			for _, call := range []disk.Call{disk.Read, disk.Write, disk.Sync} {
				for _, f := range s.each(call, disk.Resize) {
					f.Size = size
					if s.picked() && !s.struckBySize(f, yield) {
						return
					}
				}
			}
		}
	}
}

// crashesAfterResize is the number of crashes tried for each change of size in the middle.
const crashesAfterResize = 3

// struckBySize yields what the operation leaves, and some crashes on the way there.
func (s *session) struckBySize(f disk.Fault, yield func(State) bool) bool {
	d, err := s.run(s.base, f)
	r := newRecord(s.op, d.Trace(err))
	lost := disk.Range{Offset: f.Size, Length: s.base.Size() - f.Size}
	told := func(state State) bool {
		state.Story.earlier = f
		if lost.Length > 0 {
			state.Hit = append(state.Hit[:len(state.Hit):len(state.Hit)], lost)
			state.Acknowledged = false
		}
		return yield(state)
	}
	for range crashesAfterResize {
		if !told(crashed(s, r)) {
			return false
		}
	}
	return told(r.final())
}

// resizedMore draws crashes, up to three deep, of the operation and of what recovers from it, between
// which the device changes its size, there and back.
func resizedMore(s *session) states {
	return func(yield func(State) bool) {
		for {
			state := crashed(s, s.clean)
			for range depth {
				list := s.sizes()
				state = list[s.rng.IntN(len(list))].apply(state)
				if !yield(state) {
					return
				}
				r := s.recovered(state)
				next := crashed(s, r)
				// A change of size may turn what recovery comes to: it is not held against the state before.
				next.Acknowledged = false
				state = next.with(state.Story, state.Hit)
				if !yield(state) {
					return
				}
			}
		}
	}
}
