// SPDX-License-Identifier: Apache-2.0

package operation

import (
	"context"
	"errors"
	"fmt"
	"math"
	"math/rand/v2"

	"github.com/orthrus-luks/orthrus/luks"
	"github.com/orthrus-luks/orthrus/luks/far"
	"github.com/orthrus-luks/orthrus/test/crash"
	"github.com/orthrus-luks/orthrus/test/crash/disk"
	"github.com/orthrus-luks/orthrus/test/crash/shape"
)

// scene is a drawn volume on which something is going to happen.
type scene struct {
	shape.Shape
	rng  *rand.Rand
	base *disk.Image
}

// one of the keyslots that are there.
func (s *scene) one() int { return s.Held()[s.rng.IntN(len(s.Held()))] }

// take changes the volume before the operation.
func (s *scene) take(steps ...step) error {
	m, err := s.On(s.base, both(steps...))
	if err == nil {
		s.base = m
	}
	return err
}

// deed is an operation on a scene, and what it does to passphrases.
type deed struct {
	run          step
	gains, loses []string
	touched      []int // keyslots whose areas it may write
}

// drawn is an operation on volumes of any shape.
type drawn struct {
	name    string
	fit     func(s *shape.Shape, rng *rand.Rand) // what the operation needs of a shape; may be nil
	deed    func(s *scene) (deed, error)         // changes the scene's volume first where it needs to
	moves   bool                                 // it may write all in front of the data
	mids    bool                                 // metadata on the way are neither the old nor the new ones
	repairs bool                                 // what changes is the state of the heads
	sync    bool                                 // what changes is the far header
	again   bool                                 // as of crash.Operation
	far     bool                                 // as of crash.Kind
}

func (d drawn) kind() crash.Kind { return crash.Kind{Name: d.name, Draw: d.draw, Far: d.far} }

// scene draws a volume that suits.
func (d drawn) scene(rng *rand.Rand) (*scene, error) {
	s := shape.Draw(rng)
	s.Far = s.Far && d.far // such images take many times as long
	if d.fit != nil {
		d.fit(&s, rng)
	}
	s = s.Settled()
	base, err := s.Make()
	if err != nil {
		return nil, fmt.Errorf("%w: %v: %w", crash.ErrUnfit, s, err)
	}
	return &scene{Shape: s, rng: rng, base: base}, nil
}

func (d drawn) draw(rng *rand.Rand) (crash.Operation, error) {
	s, err := d.scene(rng)
	if err != nil {
		return crash.Operation{}, err
	}
	what, err := d.deed(s)
	if err != nil {
		return crash.Operation{}, &crash.Refusal{Traits: s.Traits(), Err: err}
	}
	run := func(dev crash.Device) error { return s.through(dev, what.run) }
	recorder := disk.NewRecorder(s.base, disk.Fault{})
	if err := run(recorder); err != nil {
		return crash.Operation{}, refused(s, recorder, err)
	}
	trace := recorder.Trace(nil)
	j, err := newDrawnJudge(s.base, trace.After(), append(s.Secrets(), fresh))
	if err == nil {
		err = j.expected(what.gains, what.loses)
	}
	if err != nil {
		return crash.Operation{}, fmt.Errorf("%v: %w", s.Shape, err)
	}
	if d.mids {
		j.admit(trace)
	}
	j.repairs, j.sync, j.unequal = d.repairs, d.sync, s.Damage != shape.Sound
	return d.operation(s, what, j, run), nil
}

// wrapping is how many writes make the sequence number begin anew, which is a change of its own before any other:
// two of each head.
const wrapping = 4

// refused: who refuses writes nothing, but for heads whose sequence number must begin anew, and a far header that
// follows them.
func refused(s *scene, d *disk.Recorder, err error) error {
	n := d.Calls(disk.Write)
	if n > 0 && !(s.atLastNumber() && (n == wrapping || s.Far)) {
		return fmt.Errorf("%v: refused after %d writes: %w", s.Shape, n, err)
	}
	return &crash.Refusal{Traits: s.Traits(), Err: err}
}

// atLastNumber: the heads bear the last sequence number there is.
func (s *scene) atLastNumber() bool {
	v, err := load(s.base)
	return err == nil && v.Version == 2 && v.Choice.Copy.Header.SeqID == math.MaxUint64
}

// through takes a step. A far header that was left behind is no success.
func (s *scene) through(dev crash.Device, what step) error {
	return s.Through(dev, func(v *luks.Volume, key *luks.Key) error {
		return errors.Join(what(v, key), v.FarLag)
	})
}

func (d drawn) operation(s *scene, what deed, j *drawnJudge, run func(crash.Device) error) crash.Operation {
	op := crash.Operation{
		Name: d.name, Geometry: s.String(), Traits: s.Traits(),
		Setup: func() (*disk.Image, error) { return s.base, nil },
		Run:   run, Check: j.check,
		Owned: d.owned(s, what, j), Copies: j.heads(), Before: j.old.heads, Areas: j.areas(nil),
		Unequal: j.unequal, Lone: j.lone, Again: d.again,
	}
	switch {
	case j.lone || d.repairs:
	case s.Far || d.far:
		op.Recover = j.settle
	default:
		op.Recover, op.Seen = recoverTransaction, j.loads.seen
	}
	return op
}

// settle is what recovers a volume with a far header. Where that is what changes, nothing is synced.
func (j *drawnJudge) settle(dev crash.Device) error {
	return settle(context.Background(), dev, !j.sync)
}

// owned is what may be written.
func (d drawn) owned(s *scene, what deed, j *drawnJudge) []disk.Range {
	var list []disk.Range
	list = append(list, j.far(nil)...)
	end := int64(s.DataOffset)
	if end == 0 || s.Detached != shape.Attached {
		end = s.Device
	}
	if d.moves {
		return append(list, disk.Range{Length: end})
	}
	for _, m := range []*disk.Image{s.base} {
		if v, err := load(m); err == nil {
			list = append(list, owned(v, what.touched...)...)
			if v.Version == 2 {
				if p, err := far.PlaceAt(uint64(m.Size()), far.Length(v.Choice.Copy)); err == nil && (s.Far || d.far) {
					list = append(list, ranges(p)...)
				}
			}
		}
	}
	return list
}
