// SPDX-License-Identifier: Apache-2.0

package monkey

import (
	"fmt"
	"math/rand/v2"
	"os"
	"slices"
	"strings"

	"github.com/orthrus-luks/orthrus/test/monkey/programs"
	"github.com/orthrus-luks/orthrus/test/monkey/witness"
)

// judged is one command line that was carried out.
type judged struct {
	by     *programs.Program
	action Action
	result programs.Result
	before State
	farOK  bool // the far header was in step before
	wrote  bool // files were written to
}

// accept compares what a command line did with what its exit code says.
func (w *World) accept(j judged) error {
	if j.result.Code == 119 || j.result.Code >= 128 && !j.result.Killed() {
		return fault("crashed: " + firstLine(j.result.Stderr))
	}
	if j.result.Killed() {
		return w.acceptKilled(j)
	}
	want := w.wanted(j)
	if j.result.Code != 0 && !j.action.Reads {
		if text := w.state.differs(w.open(j.before)); text != "" && !(w.tolerated(j) && anyOf(w.state, want) == "") {
			return fault("changed although it failed: " + text)
		}
		if j.action.Denied && j.result.Code == 0 {
			return fault("a passphrase that opens nothing was accepted")
		}
		return nil
	}
	if len(want) == 0 {
		return fault("succeeded although it must not")
	}
	if text := anyOf(w.state, want); text != "" && !(j.action.Reads && j.result.Code != 0) {
		return fault("said done and is not: " + text)
	}
	return w.concluded(j)
}

// wanted are the states that the command may leave; who meets what was killed may conclude it.
func (w *World) wanted(j judged) []State {
	list := j.action.Apply(j.before)
	for i := range list {
		list[i] = w.open(list[i])
	}
	return list
}

func (w *World) open(s State) State {
	if !w.cut {
		return s
	}
	return s.leave("data size", "far header", "tokens", "metadata size", "keyslots size")
}

// concluded: after a repair nothing is left of what was killed, and the metadata area has one of its sizes.
func (w *World) concluded(j judged) error {
	switch j.action.Args[0] {
	case "header", "luksHeaderRestore", "convert", "luksFormat":
		w.unsure = nil
	case "repair":
		if !w.cut || !j.by.Ours {
			return nil
		}
		w.cut = false
		if w.unsure != nil && !slices.Contains(w.unsure, [2]int64{w.state.Header, w.state.Keyslots}) {
			return fault(fmt.Sprintf("repaired, and the metadata area is another: %d and %d bytes of %v",
				w.state.Header, w.state.Keyslots, w.unsure))
		}
	}
	return nil
}

// tolerated: a command may say that the far header was left behind, where it could not follow.
func (w *World) tolerated(j judged) bool {
	return j.action.Many || strings.Contains(j.result.Stderr, "far header") && !j.farOK
}

// anyOf is empty where the state is one of those wanted, and else tells how it differs from the first.
func anyOf(s State, want []State) string {
	first := ""
	for i, one := range want {
		text := s.differs(one)
		if text == "" {
			return ""
		}
		if i == 0 {
			first = text
		}
	}
	if len(want) == 0 {
		return "there is nothing to want"
	}
	return first
}

// acceptKilled: every passphrase that was not to go still opens, none is there that was not to come.
func (w *World) acceptKilled(j judged) error {
	after := j.action.Apply(j.before)
	if !w.cut {
		w.unsure = nil
		for _, s := range append(slices.Clone(after), j.before) {
			w.unsure = append(w.unsure, [2]int64{s.Header, s.Keyslots})
		}
	}
	if len(after) > 0 && after[0].Free["keyslots size"] {
		w.unsure = nil
	}
	w.cut, w.lag = true, true
	wanted := map[string]bool{}
	for _, s := range append(after, j.before) {
		for _, name := range s.names() {
			wanted[name] = true
		}
	}
	for _, name := range w.state.names() {
		if !wanted[name] {
			return fault("killed, and " + name + " opens, which never did")
		}
	}
	victims := map[string]bool{}
	for _, name := range j.action.Victims {
		victims[name] = true
	}
	for _, id := range sortedKeys(j.before.Slots) {
		if name := j.before.Slots[id].Name; name != "" && !victims[name] && !w.state.has(name) {
			return fault("killed, and " + name + " no longer opens")
		}
	}
	if j.before.openers() > 0 && w.state.openers() == 0 && !w.mayBeEmpty(after) {
		return fault("killed, and no passphrase opens")
	}
	return nil
}

