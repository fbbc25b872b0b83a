// SPDX-License-Identifier: Apache-2.0

package guard

import (
	"bytes"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/orthrus-luks/orthrus/cmd/internal/guard/policy"
	"github.com/orthrus-luks/orthrus/luks"
	"github.com/orthrus-luks/orthrus/luks/luks2"
)

const otherUUID = "22222222-3333-4444-8555-666666666666"

// TestAVolumeOfWhichNothingIsLeftIsReported: whatever took its header, unless that put something of its own there.
func TestAVolumeOfWhichNothingIsLeftIsReported(t *testing.T) {
	for _, config := range []string{"", "repair = proven\nstore = full"} {
		b := newBench(t, config)
		path, contents := b.image("a", "luks2-unbound")
		uuid := b.look(path).UUID
		b.put(path, damaged(contents, 0, 2*headSize))
		gone := damaged(contents, 0, 2*headSize)
		v := b.look(path)
		if v.UUID != uuid || v.Verdict != "lost" || !strings.Contains(strings.Join(v.Findings, "\n"), "guard export "+uuid) {
			t.Errorf("%+v", v)
		}
		b.holds(path, gone)
		garbled := slices.Clone(contents)
		for _, at := range []int{0, headSize} { // their text stands
			copy(garbled[at:], bytes.Repeat([]byte{0xff}, 4096))
		}
		b.put(path, garbled)
		if v := b.look(path); v.UUID != uuid || v.Verdict != "lost" ||
			!strings.Contains(strings.Join(v.Findings, "\n"), "guard export "+uuid) {
			t.Errorf("garbled: %+v", v)
		}
		b.put(path, contents)
		if v := b.look(path); v.Verdict != "healthy" {
			t.Errorf("put back: %+v", v)
		}
		swap := damaged(contents, 0, len(contents))
		copy(swap[4096-10:], "SWAPSPACE2")
		swap[1024] = 1 // its version
		b.put(path, swap)
		if v := b.Look(t.Context(), path); v != nil {
			t.Errorf("beneath a swap area: %+v", v)
		}
		if m, err := b.store.Load(uuid); err != nil || !strings.Contains(m.Chain.Ended, "swap") {
			t.Errorf("remembered: %v, %v", m.Chain.Ended, err)
		}
	}
}

// TestTheFarHeaderOfAFormerUUIDBringsNothingBack: the state seen last on the device counts, under whatever UUID.
func TestTheFarHeaderOfAFormerUUIDBringsNothingBack(t *testing.T) {
	t.Run("alone", func(t *testing.T) { bringsNothingBack(t, false) })
	t.Run("beside a clone", func(t *testing.T) { bringsNothingBack(t, true) })
}

func bringsNothingBack(t *testing.T, clone bool) {
	b := newBench(t, "repair = off")
	path, contents := b.farImage("a")
	b.look(path)
	b.change(path, func(file *luks.File) error {
		return otherTool(t.Context(), file, func(c *luks2.Copy) { c.Header.UUID = otherUUID })
	})
	renamed, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	other := filepath.Join(b.dir, "c.img")
	if clone {
		b.put(other, renamed)
		b.look(other)
	}
	if v := b.look(path); v.UUID != otherUUID {
		t.Fatalf("%+v", v)
	}
	if clone {
		b.remove(other)
		b.Look(t.Context(), other)
	}
	b.configure("repair = proven")
	bad := damaged(renamed, 0, 2*headSize)
	b.put(path, bad)
	v := b.look(path)
	if v.Verdict != "lost" || v.Did != "" || !clone && (v.UUID != otherUUID ||
		!strings.Contains(strings.Join(v.Findings, "\n"), "has another UUID")) {
		t.Errorf("%+v", v)
	}
	b.holds(path, bad)
	b.put(path, contents) // an older state, which does not come back by itself either
	b.look(path)
}

// TestTheFarHeaderIsFoundOnADeviceThatGrewUnseen, where it does not lie at the end any more.
func TestTheFarHeaderIsFoundOnADeviceThatGrewUnseen(t *testing.T) {
	b := newBench(t, "repair = proven")
	path, contents := b.farImage("a")
	b.look(path)
	b.put(path, append(damaged(contents, 0, 2*headSize), make([]byte, 8<<20)...))
	if v := b.look(path); !strings.Contains(v.Did, "far header") || v.Verdict == "lost" {
		t.Errorf("%+v", v)
	}
}

