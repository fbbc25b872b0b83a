// SPDX-License-Identifier: Apache-2.0

package guard

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/orthrus-luks/orthrus/cmd/internal/guard/store"
	"github.com/orthrus-luks/orthrus/luks"
	"github.com/orthrus-luks/orthrus/test/vectors"
)

// impostor puts another volume under the UUID into a file.
func (b *bench) impostor(name, vector, uuid string) (path string, contents []byte) {
	b.t.Helper()
	path, _ = b.image(name, vector)
	b.change(path, func(file *luks.File) error {
		v, err := luks.Load(b.t.Context(), file)
		if err == nil {
			err = v.SetUUID(b.t.Context(), uuid)
		}
		return err
	})
	contents, err := os.ReadFile(path)
	if err != nil {
		b.t.Fatal(err)
	}
	return path, contents
}

// remove takes an image away, and has the guard see that.
func (b *bench) remove(path string) {
	b.t.Helper()
	if err := os.Remove(path); err != nil {
		b.t.Fatal(err)
	}
	b.Look(b.t.Context(), path)
}

// kept is what the store has of a volume: heads by number, and undo copies.
func (b *bench) kept(uuid string) (heads []store.Kept, undo []string) {
	b.t.Helper()
	undo, err := b.store.UndoCopies(uuid)
	if err != nil {
		b.t.Fatal(err)
	}
	return b.store.Heads(uuid), undo
}

// A disk that bears a known volume's UUID, plugged in while the real one is away, destroys nothing that is
// kept of it, whatever the policy, and is not taken for it.
func TestAnImpostorDestroysNothing(t *testing.T) {
	for _, repair := range []string{"off", "rehearse", "proven"} {
		b := newBench(t, "store = full\nrepair = "+repair)
		path, contents := b.image("a", "luks2-unbound")
		uuid := b.look(path).UUID
		b.settings.Load().Default.Repair = "proven"
		b.put(path, damaged(contents, 0, headSize))
		b.look(path) // makes an undo copy
		whole, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		heads, undo := b.kept(uuid)
		if len(heads) != 1 || len(undo) != 1 {
			t.Fatalf("%v, %v", heads, undo)
		}
		b.remove(path)
		other, theirs := b.impostor("b", "luks2-serpent", uuid)
		if v := b.look(other); !strings.Contains(strings.Join(v.Findings, " "), "another volume key") {
			t.Errorf("%s: %+v", repair, v)
		}
		if h, u := b.kept(uuid); len(h) != 1 || h[0] != heads[0] || len(u) != 1 {
			t.Errorf("%s: %v, %v", repair, h, u)
		}
		b.put(other, damaged(theirs, 0, headSize))
		if v := b.look(other); v.Did != "" || !strings.Contains(strings.Join(v.Because, " "), "another volume key") {
			t.Errorf("%s: %+v", repair, v)
		}
		b.holds(other, damaged(theirs, 0, headSize))
		b.remove(other)
		b.put(path, whole)
		if v := b.look(path); v.Verdict != "healthy" || strings.Contains(strings.Join(v.Findings, " "), "accept") {
			t.Errorf("%s: the real one is back: %+v", repair, v)
		}
		if m, err := b.store.Load(uuid); err != nil || m.Chain.Fork != nil || !m.Kept {
			t.Errorf("%s: %v, %+v", repair, err, m.Chain.Fork)
		}
	}
}

// A key held for a mapped volume stays where another device bears its UUID.
func TestAnImpostorRevokesNoKey(t *testing.T) {
	b := newBench(t, "")
	path, _ := b.image("a", "luks2-unbound")
	uuid, revoked := b.look(path).UUID, 0
	b.mapped = func(u string) bool { return u == uuid }
	b.revoke = func(string) (int, error) { revoked++; return 1, nil }
	b.remove(path)
	other, _ := b.impostor("b", "luks2-serpent", uuid)
	b.look(other)
	b.look(other)
	if revoked != 0 {
		t.Errorf("revoked %d times", revoked)
	}
	b.mapped = func(string) bool { return false }
	if b.look(other); revoked != 1 {
		t.Errorf("not mapped any more, and revoked %d times", revoked)
	}
}

// A clone with a greater number that lacks a keyslot, on another device, destroys nothing either; and the
// real one is then not written to until a person decides.
func TestACloneThatWentItsOwnWayRevokesNothing(t *testing.T) {
	b := newBench(t, "store = full\nrepair = proven")
	path, contents := b.image("a", "luks2-unbound")
	uuid := b.look(path).UUID
	b.remove(path)
	clone, _ := b.image("b", "luks2-unbound")
	b.kill(clone, 0)
	b.look(clone)
	if heads, _ := b.kept(uuid); len(heads) != 2 || !heads[0].Full {
		t.Errorf("%+v", heads)
	}
	list, err := b.store.History(uuid)
	if err != nil || list[len(list)-1].What != store.Dropped {
		t.Errorf("%v, %+v", err, list)
	}
	b.remove(clone)
	b.put(path, damaged(contents, 0, headSize))
	if v := b.look(path); v.Did != "" || !strings.Contains(strings.Join(v.Because, " "), "was seen") {
		t.Errorf("%+v", v)
	}
	b.holds(path, damaged(contents, 0, headSize))
}

// kill revokes a keyslot.
func (b *bench) kill(path string, id int) {
	b.t.Helper()
	b.change(path, func(file *luks.File) error {
		v, err := luks.Load(b.t.Context(), file)
		if err == nil {
			err = v.KillKeyslot(b.t.Context(), v.Keyslots[id].ID, nil)
		}
		return err
	})
}