// replaced: a format was killed, and the new volume is there.
func (w *World) replaced(j judged) bool {
	if !j.action.Ends || !j.result.Killed() {
		return false
	}
	return slices.ContainsFunc(w.state.bound(), func(id int) bool { return w.state.Slots[id].Key != w.volumeKey })
}

func (w *World) mayBeEmpty(after []State) bool {
	for _, s := range after {
		if s.openers() == 0 {
			return true
		}
	}
	return false
}

// sound judges the volume as it lies there, after a command of a program.
func (w *World) sound(j judged) error {
	v := w.volume
	c, err := v.Chosen()
	if err != nil {
		return errNoHead
	}
	if c.Problem != "" {
		return fault("readers refuse the header: " + c.Problem)
	}
	if err := w.dataIntact(); err != nil {
		return err
	}
	for _, id := range w.state.bound() {
		if w.volumeKey != "" && w.state.Slots[id].Key != w.volumeKey {
			return fault("a keyslot holds another volume key")
		}
	}
	wrote := j.result.Code == 0 && !j.action.Reads && j.wrote
	if wrote && c.Version == 2 {
		if v.Primary == nil || v.Secondary == nil {
			return fault("done, and a head is not valid")
		}
		if text := stateOf(v.Primary).differs(stateOf(v.Secondary)); text != "" ||
			v.Primary.SeqID != v.Secondary.SeqID {
			return fault("done, and the heads differ: " + text)
		}
		w.scarred = false
	}
	return w.farSound(j, wrote)
}

// farInStep tells whether the far header says and opens what the heads do.
func (w *World) farInStep() string {
	v := w.volume
	c, err := v.Chosen()
	if err != nil || v.FarToken == nil || v.FarToken.Body == 0 {
		return "there is none"
	}
	for i, f := range v.Far {
		switch {
		case f == nil:
			return fmt.Sprintf("its head %d is not valid", i)
		case f.Problem != "":
			return f.Problem
		}
		if text := stateOf(f).differs(stateOf(c)); text != "" || f.SeqID != c.SeqID {
			return fmt.Sprintf("its head %d differs: %s", i, text)
		}
	}
	if v.FarToken.Length != 2*c.HeaderSize+c.KeyslotsSize {
		return "its length is not the body's"
	}
	return ""
}

// farSound judges the far header: what our program said it did is done there too, and no passphrase that it took
// away opens there or where a far header was.
func (w *World) farSound(j judged, wrote bool) error {
	if !j.by.Ours || !wrote {
		if wrote && !j.action.Reads {
			w.lag = true
		}
		return nil
	}
	why := ""
	if t := w.volume.FarToken; t != nil && t.Phase == "stable" {
		why = w.farInStep()
		told := strings.Contains(j.result.Stderr, "far header")
		if why != "" && j.farOK && !told {
			return fault("done, and the far header is left behind in silence: " + why)
		}
		w.lag = why != ""
	}
	for _, body := range sortedKeys(w.places) {
		for _, view := range w.farViews(body) {
			for id, slot := range view.Slots {
				if w.strangers && slot.Key != w.volumeKey { // the same passphrase, of the volume before
					continue
				}
				if by := w.gone[slot.Name]; by == "ours" && !w.state.has(slot.Name) && !w.lag {
					return fault(fmt.Sprintf("a revoked key opens by a far header: %s in keyslot %d at %d",
						slot.Name, id, body))
				}
			}
		}
	}
	return nil
}

