// SPDX-License-Identifier: Apache-2.0

package monkey

import (
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/orthrus-luks/orthrus/test/monkey/programs"
)

// Of make test; make monkey plays as many as one likes.
const (
	sliceSequences = 10
	slicePairs     = 40
)

// TestSlice plays a few sequences and pairs, always the same ones.
func TestSlice(t *testing.T) {
	for name, o := range map[string]Options{
		"sequences": {Sequences: sliceSequences},
		"pairs":     {Pairs: slicePairs},
	} {
		t.Run(name, func(t *testing.T) {
			o.Seed, o.Workers, o.Stop = 1, 2, 3
			var out strings.Builder
			failed, err := Main(&out, o)
			if err != nil {
				t.Fatal(err)
			}
			if failed > 0 {
				t.Errorf("%d failed\n%s", failed, out.String())
			}
		})
	}
}

// runner is one for a test.
func runner(t *testing.T) *Runner {
	t.Helper()
	dir, err := os.MkdirTemp(memory, "monkey-test-")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	set, err := programs.Build(dir)
	if err != nil {
		t.Fatal(err)
	}
	r, err := NewRunner(set, dir, NewTable())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(r.Close)
	return r
}

// TestABrokenVerbIsFoundAndShrunk: verbs that do less, or more, than they say are found in long sequences, and what is
// left of these is what matters.
func TestABrokenVerbIsFoundAndShrunk(t *testing.T) {
	r := runner(t)
	for name, c := range map[string]struct {
		verb   string
		breaks func(w *World, step Step) bool
		kind   string
		most   int // steps that a shrunk sequence has
	}{
		"a removal that removes nothing": {
			"luksRemoveKey", func(*World, Step) bool { return true }, "said done", 2,
		},
		"a change that changes nothing": {
			"luksChangeKey", func(*World, Step) bool { return true }, "said done", 1,
		},
		"a token that takes the place of a keyslot": {
			"token import", func(w *World, _ Step) bool {
				f, err := os.OpenFile(w.path(w.headerFile()), os.O_WRONLY, 0)
				if err != nil {
					t.Fatal(err)
				}
				defer f.Close()
				for _, slot := range w.volume.Primary.Slots {
					if _, err := f.WriteAt(make([]byte, 512), slot.Offset); err != nil {
						t.Fatal(err)
					}
				}
				return true
			}, "said done", 1,
		},
	} {
		t.Run(name, func(t *testing.T) {
			r.Broken = func(w *World, step Step) bool {
				return step.Verb == c.verb && step.By == 0 && c.breaks(w,
					step)
			}
			f := firstFailure(t, r, c.verb)
			before := len(f.Sequence.Steps)
			small, err := r.Shrink(f)
			if err != nil {
				t.Fatal(err)
			}
			if len(small.Sequence.Steps) > c.most || !strings.HasPrefix(small.Kind, c.kind) || small.Verb != c.verb {
				t.Errorf("shrunk from %d to %d steps: %s: %s\n%s", before, len(small.Sequence.Steps), small.Verb,
					small.Kind, Script(small))
			}
			if script := Script(small); !strings.Contains(script, "orthrus luksFormat") && !strings.Contains(script,
				"cryptsetup-2") {
				t.Errorf("not a script:\n%s", script)
			}
		})
	}
}

func firstFailure(t *testing.T, r *Runner, verb string) *Failure {
	t.Helper()
	for seed := uint64(1); seed < 100; seed++ {
		f, err := r.Play(only(Draw(seed), verb))
		if err != nil {
			t.Fatal(err)
		}
		if f != nil {
			return f
		}
	}
	t.Fatal("a hundred sequences passed")
	return nil
}

// only are plain steps before the verb, and no other of it.
func only(q Sequence, verb string) Sequence {
	q.Shape = Geometry{Version: 2, Device: 64 * mib, KeyBits: 256}
	plain := []string{"luksAddKey", "config", "luksAddKey --unbound", "luksUUID"}
	var steps []Step
	for _, s := range q.Steps {
		if slices.Contains(plain, s.Verb) {
			s.Kill = 0
			steps = append(steps, s)
		}
	}
	q.Steps = append(steps, Step{Verb: "luksAddKey", Seed: q.Seed}, Step{Verb: verb, Seed: q.Seed})
	return q
}

// TestOutcomesOfPairs: two removals that were lawful alone have no order that makes both lawful.
func TestOutcomesOfPairs(t *testing.T) {
	s := State{Slots: map[int]Slot{0: {Name: "a"}, 1: {Name: "b"}}}
	remove := func(name string) Action {
		return Action{Apply: func(s State) []State {
			var list []State
			for _, id := range s.slotsOf(name) {
				list = append(list, s.without(id))
			}
			return keepsOne(s, 2, list)
		}}
	}
	if ends := outcomes(s, []Action{remove("a")}, []Action{remove("b")}); len(ends) > 0 {
		t.Errorf("two removals leave %v", ends)
	}
	if ends := outcomes(s, []Action{remove("a")}, nil); len(ends) != 1 || ends[0].differs(s.without(0)) != "" {
		t.Errorf("one removal leaves %v", ends)
	}
	change := func(old, name string) Action {
		d := &draw{ours: true}
		return Action{Apply: func(s State) []State { return d.replaced(s, old, name) }}
	}
	if ends := outcomes(s, []Action{change("a", "c")}, []Action{change("a", "d")}); len(ends) > 0 {
		t.Errorf("two changes of one key leave %v", ends)
	}
	if ends := outcomes(s, []Action{change("a", "b2")}, []Action{change("b", "c")}); len(ends) != 2 {
		t.Errorf("changes of two keys leave %v", ends)
	}
}

// TestDraw: a seed is a sequence, always the same, of enough steps.
func TestDraw(t *testing.T) {
	for seed := range uint64(50) {
		q, again := Draw(seed), Draw(seed)
		if q.Shape != again.Shape || !slices.Equal(q.Steps, again.Steps) {
			t.Fatalf("seed %d: two sequences", seed)
		}
		if n := len(q.Steps); n < fewestSteps || n > mostSteps {
			t.Errorf("seed %d: %d steps", seed, n)
		}
	}
}