// A restored backup with a smaller number is no revocation, and what came after it does not come back.
func TestARestoredBackupIsNoRevocationAndStays(t *testing.T) {
	b := newBench(t, "store = full\nrepair = proven")
	path, before := b.farImage("a")
	uuid := b.look(path).UUID
	b.change(path, func(file *luks.File) error { return relabel(t.Context(), file) })
	for range 2 { // the far header follows
		b.look(path)
	}
	after, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	restored := bytes.Clone(after)
	copy(restored[:1<<20], before[:1<<20])
	b.put(path, restored)
	if v := b.look(path); !strings.Contains(strings.Join(v.Findings, " "), "an earlier state") {
		t.Errorf("%+v", v)
	}
	if heads, _ := b.kept(uuid); len(heads) < 2 {
		t.Errorf("%+v", heads)
	}
	b.holds(path, restored)
	lost := damaged(restored, 0, 2*headSize)
	b.put(path, lost)
	if v := b.look(path); v.Would != "from far" || !strings.Contains(strings.Join(v.Because, " "), "backup was restored") {
		t.Errorf("%+v", v)
	}
	b.holds(path, lost)
}

// A volume formatted anew under its UUID is not overwritten with what it was.
func TestAVolumeFormattedAnewIsNotTheOldOne(t *testing.T) {
	b := newBench(t, "repair = proven")
	path, old := b.farImage("a")
	b.look(path)
	_, other := b.farImage("other")
	b.remove(filepath.Join(b.dir, "other.img"))
	anew := bytes.Clone(old) // the old far header at the end
	copy(anew[:1<<20], other[:1<<20])
	b.put(path, anew)
	if v := b.look(path); !strings.Contains(strings.Join(v.Findings, " "), "another volume key") {
		t.Errorf("%+v", v)
	}
	b.holds(path, anew)
	lost := damaged(anew, 0, 2*headSize)
	b.put(path, lost)
	if v := b.look(path); v.Did != "" || len(v.Because) == 0 {
		t.Errorf("%+v", v)
	}
	b.holds(path, lost)
}

// wipefs takes the magics only, on purpose.
func TestWipefsIsNotUndone(t *testing.T) {
	b := newBench(t, "repair = proven")
	path, contents := b.farImage("a")
	b.look(path)
	wiped := damaged(damaged(contents, 0, 6), headSize, headSize+6)
	b.put(path, wiped)
	if v := b.look(path); v.Did != "" || !strings.Contains(strings.Join(v.Because, " "), "wipefs") ||
		!strings.Contains(strings.Join(v.Because, " "), "repair --from-far") {
		t.Errorf("%+v", v)
	}
	b.holds(path, wiped)
}

// A stick that changes its UUID each time leaves little behind, and takes nothing from others.
func TestAStickThatChangesItsUUIDLeavesLittle(t *testing.T) {
	b := newBench(t, "store = full\nrepair = proven")
	real, _ := b.image("real", "luks2-unbound")
	uuid := b.look(real).UUID
	for i := range 30 {
		path, _ := b.impostor("stick", "luks2-serpent", strings.Replace("00000000-2222-4333-8444-5555555555NN", "NN", string(rune('a'+i%6))+string(rune('a'+i/6)), 1))
		b.look(path)
	}
	if list := b.store.Volumes(); len(list) > store.MaxPerDevice+1 {
		t.Errorf("%d volumes: %v", len(list), list)
	}
	if heads, _ := b.kept(uuid); len(heads) != 1 {
		t.Errorf("%+v", heads)
	}
}

// A rehearsal proves and prepares as for a repair, writes nothing, and counts each finding once.
func TestARehearsalWritesNothingAndCounts(t *testing.T) {
	b := newBench(t, "repair = rehearse")
	path, contents := b.image("a", "luks2-unbound")
	b.look(path)
	hurt := damaged(contents, 0, headSize)
	b.put(path, hurt)
	for range 3 {
		v := b.look(path)
		if v.Did != "" || v.Would != "repair" || !strings.Contains(v.Rehearsed, "primary header written") {
			t.Errorf("%+v", v)
		}
	}
	b.holds(path, hurt)
	if n := b.counts.rehearsed.Load(); n != 1 || b.counts.repairs.Load() != 0 {
		t.Errorf("counted %d", n)
	}
	if _, undo := b.kept(b.look(path).UUID); len(undo) != 0 {
		t.Errorf("%v", undo)
	}
}

// A volume in the middle of a reencryption, of whatever version, is reported only: one head may be the only
// proof of what the other is about.
func TestAReencryptionIsLeftAlone(t *testing.T) {
	b := newBench(t, "repair = proven")
	path, contents := b.image("a", "luks2-unbound")
	err := vectors.Reseal(contents, func(meta vectors.Object) {
		meta["config"].(vectors.Object)["requirements"] = vectors.Object{"mandatory": []any{"online-reencrypt-v9"}}
	})
	if err != nil {
		t.Fatal(err)
	}
	b.put(path, contents)
	b.look(path)
	for _, hurt := range [][]byte{
		damaged(contents, 0, headSize), damaged(contents, headSize, 2*headSize), damaged(contents, 0, 512),
	} {
		b.put(path, hurt)
		v := b.look(path)
		if v.Did != "" || !strings.Contains(strings.Join(v.Because, " "), "reencryption is under way") {
			t.Errorf("%+v", v)
		}
		b.holds(path, hurt)
	}
}
