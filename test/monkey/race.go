// SPDX-License-Identifier: Apache-2.0

package monkey

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/orthrus-luks/orthrus/test/monkey/programs"
	"github.com/orthrus-luks/orthrus/test/monkey/witness"
)

// bases is how many volumes races are run on; each race gets a copy of one.
const bases = 24

// base is a volume with several keys.
type base struct {
	shape  Geometry
	dir    string
	keys   witness.Keyring
	next   int
	script []string
	data   []patch
	key    string
}

// racer is one side of a pair: one command line or two, one after the other.
type racer struct {
	by      *programs.Program
	verb    string
	actions []Action
	results []programs.Result
	spans   [][2]time.Time // when each began and ended
}

// Race runs two drawn commands at once on a volume and judges: what is left must be what some order of those that
// succeeded leaves, each of them lawful where it stands, and those that failed changed nothing.
func (r *Runner) Race(seed uint64) (*Failure, error) {
	first, err := r.raceOnce(seed, false)
	if err != nil {
		return nil, err
	}
	f := first.failure
	if f != nil && !f.Peer && strings.Contains(f.Text, nothingLeft) {
		confirmed, err := r.happensAgain(seed, f.Kind)
		if err != nil {
			return nil, err
		}
		if !confirmed {
			first.column, f = "one after the other", nil
		}
	}
	r.Table.count(r.Table.pairs, first.names, first.column)
	return f, nil
}

// raced is how a race ended.
type raced struct {
	names, column string
	failure       *Failure
}

// happensAgain plays a race in which two removals left no key more often.
func (r *Runner) happensAgain(seed uint64, kind string) (bool, error) {
	// On a busy machine one of two removals may have looked after the other one was done, and then -q says that the
	// last key may go. A removal that does not look at all does it again, the more so without a wait.
	again := 0
	for range confirmations {
		g, err := r.raceOnce(seed, true)
		if err != nil {
			return false, err
		}
		if g.failure != nil && g.failure.Kind == kind {
			again++
		}
	}
	return again >= 2, nil
}

const (
	nothingLeft   = "no passphrase opens any more"
	confirmations = 20
)

func (r *Runner) raceOnce(seed uint64, atOnce bool) (end raced, err error) {
	rnd := rand.New(rand.NewPCG(seed, 3))
	b, err := r.base(rnd.IntN(bases))
	if err != nil {
		return end, err
	}
	w, err := r.copyOf(b)
	if err != nil {
		return end, err
	}
	sides, names := r.drawPair(w, rnd)
	f := &Failure{
		Sequence: Sequence{Seed: seed, Shape: b.shape}, Verb: names,
		By: sides[0].by.Name + " and " + sides[1].by.Name,
	}
	before := w.state
	wait := time.Duration(rnd.IntN(12000)) * time.Microsecond
	if rnd.IntN(3) == 0 || atOnce {
		wait = 0
	}
	if err := w.together(&sides, wait); err != nil {
		return end, err
	}
	err = w.judgeRace(rnd, before, &sides)
	var wrong fault
	if err != nil && !errors.As(err, &wrong) {
		return end, err
	}
	end.names, end.column = names, r.raceColumn(&sides, err, w, before)
	if err == nil {
		return end, nil
	}
	f.Peer = w.peersFault(&sides)
	f.Text, f.Kind, f.Script = err.Error(), kind(string(wrong)), w.raceScript(&sides, wait)
	end.failure = f
	return end, nil
}

func (r *Runner) raceColumn(sides *[2]racer, err error, w *World, before State) string {
	column := "both done"
	done := 0
	for _, s := range sides {
		if s.succeeded() == len(s.actions) {
			done++
		}
	}
	switch {
	case err != nil && w.peersFault(sides):
		return "lost by cryptsetup"
	case err != nil:
		return "FAILED"
	case done == 0:
		column = "none done"
	case done == 1:
		column = "one done"
	}
	return column
}

func (s racer) succeeded() int {
	n := 0
	for _, r := range s.results {
		if r.Code == 0 {
			n++
		}
	}
	return n
}

// base makes a volume once: of a drawn shape, with four keys more, a token and labels.
func (r *Runner) base(n int) (*base, error) {
	if r.bases == nil {
		r.bases = map[int]*base{}
	}
	if b := r.bases[n]; b != nil {
		return b, nil
	}
	dir := filepath.Join(r.Dir, fmt.Sprintf("base%d", n))
	for try := uint64(0); ; try++ {
		if try == 100 {
			return nil, errors.New("no shape of a hundred can be made")
		}
		if err := errors.Join(os.RemoveAll(dir), os.Mkdir(dir, 0o700)); err != nil {
			return nil, err
		}
		b, err := r.tryBase(dir, rand.New(rand.NewPCG(uint64(n), try)))
		if err != nil {
			return nil, err
		}
		if b != nil {
			r.bases[n] = b
			return b, nil
		}
	}
}

