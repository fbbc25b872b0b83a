// SPDX-License-Identifier: Apache-2.0

package operation

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"math/rand/v2"
	"slices"

	"github.com/orthrus-luks/orthrus/luks"
	"github.com/orthrus-luks/orthrus/test/crash"
	"github.com/orthrus-luks/orthrus/test/crash/disk"
	"github.com/orthrus-luks/orthrus/test/crash/shape"
)

// A program is one of two that use a device at once. It loads the volume, unlocks it and changes something.
type program struct {
	name string
	run  func(dev luks.Device) error
}

// shared is the device as one of two programs sees it: at every boundary of its locks the other one may
// go on. A section under the lock is never divided: that is what the lock is for.
type shared struct {
	crash.Device
	pass func() // lets the other program go on
	held bool
}

// errNested: a program would wait for itself for ever.
var errNested = errors.New("the lock is taken by who holds it already")

// LockMetadata lets the other program go on before the lock is taken and after it is given back.
func (d *shared) LockMetadata(context.Context, bool) (func() error, error) {
	if d.held {
		return nil, errNested
	}
	d.pass()
	d.held = true
	return func() error {
		d.held = false
		d.pass()
		return nil
	}, nil
}

// turns says which of two programs goes on at each boundary: bit n of it is the program of the nth turn.
type turns uint64

// interleave runs two programs on a device by those turns, and returns what each of them returned. Who has
// returned leaves all turns to the other one. free are the turns at which there was a choice.
func interleave(dev crash.Device, programs [2]program, order turns) (errs [2]error, free turns) {
	var next [2]func() (struct{}, bool)
	for i, p := range programs {
		step, stop := iter.Pull(func(yield func(struct{}) bool) {
			d := &shared{Device: dev, pass: func() { yield(struct{}{}) }}
			errs[i] = p.run(d)
		})
		defer stop()
		next[i] = step
	}
	running := [2]bool{true, true}
	for n := 0; running[0] || running[1]; n++ {
		turn := int(order >> (n % mostTurns) & 1)
		if running[0] && running[1] {
			free |= 1 << (n % mostTurns)
		} else if !running[turn] {
			turn = 1 - turn
		}
		_, running[turn] = next[turn]()
	}
	return errs, free
}

// outcome is what a pair of programs may come to: the volume as it is, and who succeeded.
type outcome struct {
	succeeded [2]bool
	view      string
}

// serially lists the outcomes of one program after the other, of one alone, and of none.
func (p *pair) serially() error {
	add := func(m *disk.Image, errs [2]error) error {
		w, err := p.viewOf(m)
		p.allowed = append(p.allowed, outcome{[2]bool{errs[0] == nil, errs[1] == nil}, w})
		return err
	}
	if err := add(p.base, [2]error{errNotRun, errNotRun}); err != nil {
		return err
	}
	for i := range p.programs {
		errs := [2]error{errNotRun, errNotRun}
		d := disk.NewRecorder(p.base, disk.Fault{})
		errs[i] = p.programs[i].run(d)
		alone := d.Trace(nil).After()
		if err := add(alone, errs); err != nil {
			return err
		}
		d = disk.NewRecorder(alone, disk.Fault{})
		errs[1-i] = p.programs[1-i].run(d)
		if err := add(d.Trace(nil).After(), errs); err != nil {
			return err
		}
	}
	return nil
}

var errNotRun = errors.New("not run")

// pair is two programs on a drawn volume.
type pair struct {
	scene    *scene
	base     *disk.Image
	programs [2]program
	judge    *drawnJudge
	allowed  []outcome
}

// viewOf is the volume in an image: its metadata, and which passphrase opens which keyslot.
func (p *pair) viewOf(m *disk.Image) (string, error) {
	w, err := p.judge.view(m)
	if err != nil {
		return "", err
	}
	return fmt.Sprintf("%s\nopened by %v", w.exact, w.open), nil
}

