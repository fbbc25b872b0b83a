// SPDX-License-Identifier: Apache-2.0

package monkey

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/orthrus-luks/orthrus/test/monkey/programs"
)

// Sequence is a volume's shape and what is done to it.
type Sequence struct {
	Seed  uint64
	Shape Geometry
	Steps []Step
}

// Step is a verb, or damage, and what its arguments are drawn from.
type Step struct {
	Verb string // "damage" for what a disk does
	By   int    // the program's number in programs.Set.All
	Kill int    // at which system call that writes; 0 for none
	Seed uint64
}

const (
	fewestSteps = 20
	mostSteps   = 30
)

// Draw makes the sequence of a seed.
func Draw(seed uint64) Sequence {
	r := rand.New(rand.NewPCG(seed, 0))
	q := Sequence{Seed: seed, Shape: drawGeometry(r)}
	for range fewestSteps + r.IntN(mostSteps-fewestSteps+1) {
		q.Steps = append(q.Steps, drawStep(r))
	}
	return q
}

func drawStep(r *rand.Rand) Step {
	s := Step{Seed: r.Uint64()}
	if r.IntN(30) == 0 {
		s.Verb = "damage"
		return s
	}
	if s.Verb = drawVerb(r); verbNamed(s.Verb).peers && r.IntN(3) == 0 {
		s.By = 1 + r.IntN(2)
	}
	often := 60
	if slices.ContainsFunc(headerVerbs, func(v verb) bool { return v.name == s.Verb }) {
		often = 20
	}
	if r.IntN(often) == 0 {
		s.Kill = 1 + r.IntN(12)
	}
	return s
}

func drawVerb(r *rand.Rand) string {
	verbs := slices.Concat(keyVerbs, enrollVerbs, settingVerbs, headerVerbs)
	total := 0
	for _, v := range verbs {
		total += v.weight
	}
	n := r.IntN(total)
	for _, v := range verbs {
		if n -= v.weight; n < 0 {
			return v.name
		}
	}
	panic("weights")
}

// verbNamed finds a verb.
func verbNamed(name string) verb {
	for _, list := range [][]verb{keyVerbs, enrollVerbs, settingVerbs, headerVerbs} {
		for _, v := range list {
			if v.name == name {
				return v
			}
		}
	}
	panic("no verb " + name)
}

// Failure is what went wrong with a sequence.
type Failure struct {
	Sequence Sequence
	Verb     string // of the step that failed
	By       string
	Kind     string // what is wrong, without numbers: equal for equal failures
	Text     string
	Step     int
	Script   []string
	Peer     bool // a program that is not ours did it
}

// Runner plays sequences.
type Runner struct {
	Set   programs.Set
	Dir   string // empty, on a memory file system
	Table *Table

	lanes [2]*programs.Lane
	bases map[int]*base // of races
	// Broken stands in for one of our verbs, for the test of the driver itself.
	Broken func(w *World, step Step) bool
}

// NewRunner makes a runner with a folder of its own below dir.
func NewRunner(set programs.Set, dir string, table *Table) (*Runner, error) {
	own, err := os.MkdirTemp(dir, "monkey-")
	if err != nil {
		return nil, err
	}
	r := &Runner{Set: set, Dir: own, Table: table}
	for i := range r.lanes {
		lane := filepath.Join(own, fmt.Sprintf("lane%d", i))
		if err := os.Mkdir(lane, 0o700); err != nil {
			return nil, err
		}
		r.lanes[i] = programs.NewLane(lane)
	}
	return r, nil
}

// Close ends the servers and removes the folder.
func (r *Runner) Close() {
	for _, l := range r.lanes {
		l.Close()
	}
	os.RemoveAll(r.Dir)
}

// world makes an empty folder for a volume.
func (r *Runner) world() (*World, error) {
	dir := filepath.Join(r.Dir, "w")
	if err := os.RemoveAll(dir); err != nil {
		return nil, err
	}
	return newWorld(dir, r.Set, r.lanes), os.Mkdir(dir, 0o700)
}

// errOver ends a sequence before its end: there is no volume any more, and need not be.
var errOver = errors.New("there is no volume any more")

// errRefused: the shape is one that luksFormat refuses.
var errRefused = errors.New("luksFormat refused")

// Play carries a sequence out. The error is about the driver's own means.
func (r *Runner) Play(q Sequence) (*Failure, error) {
	w, err := r.world()
	if err != nil {
		return nil, err
	}
	f := &Failure{Sequence: q, Verb: "luksFormat"}
	err = r.begin(w, q)
	if errors.Is(err, errRefused) {
		r.Table.shape(q.Shape, "refused")
		return nil, nil
	}
	for i := 0; err == nil && i < len(q.Steps); i++ {
		f.Step, f.Verb = i, q.Steps[i].Verb
		err = r.step(w, q.Steps[i], f)
	}
	if errors.Is(err, errOver) {
		r.Table.shape(q.Shape, "passed")
		return nil, nil
	}
	if err == nil {
		f.Step, f.Verb, f.By, f.Peer = len(q.Steps), "last judgement", "", false
		err = w.end(q.Seed)
	}
	f.Script = w.script

	return r.verdict(q, f, err)
}

// verdict tells faults from errors of the driver.
func (r *Runner) verdict(q Sequence, f *Failure, err error) (*Failure, error) {
	var wrong fault
	switch {
	case err == nil:
		r.Table.shape(q.Shape, "passed")
		return nil, nil
	case !errors.As(err, &wrong):
		return nil, err
	}
	f.Text = err.Error()
	f.Kind = kind(string(wrong))
	if f.Peer {
		r.Table.shape(q.Shape, "ended by cryptsetup")
	} else {
		r.Table.shape(q.Shape, "failed")
	}
	return f, nil
}