func (r *Runner) tryBase(dir string, rnd *rand.Rand) (*base, error) {
	w := newWorld(dir, r.Set, r.lanes)
	g := drawGeometry(rnd)
	g.Inner, g.ByPeer = false, false
	quiet := *r
	quiet.Table = NewTable()
	err := quiet.begin(w, Sequence{Shape: g})
	if errors.Is(err, errRefused) || len(w.patches) == 0 {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	d := &draw{Rand: rnd, w: w, s: w.state, ours: true}
	for i := range 1 + rnd.IntN(4) {
		cost := costs
		if i == 0 && rnd.IntN(2) == 0 {
			// While this one is tried others are at work.
			cost = []string{"--pbkdf", "pbkdf2", "--pbkdf-force-iterations", "20000"}
		}
		if result, err := w.run(r.Set.Ours, append(d.on("luksAddKey", append([]string{"--key-file", "k0"},
			cost...)...), w.newKey())); err != nil {
			return nil, err
		} else if result.Code != 0 {
			break
		}
	}
	if g.Version == 2 && rnd.IntN(2) == 0 {
		if _, err := w.run(r.Set.Ours, d.on("token", "--key-description", "monkey", "--key-slot", "0",
			"add")); err != nil {
			return nil, err
		}
	}
	if err := w.read(); err != nil {
		return nil, err
	}
	if w.state.openers() < 2 {
		return nil, nil
	}
	return &base{
		shape: g, dir: dir, keys: w.keys, next: w.nextKey, script: w.script, data: w.patches,
		key: w.volumeKey,
	}, nil
}

// copyOf is the world of a copy of a base.
func (r *Runner) copyOf(b *base) (*World, error) {
	w, err := r.world()
	if err != nil {
		return nil, err
	}
	w.geo, w.keys, w.nextKey, w.script, w.patches, w.volumeKey = b.shape, b.keys.Clone(), b.next, slices.Clone(b.script), b.data, b.key
	files, err := os.ReadDir(b.dir)
	if err != nil {
		return nil, err
	}
	for _, f := range files {
		if f.IsDir() { // undo copies
			continue
		}
		if err := copySparse(filepath.Join(b.dir, f.Name()), w.path(f.Name())); err != nil {
			return nil, err
		}
	}
	return w, w.read()
}

// drawPair draws both sides on the same state, each knowing nothing of the other.
func (r *Runner) drawPair(w *World, rnd *rand.Rand) (sides [2]racer, names string) {
	var list []verb
	for _, v := range slices.Concat(keyVerbs, keyVerbs, keyVerbs, enrollVerbs, settingVerbs, headerVerbs) {
		if v.races {
			list = append(list, v)
		}
	}
	// Of five pairs three are ours alone, one is mixed, and one in twenty is cryptsetup's alone, to compare.
	by := [2]int{}
	if n := rnd.IntN(20); n < 7 {
		by[1] = 1 + rnd.IntN(2)
	} else if n == 7 {
		by = [2]int{1 + rnd.IntN(2), 1 + rnd.IntN(2)}
	}
	var words []string
	for i := range sides {
		side := racer{by: r.Set.All()[by[i]]}
		d := &draw{Rand: rnd, w: w, s: w.state, ours: by[i] == 0}
		count := 1
		if rnd.IntN(5) == 0 {
			count = 2
		}
		for len(side.actions) < count {
			v := list[rnd.IntN(len(list))]
			if !d.ours && !v.peers {
				continue
			}
			a, ok := v.plan(d)
			if !ok || a.File[0] != "" && i > 0 {
				continue
			}
			if a.File[0] != "" {
				w.say("printf %%s '%s' > %s", a.File[1], a.File[0])
				_ = os.WriteFile(w.path(a.File[0]), []byte(a.File[1]), 0o600)
			}
			side.actions = append(side.actions, a)
			if len(side.actions) == 1 {
				side.verb, d.later = v.name, true
			} else {
				// Only the kind of the first of two goes into the table.
				side.verb += " …"
			}
		}
		sides[i] = side
		words = append(words, who(side.by)+" "+strings.TrimSuffix(side.verb, " …"))
	}
	slices.Sort(words)
	return sides, strings.Join(words, " + ")
}

func who(p *programs.Program) string {
	if p.Ours {
		return "ours"
	}
	return "cs"
}

// together runs both sides, the second one so much later.
func (w *World) together(sides *[2]racer, wait time.Duration) error {
	var start, done sync.WaitGroup
	var errs [2]error
	for i := range sides {
		if err := w.lane[i].Warm(sides[i].by); err != nil {
			return err
		}
	}
	start.Add(1)
	for i := range sides {
		done.Go(func() {
			start.Wait()
			if i == 1 {
				time.Sleep(wait)
			}
			for _, a := range sides[i].actions {
				begin := time.Now()
				result, err := w.lane[i].Run(sides[i].by, w.dir, a.Args...)
				sides[i].spans = append(sides[i].spans, [2]time.Time{begin, time.Now()})
				sides[i].results = append(sides[i].results, result)
				errs[i] = errors.Join(errs[i], err)
			}
		})
	}
	start.Done()
	done.Wait()
	sides[0].noteLate(sides[1])
	sides[1].noteLate(sides[0])
	return errors.Join(errs[:]...)
}

// noteLate: a command of which most came after the end of another one may have found what that left.
func (s racer) noteLate(other racer) {
	for i, a := range s.actions {
		begin, end := s.spans[i][0], s.spans[i][1]
		for _, span := range other.spans {
			// Cryptsetup's check of the sequence number tells nobody else when it looked.
			if a.Seen != nil && (span[1].Sub(begin) < end.Sub(begin)/2 || !s.by.Ours) {
				*a.Seen = 1
			}
		}
	}
}

func (w *World) judgeRace(rnd *rand.Rand, before State, sides *[2]racer) error {
	for _, s := range sides {
		for i, a := range s.actions {
			if a.Told == nil {
				continue
			}
			if err := a.Told(w, s.results[i].Stdout); err != nil {
				return err
			}
		}
	}
	if err := w.read(); err != nil {
		return err
	}
	for _, s := range sides {
		for _, result := range s.results {
			if result.Code == 119 || result.Code >= 128 {
				return fault("crashed: " + firstLine(result.Stderr))
			}
		}
	}
	if text := w.explained(before, sides); text != "" {
		return fault(text)
	}
	by := w.set.Ours
	j := judged{by: by, action: Action{Args: []string{""}}, before: before, wrote: true}
	for _, s := range sides {
		w.revoked(before, s.by)
	}
	if err := w.sound(j); err != nil {
		return err
	}
	return w.ask(rnd, rnd.IntN(10) == 0)
}

// explained is empty where some order leads to the state there is, and else tells how this one differs.
func (w *World) explained(before State, sides *[2]racer) string {
	var queue [2][]Action
	for i, s := range sides {
		for k, a := range s.actions {
			switch {
			case s.results[k].Code == 0:
			case strings.Contains(s.results[k].Stderr, "far header was left behind") && alien(sides):
				// It says that the heads were changed.
			default:
				continue
			}
			queue[i] = append(queue[i], a)
		}
	}
	ends := outcomes(before, queue[0], queue[1])
	if len(ends) == 0 {
		return "no order makes both lawful: " + w.loss(before)
	}
	text := anyOf(w.state, ends)
	if text == "" {
		return ""
	}
	return w.loss(before) + text
}

// alien: somebody else than a verb of ours that follows along had to do with the far header.
func alien(sides *[2]racer) bool {
	for _, s := range sides {
		if !s.by.Ours || slices.ContainsFunc(s.actions, func(a Action) bool { return a.Args[0] == "far" }) {
			return true
		}
	}
	return false
}

// loss names what is worst.
func (w *World) loss(before State) string {
	if before.openers() > 0 && w.state.openers() == 0 {
		return nothingLeft + ": "
	}
	return ""
}

// outcomes are the states that the orders of two queues lead to.
func outcomes(s State, a, b []Action) []State {
	if len(a)+len(b) == 0 {
		return one(s)
	}
	var ends []State
	if len(a) > 0 {
		for _, next := range a[0].Apply(s) {
			ends = append(ends, outcomes(next, a[1:], b)...)
		}
	}
	if len(b) > 0 {
		for _, next := range b[0].Apply(s) {
			ends = append(ends, outcomes(next, a, b[1:])...)
		}
	}
	return ends
}

// peersFault: cryptsetup writes and wipes keyslot areas before it looks whether somebody else was there, of LUKS1 it
// never looks, nor where the uuid is another one than before, and its erase and changes of keys are several commits.
func (w *World) peersFault(sides *[2]racer) bool {
	ours, refused, many, uuid := true, false, false, false
	for _, s := range sides {
		uuid = uuid || slices.ContainsFunc(s.actions, func(a Action) bool { return a.Args[0] == "luksUUID" })
		if s.by.Ours {
			continue
		}
		ours = false
		for i, a := range s.actions {
			refused = refused || s.results[i].Code != 0
			many = many || s.results[i].Code != 0 && a.Many
		}
	}
	switch {
	case ours:
		return false
	case !sides[0].by.Ours && !sides[1].by.Ours, w.state.Version == 1, many, uuid:
		return true
	}
	for _, slot := range w.state.Slots {
		if slot.Name == "" && refused {
			return true
		}
	}
	return false
}

func (w *World) raceScript(sides *[2]racer, wait time.Duration) []string {
	script := slices.Clone(w.script)
	for i, s := range sides {
		var lines []string
		for k, a := range s.actions {
			lines = append(lines, fmt.Sprintf("%s %s", s.by.Name, strings.Join(a.Args, " ")))
			script = append(script, fmt.Sprintf("# %d: %s %s # %s", i, s.by.Name, strings.Join(a.Args, " "),
				outcome(s.results[k])))
		}
		before := ""
		if i == 1 && wait > 0 {
			before = "sleep " + strconv.FormatFloat(wait.Seconds(), 'f', 4, 64) + "; "
		}
		script = append(script, "("+before+strings.Join(lines, "; ")+") &")
	}
	return append(script, "wait", "orthrus luksDump "+w.headerFile()+" # "+w.state.Text(),
		"# before: the base above; repeat until it fails")
}