// explains returns an error unless one order of the programs, with those that were refused left out,
// comes to the same.
func (p *pair) explains(m *disk.Image, errs [2]error) error {
	now, err := p.viewOf(m)
	if err != nil {
		return err
	}
	got := outcome{[2]bool{errs[0] == nil, errs[1] == nil}, now}
	if slices.Contains(p.allowed, got) {
		return nil
	}
	return fmt.Errorf("no order of %s (%v) and %s (%v) comes to:\n%s", p.programs[0].name, errs[0], p.programs[1].name, errs[1], now)
}

// mostTurns bounds the boundaries of which every order is tried; further ones repeat the pattern.
const mostTurns = 9

// course is what a run has shown of the orders: those that agree with it at every choice go the same way.
type course struct{ free, order turns }

func (c course) covers(order turns) bool { return order&c.free == c.order&c.free }

// everyOrder tries each interleaving and returns them, those of equal course once.
func (p *pair) everyOrder() ([]turns, error) {
	var list []turns
	var seen []course
	for order := range turns(1 << mostTurns) {
		if slices.ContainsFunc(seen, func(c course) bool { return c.covers(order) }) {
			continue
		}
		d := disk.NewRecorder(p.base, disk.Fault{})
		errs, free := interleave(d, p.programs, order)
		seen = append(seen, course{free, order})
		if err := p.explains(d.Trace(nil).After(), errs); err != nil {
			return nil, fmt.Errorf("turns %0*b: %w", mostTurns, order, err)
		}
		list = append(list, order)
	}
	return list, nil
}

// passphrases that only one of the programs brings.
const (
	freshA = "what the first program brings"
	freshB = "what the second program brings"
)

// programOf draws what a program does to the volume. Its key comes from the keyslot by, with a passphrase.
func (s *scene) programOf(brings string, by, at int) program {
	list := []program{
		{fmt.Sprintf("add by %d", by), s.unlocked(by, add(brings))},
		{fmt.Sprintf("change %d", by), s.unlocked(by, changeTo(by, brings))},
		{fmt.Sprintf("remove key of %d", by), s.unlocked(by, removeOwn)},
		{fmt.Sprintf("kill %d by %d", at, by), s.unlocked(by, killBy(at))},
		{fmt.Sprintf("kill %d", at), s.loaded(killBy(at))},
		{fmt.Sprintf("label by %s", brings), s.loaded(setLabel(brings[9:15]))},
		{"uuid", s.loaded(setUUID)},
	}
	return list[s.rng.IntN(len(list))]
}

func add(passphrase string) step { return addKey(luks.AnyKeyslot, passphrase) }

func changeTo(id int, passphrase string) step {
	return func(v *luks.Volume, key *luks.Key) error {
		_, err := v.ChangeKey(context.Background(), key, []byte(passphrase), protection(id))
		return err
	}
}

// removeOwn removes the keyslot that opened, as luksRemoveKey does: it asks before it removes the last one,
// and here the answer is no.
func removeOwn(v *luks.Volume, key *luks.Key) error { return killBy(key.Keyslot)(v, key) }

var errLast = errors.New("it is the last keyslot, and the answer is no")

func killBy(id int) step {
	return func(v *luks.Volume, key *luks.Key) error {
		slot, err := v.Keyslot(id)
		if err == nil && v.Last(slot) {
			err = errLast
		}
		if err != nil {
			return err
		}
		return v.KillKeyslot(context.Background(), id, key)
	}
}

// unlocked is a program that unlocks with the passphrase of a keyslot first.
func (s *scene) unlocked(by int, what step) func(luks.Device) error {
	return func(dev luks.Device) error {
		ctx := context.Background()
		v, err := luks.Load(ctx, dev)
		if err != nil {
			return err
		}
		key, err := v.Unlock(ctx, []byte(shape.Passphrase(by)), luks.UnlockOptions{})
		if err != nil {
			return err
		}
		return errors.Join(what(v, key), v.FarLag, key.Close())
	}
}

// loaded is a program that needs no passphrase.
func (s *scene) loaded(what step) func(luks.Device) error {
	return func(dev luks.Device) error {
		v, err := luks.Load(context.Background(), dev)
		if err != nil {
			return err
		}
		if v.BoundKeyslots() < 2 {
			return errLast
		}
		return errors.Join(what(v, nil), v.FarLag)
	}
}