// TestAReencryptionSeenAmidItsWorkIsRemembered: the far header, and what is kept, are from before it.
func TestAReencryptionSeenAmidItsWorkIsRemembered(t *testing.T) {
	b := newBench(t, "repair = proven")
	path, contents := b.farImage("a")
	uuid := b.look(path).UUID
	// The word that every run leaves in the metadata, in a head that is not valid.
	torn := damaged(contents, 0, headSize)
	copy(torn[8192:], reencryptWord)
	b.put(path, torn)
	if v := b.look(path); v.Did != "" {
		t.Fatalf("%+v", v)
	}
	b.holds(path, torn)
	if m, err := b.store.Load(uuid); err != nil || !m.Chain.Reencrypted() {
		t.Fatalf("remembered: %v, %v", m.Chain.Ended, err)
	}
	bad := damaged(contents, 0, 2*headSize)
	b.put(path, bad)
	v := b.look(path)
	if v.Did != "" || !strings.Contains(strings.Join(v.Because, "\n"), "a reencryption is under way, or was") {
		t.Errorf("%+v", v)
	}
	b.holds(path, bad)
	b.put(path, contents)
	if v := b.look(path); v.Verdict != "healthy" {
		t.Errorf("%+v", v)
	}
	if m, _ := b.store.Load(uuid); m.Chain.Reencrypted() {
		t.Error("a state in order does not end it")
	}
}

// TestALookThatKeepsNothingOutdatesWhatWasKept, and a newer state under another UUID on another device does.
func TestALookThatKeepsNothingOutdatesWhatWasKept(t *testing.T) {
	for name, again := range map[string]func(b *bench, path string) string{
		"store = off": func(b *bench, path string) string {
			b.change(path, func(file *luks.File) error { return relabel(t.Context(), file) })
			b.configure("store = off")
			b.look(path)
			return path
		},
		"one head damaged": func(b *bench, path string) string {
			b.change(path, func(file *luks.File) error { return relabel(t.Context(), file) })
			whole, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			b.put(path, damaged(whole, headSize, 2*headSize))
			b.look(path)
			return path
		},
		"renamed": func(b *bench, path string) string {
			b.change(path, func(file *luks.File) error {
				return otherTool(t.Context(), file, func(c *luks2.Copy) { c.Header.UUID = otherUUID })
			})
			b.look(path)
			moved := filepath.Join(b.dir, "b.img")
			if err := os.Rename(path, moved); err != nil {
				t.Fatal(err)
			}
			return moved
		},
	} {
		b := newBench(t, "repair = off")
		path, _ := b.farImage("a")
		b.look(path)
		path = again(b, path)
		now, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		bad := damaged(now, 0, 2*headSize)
		b.put(path, bad)
		b.configure("repair = proven")
		if v := b.look(path); v.Did != "" || v.Verdict != "lost" {
			t.Errorf("%s: %+v", name, v)
		}
		b.holds(path, bad)
	}
}

// configure gives the guard another configuration.
func (b *bench) configure(text string) {
	b.t.Helper()
	c, err := policy.Parse([]byte(text))
	if err != nil {
		b.t.Fatal(err)
	}
	b.settings.Store(&c)
}

// TestACloneElsewhereDoesNotSayWhatLiesOnADevice: the volume that was seen there last does.
func TestACloneElsewhereDoesNotSayWhatLiesOnADevice(t *testing.T) {
	b := newBench(t, "repair = off")
	path, first := b.farImage("a")
	uuid := b.look(path).UUID
	b.change(path, func(file *luks.File) error { return relabel(t.Context(), file) })
	b.look(path)
	second, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	b.change(path, func(file *luks.File) error {
		return otherTool(t.Context(), file, func(c *luks2.Copy) { c.Header.UUID = otherUUID })
	})
	b.look(path)
	clone := filepath.Join(b.dir, "c.img")
	b.put(clone, first)
	b.look(clone)
	b.remove(clone)
	b.Look(t.Context(), clone)
	if got := b.store.LastOn(path); got != otherUUID {
		t.Errorf("after a look at a clone of what lay there: %s, want %s", got, otherUUID)
	}
	b.put(path, second)
	b.look(path)
	if got := b.store.LastOn(path); got != uuid {
		t.Errorf("after that was put back: %s, want %s", got, uuid)
	}
}