// kind is a text without its numbers and names.
func kind(text string) string {
	words := strings.FieldsFunc(text, func(c rune) bool { return c == ' ' || c == ',' })
	if len(words) > 12 {
		words = words[:12]
	}
	for i, w := range words {
		if strings.ContainsAny(w, "0123456789") {
			words[i] = "N"
		}
	}
	return strings.Join(words, " ")
}

// begin makes the volume.
func (r *Runner) begin(w *World, q Sequence) error {
	w.geo = q.Shape
	w.say("truncate -s %d %s", q.Shape.Device, image)
	if err := os.WriteFile(w.path(image), nil, 0o600); err != nil {
		return err
	}
	if err := os.Truncate(w.path(image), q.Shape.Device); err != nil {
		return err
	}
	if q.Shape.Detached {
		w.say("truncate -s %d %s", q.Shape.Header, header)
		if err := os.WriteFile(w.path(header), nil, 0o600); err != nil {
			return err
		}
		if err := os.Truncate(w.path(header), q.Shape.Header); err != nil {
			return err
		}
	}
	by := r.Set.Ours
	if q.Shape.ByPeer {
		by = r.Set.Peers[q.Seed%2]
	}
	action := w.format(q.Shape, by.Ours)
	result, err := w.run(by, action.Args)
	if err != nil {
		return err
	}
	if result.Code != 0 {
		r.Table.refusal("luksFormat", by, result)
		return errRefused
	}
	j := judged{by: by, action: action, result: result, wrote: true}
	if err := w.read(); err != nil {
		return err
	}
	w.remember()
	if err := errors.Join(w.accept(j), action.Done(w)); err != nil {
		return err
	}
	return w.sound(j)
}

// step carries one step out and judges it.
func (r *Runner) step(w *World, s Step, f *Failure) error {
	d := &draw{Rand: rand.New(rand.NewPCG(s.Seed, 1)), w: w, s: w.state, ours: s.By == 0}
	if s.Verb == "damage" {
		return r.hurt(w, d)
	}
	by := r.Set.All()[s.By]
	f.By, f.Peer = by.Name, !by.Ours
	action, ok := s.settle(d, by)
	if f.Verb = s.Verb; !ok {
		return nil
	}
	if action.File[0] != "" {
		w.say("printf %%s '%s' > %s", action.File[1], action.File[0])
		if err := os.WriteFile(w.path(action.File[0]), []byte(action.File[1]), 0o600); err != nil {
			return err
		}
	}
	j := judged{by: by, action: action, before: w.state, farOK: w.farInStep() == ""}
	stamp := w.stamp()
	var err error
	switch {
	case r.Broken != nil && r.Broken(w, s):
	case s.Kill > 0:
		argv := programs.KillArgv(by, s.Kill, action.Args...)
		j.result, err = programs.RunOnce(w.dir, argv...)
		w.say("%s # killed at write or sync %d: %s", quoted(append([]string{by.Name}, action.Args...)), s.Kill,
			outcome(j.result))
	default:
		j.result, err = w.run(by, action.Args)
	}
	if err != nil {
		return err
	}
	r.Table.ran(s, by, j.result)
	if action.Told != nil {
		if err := action.Told(w, j.result.Stdout); err != nil {
			return err
		}
	}
	return r.judge(w, d, j, stamp)
}

// settle plans the step's verb, or another one where that has no meaning in this state.
func (s *Step) settle(d *draw, by *programs.Program) (Action, bool) {
	for range 20 {
		v := verbNamed(s.Verb)
		if by.Ours || v.peers {
			if action, ok := v.plan(d); ok {
				return action, true
			}
		}
		s.Verb = drawVerb(d.Rand)
	}
	return Action{}, false
}

func (r *Runner) judge(w *World, d *draw, j judged, stamp string) error {
	if j.wrote = w.stamp() != stamp; j.wrote && j.action.Reads && j.by.Ours {
		return fault("a verb that reads wrote")
	}
	if err := w.read(); err != nil {
		if j.action.Ends && j.result.Killed() && errors.Is(err, errNoHead) {
			return errOver
		}
		return err
	}
	if err := w.accept(j); err != nil {
		return err
	}
	w.revoked(j.before, j.by)
	if (j.result.Code == 0 || w.replaced(j)) && j.action.Done != nil {
		if err := j.action.Done(w); err != nil {
			return err
		}
	}
	if err := errors.Join(w.sound(j), w.keptSound(j)); err != nil {
		return err
	}
	w.remember()
	return w.ask(d.Rand, false)
}

// remember notes what each keyslot is, to know it after damage.
func (w *World) remember() {
	for id, slot := range w.state.Slots {
		if slot.Name != "" {
			w.former[id] = slot
		}
	}
}

// hurt is a step of damage. What is found afterwards is what counts.
func (r *Runner) hurt(w *World, d *draw) error {
	line, err := w.damage(d)
	if err != nil || line == "" {
		return err
	}
	w.say("%s", line)
	r.Table.verb("damage", nil, "done")
	return w.read()
}

// end is the last judgement: all programs, and the loss of both heads.
func (w *World) end(seed uint64) error {
	r := rand.New(rand.NewPCG(seed, 2))
	w.scarred = w.scarred || w.volume.Primary == nil
	if err := w.ask(r, true); err != nil {
		return err
	}
	return w.lastResort()
}

func quoted(words []string) string { return strings.Join(words, " ") }
