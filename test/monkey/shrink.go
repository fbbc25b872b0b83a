// SPDX-License-Identifier: Apache-2.0

package monkey

// Shrink takes steps out of a failing sequence, and oddities out of its shape, as long as it fails in the same way.
// The failure of the smallest one is returned.
func (r *Runner) Shrink(f *Failure) (*Failure, error) {
	quiet := *r
	quiet.Table = NewTable()
	f.Sequence.Steps = f.Sequence.Steps[:min(f.Step+1, len(f.Sequence.Steps))]
	again := func(q Sequence) (*Failure, error) {
		g, err := quiet.Play(q)
		if err != nil || g == nil || g.Kind != f.Kind || g.Verb != f.Verb {
			return nil, err
		}
		return g, nil
	}
	for size := max(len(f.Sequence.Steps)/2, 1); size > 0; size /= 2 {
		for at := 0; at < len(f.Sequence.Steps); {
			q := f.Sequence
			q.Steps = append(append([]Step{}, q.Steps[:at]...), q.Steps[min(at+size, len(q.Steps)):]...)
			g, err := again(q)
			if err != nil {
				return f, err
			}
			if g != nil {
				f = g
			} else {
				at += size
			}
		}
	}
	for changed := true; changed; {
		changed = false
		for _, shape := range f.Sequence.Shape.simpler() {
			q := f.Sequence
			q.Shape = shape
			g, err := again(q)
			if err != nil {
				return f, err
			}
			if g != nil {
				f, changed = g, true
				break
			}
		}
	}
	return f, nil
}