// pairs are kinds of operations of two programs at once.
func pairs() []crash.Kind {
	return []crash.Kind{
		{Name: "two programs at once", Draw: drawPair(drawn{fit: pairable})},
		{Name: "far: two programs at once", Far: true, Draw: drawPair(drawn{fit: withFar(pairable), far: true})},
	}
}

// pairable volumes have two keys or three: the last ones are where programs get in each other's way.
func pairable(s *shape.Shape, rng *rand.Rand) {
	n := 2 + rng.IntN(2)
	s.AtLeast(rng, n)
	s.Keyslots, s.Removed = s.Keyslots[:n], 0
	if s.Header > 64<<10 {
		s.Header = 16 << 10
	}
	s.KeySize = 16
	s.Spare = max(s.Spare, 2)
}

// newPair draws two programs on a volume.
func newPair(s *scene) (*pair, error) {
	held := s.Held()
	one := func() int { return held[s.rng.IntN(len(held))] }
	p := &pair{scene: s, base: s.base}
	p.programs = [2]program{s.programOf(freshA, one(), one()), s.programOf(freshB, one(), one())}
	var err error
	p.judge, err = newDrawnJudge(s.base, s.base, append(s.Secrets(), freshA, freshB))
	return p, err
}

// drawPair draws two programs and tries all their orders without a fault; one of them is then an operation
// of which every fault is tried.
func drawPair(d drawn) func(*rand.Rand) (crash.Operation, error) {
	return func(rng *rand.Rand) (crash.Operation, error) {
		s, err := d.scene(rng)
		if err != nil {
			return crash.Operation{}, err
		}
		p, err := newPair(s)
		if err != nil {
			return crash.Operation{}, err
		}
		if err := p.serially(); err != nil {
			return crash.Operation{}, err
		}
		orders, err := p.everyOrder()
		if err != nil {
			return crash.Operation{}, fmt.Errorf("%w: %v: %w", crash.ErrLost, s.Shape, err)
		}
		return p.operation(orders[rng.IntN(len(orders))])
	}
}

// operation is the pair in one order. It is acknowledged where every program returns what it returns
// without a fault.
func (p *pair) operation(order turns) (crash.Operation, error) {
	d := disk.NewRecorder(p.base, disk.Fault{})
	expected, _ := interleave(d, p.programs, order)
	trace := d.Trace(nil)
	if len(trace.Events) == 0 {
		return crash.Operation{}, &crash.Refusal{Traits: p.scene.Traits(), Err: errors.Join(expected[:]...)}
	}
	j, err := newDrawnJudge(p.base, trace.After(), p.judge.keys.passphrases)
	if err != nil {
		return crash.Operation{}, err
	}
	j.unequal = p.scene.Damage != shape.Sound
	j.admit(trace)
	for _, program := range p.programs { // a fault may leave one of them out
		alone := disk.NewRecorder(p.base, disk.Fault{})
		if program.run(alone) == nil {
			j.admit(alone.Trace(nil))
		}
		w, err := j.view(alone.Trace(nil).After())
		if err != nil {
			return crash.Operation{}, err
		}
		for passphrase := range j.old.open {
			if _, stays := w.open[passphrase]; !stays {
				j.passing = append(j.passing, passphrase)
			}
		}
	}
	j.passing = append(j.passing, freshA, freshB)
	run := func(dev crash.Device) error {
		errs, _ := interleave(dev, p.programs, order)
		for i, err := range errs {
			if fmt.Sprint(err) != fmt.Sprint(expected[i]) { // who is refused may tell of a fault as well
				return errors.Join(errNotAlike, err)
			}
		}
		return nil
	}
	op := drawn{name: "", far: p.scene.Far, moves: true}.operation(p.scene, deed{}, j, run)
	op.Geometry = fmt.Sprintf("%s | %s | turns %b | %s", p.programs[0].name, p.programs[1].name, order, p.scene)
	return op, nil
}

var errNotAlike = errors.New("a program ended otherwise than without faults")