func (w *World) farViews(body int64) []*witness.View {
	primary, secondary, err := witness.ReadAt(w.path(image), body, w.places[body], &w.keys)
	if err != nil {
		return nil
	}
	var list []*witness.View
	for _, v := range []*witness.View{primary, secondary} {
		if v != nil {
			list = append(list, v)
		}
	}
	return list
}

// revoked notes who took which passphrases away.
func (w *World) revoked(before State, by *programs.Program) {
	who := "peer"
	if by.Ours {
		who = "ours"
	}
	for _, name := range before.names() {
		if !w.state.has(name) && !w.hurt {
			w.gone[name] = who
		}
	}
	for _, name := range w.state.names() {
		delete(w.gone, name)
	}
}

// ask lets a drawn program, or all of them, say whether a drawn passphrase opens, which must be what the witness says.
func (w *World) ask(r *rand.Rand, all bool) error {
	list := w.set.All()
	switch {
	case !all && r.IntN(2) == 0:
		return nil
	case !all:
		list = []*programs.Program{list[r.IntN(len(list))]}
	}
	for _, p := range list {
		if err := w.askOne(r, p); err != nil {
			return err
		}
	}
	return nil
}

func (w *World) askOne(r *rand.Rand, p *programs.Program) error {
	d := &draw{Rand: r, w: w, s: w.state}
	var names []string
	for _, id := range w.state.bound() {
		if w.state.Slots[id].Priority > 0 {
			names = append(names, w.state.Slots[id].Name)
		}
	}
	if len(names) > 0 {
		name := names[r.IntN(len(names))]
		result, err := w.run(p, d.on("open", "--test-passphrase", "--key-file", name))
		if err != nil {
			return err
		}
		if result.Code != 0 && !(w.scarred && !p.Ours) {
			return fault("an acknowledged key does not open: " + firstLine(result.Stderr))
		}
	}
	if gone := w.goneNames(w.state); len(gone) > 0 && len(names) > 0 && r.IntN(4) == 0 {
		result, err := w.run(p, d.on("open", "--test-passphrase", "--key-file", gone[r.IntN(len(gone))]))
		if err != nil {
			return err
		}
		// Of volumes with keyslots that do not open the data, 2.6.1 says that there is no usable one: 1.
		if result.Code != 2 && p.Ours || result.Code == 0 {
			return fault(fmt.Sprintf("a revoked key: exit %d, not 2", result.Code))
		}
	}
	return nil
}

// lastResort destroys both heads of a copy of the volume: with a far header in step every passphrase comes back.
func (w *World) lastResort() error {
	if w.strangers || w.volume.FarToken == nil || w.farInStep() != "" || w.volume.FarToken.Phase != "stable" {
		return nil
	}
	was := w.state
	keep := w.path("kept.img")
	if err := copySparse(w.path(image), keep); err != nil {
		return err
	}
	f, err := os.OpenFile(w.path(image), os.O_WRONLY, 0)
	if err != nil {
		return err
	}
	if _, err = f.WriteAt(make([]byte, 2*was.Header), 0); err == nil {
		err = f.Close()
	}
	if err != nil {
		return err
	}
	w.say("head -c %d /dev/zero | dd of=%s conv=notrunc status=none", 2*was.Header, image)
	r, err := w.run(w.set.Ours, []string{"repair", "-q", "--from-far", image})
	if err != nil {
		return err
	}
	if err := w.read(); err != nil || r.Code != 0 {
		return fault("lost heads do not come back from the far header: " + firstLine(r.Stderr))
	}
	if text := w.state.differs(was); text != "" {
		return fault("what comes back from the far header differs: " + text)
	}
	w.say("# the volume from before the loss again")
	if err := os.Rename(keep, w.path(image)); err != nil {
		return err
	}
	return w.read()
}

func firstLine(text string) string {
	line, _, _ := strings.Cut(strings.TrimSpace(text), "\n")
	return line
}
