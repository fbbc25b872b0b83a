// SPDX-License-Identifier: Apache-2.0

package store

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/orthrus-luks/orthrus/cmd/internal/guard/identity"
	"github.com/orthrus-luks/orthrus/cmd/internal/undo"
	"github.com/orthrus-luks/orthrus/luks"
	"github.com/orthrus-luks/orthrus/luks/inspect"
	"github.com/orthrus-luks/orthrus/luks/repair"
	"github.com/orthrus-luks/orthrus/test/vectors"
)

var noon = time.Date(2026, 1, 2, 12, 0, 0, 0, time.UTC)

// volumeFile is an image of a recorded volume, open for writing.
func volumeFile(t *testing.T, vector string) *luks.File {
	t.Helper()
	image, _ := vectors.Open(vector)
	path := filepath.Join(t.TempDir(), vector)
	if err := os.WriteFile(path, image, 0o600); err != nil {
		t.Fatal(err)
	}
	file, err := luks.OpenDevice(path, luks.DeviceOptions{Write: true})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = file.Close() })
	return file
}

func captured(t *testing.T, file *luks.File, full bool) Head {
	t.Helper()
	h, err := Capture(file, inspect.Read(file), full, noon)
	if err != nil {
		t.Fatal(err)
	}
	return h
}

// save remembers a head as the next state of its chain.
func save(t *testing.T, s Store, h Head, file *luks.File) (root string) {
	t.Helper()
	m, err := s.Load(h.UUID)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		t.Fatal(err)
	}
	root, err = s.Save(m.Chain.See(h.Mark, h.Time, "disk"), &h, file)
	if err != nil {
		t.Fatal(err)
	}
	return root
}

func fresh(t *testing.T) Store {
	dir := t.TempDir()
	return Store{State: filepath.Join(dir, "state"), Volatile: filepath.Join(dir, "run")}
}

func contents(t *testing.T, file *luks.File) []byte {
	t.Helper()
	p := make([]byte, file.Size())
	if _, err := file.ReadAt(p, 0); err != nil {
		t.Fatal(err)
	}
	return p
}

func write(t *testing.T, file *luks.File, p []byte, off int64) {
	t.Helper()
	if _, err := file.WriteAt(p, off); err != nil {
		t.Fatal(err)
	}
}

func TestDestroyedHeadsComeBackByteForByte(t *testing.T) {
	for _, vector := range []string{"luks2-unbound", "luks2-serpent", "luks1-sha1"} {
		t.Run(vector, func(t *testing.T) {
			file := volumeFile(t, vector)
			before := contents(t, file)
			h := captured(t, file, false)
			end := h.Parts[len(h.Parts)-1]
			write(t, file, make([]byte, end.Offset+end.Length), 0)
			if changed := h.Changed(file); len(changed) != 0 {
				t.Errorf("changed: %v", changed)
			}
			plan, err := h.Restore(file)
			if err != nil {
				t.Fatal(err)
			}
			if err := repair.Apply(file, plan); err != nil {
				t.Fatal(err)
			}
			if !bytes.Equal(contents(t, file), before) {
				t.Error("not as before")
			}
		})
	}
}

func TestHeadsOnlyHoldNoKeyMaterial(t *testing.T) {
	file := volumeFile(t, "luks2-unbound")
	image := contents(t, file)
	for _, full := range []bool{false, true} {
		h := captured(t, file, full)
		p, err := h.Encode()
		if err != nil {
			t.Fatal(err)
		}
		area := image[h.Sums[0].Offset:][:512]
		if bytes.Contains(p, area) != full {
			t.Errorf("full %v: key material kept %v", full, !full)
		}
		again, err := DecodeHead(p)
		if err != nil || !again.Same(h) {
			t.Errorf("%v: %+v", err, again)
		}
	}
}

func TestChangedAreasAreNamed(t *testing.T) {
	file := volumeFile(t, "luks2-unbound")
	h := captured(t, file, false)
	write(t, file, make([]byte, 4096), int64(h.Sums[0].Offset)+4096)
	if got := fmt.Sprint(h.Changed(file)); got != "[keyslot 0]" {
		t.Errorf("%s", got)
	}
	next := captured(t, file, false)
	if next.Revokes(h) || h.Revokes(h) || !next.Damaged(h) || h.Damaged(h) {
		t.Error("a changed area is a revocation, or no damage")
	}
	if carried := next.Carry(h); len(carried.Changed(file)) != 1 || carried.Damaged(h) {
		t.Errorf("what is kept of the area is not carried over: %v", carried.Changed(file))
	}
}

func TestAHeadThatChangesWhileItIsReadIsNotKept(t *testing.T) {
	file := volumeFile(t, "luks2-unbound")
	e := inspect.Read(file)
	e.Choice.Copy.Header.SeqID++
	if _, err := Capture(file, e, false, noon); !errors.Is(err, ErrUnsettled) {
		t.Errorf("%v", err)
	}
}

func TestStoreKeepsOneHeadPrivately(t *testing.T) {
	s, file := fresh(t), volumeFile(t, "luks2-unbound")
	h := captured(t, file, true)
	if _, err := s.Load(h.UUID); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("before: %v", err)
	}
	for range 2 {
		if root := save(t, s, h, file); root != s.State {
			t.Fatalf("%s", root)
		}
	}
	got, err := s.Load(h.UUID)
	if err != nil || !got.Kept || !got.Head.Same(h) || !got.Head.Full {
		t.Errorf("%v", err)
	}
	info, err := os.Stat(filepath.Join(volume(s.State, h.UUID), headName(h.Mark)))
	if err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("%v, %v", info.Mode(), err)
	}
}

func TestADamagedFileIsNoHead(t *testing.T) {
	s, file := fresh(t), volumeFile(t, "luks2-unbound")
	h := captured(t, file, false)
	save(t, s, h, file)
	path := filepath.Join(volume(s.State, h.UUID), headName(h.Mark))
	p, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	p[len(p)/2] ^= 1
	if err := os.WriteFile(path, p, 0o600); err != nil {
		t.Fatal(err)
	}
	if m, err := s.Load(h.UUID); err != nil || m.Kept {
		t.Errorf("%v, kept %v", err, m.Kept)
	}
	path = filepath.Join(volume(s.State, h.UUID), chainFile)
	if err := os.WriteFile(path, p, 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := s.Load(h.UUID); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("%v", err)
	}
}

func TestTheRestOfTheKeyslotsAreaCounts(t *testing.T) {
	file := volumeFile(t, "luks2-unbound")
	h := captured(t, file, false)
	if len(h.Rest) == 0 {
		t.Fatal("no rest")
	}
	last := h.Rest[len(h.Rest)-1]
	write(t, file, []byte("something"), int64(last.Offset+last.Length-512))
	if got := fmt.Sprint(h.Changed(file)); got != "[the rest of the keyslots area]" {
		t.Errorf("%s", got)
	}
}

// numbered is a volume of its own, on a device of that name.
func numbered(t *testing.T, s Store, h Head, file *luks.File, n int, device string) error {
	t.Helper()
	h.UUID = fmt.Sprintf("11111111-2222-4333-8444-%012x", n)
	h.Mark.UUID = h.UUID
	_, err := s.Save(identity.Chain{}.See(h.Mark, fmt.Sprint(n), device), &h, file)
	return err
}

func TestADeviceThatChangesItsUUIDKeepsLittle(t *testing.T) {
	s, file := fresh(t), volumeFile(t, "luks2-unbound")
	h := captured(t, file, true)
	save(t, s, h, file)
	for n := range 50 {
		if err := numbered(t, s, h, file, n, "stick"); err != nil {
			t.Fatal(err)
		}
	}
	if list := s.Volumes(); len(list) != MaxPerDevice+1 {
		t.Errorf("%v", list)
	}
	if m, err := s.Load(h.UUID); err != nil || !m.Kept {
		t.Errorf("what lies elsewhere is lost: %v", err)
	}
}

func TestAFullStoreTakesNothingNew(t *testing.T) {
	s, file := fresh(t), volumeFile(t, "luks2-unbound")
	h := captured(t, file, false)
	for n := range MaxVolumes {
		if err := os.MkdirAll(volume(s.State, fmt.Sprintf("00000000-2222-4333-8444-%012x", n)), 0o700); err != nil {
			t.Fatal(err)
		}
	}
	if err := numbered(t, s, h, file, 1, "disk"); !errors.Is(err, ErrFull) {
		t.Errorf("%v", err)
	}
	if err := s.Note("11111111-2222-4333-8444-555555555555", Entry{}); !errors.Is(err, ErrFull) {
		t.Errorf("%v", err)
	}
	if list := s.Volumes(); len(list) != MaxVolumes {
		t.Errorf("%d", len(list))
	}
}

func TestHeadsOfAVolumeAreBounded(t *testing.T) {
	s, file := fresh(t), volumeFile(t, "luks2-unbound")
	h := captured(t, file, true)
	for range 3 * MaxHeads {
		h.SeqID++
		h.Mark.SeqID = h.SeqID
		save(t, s, h, file)
	}
	list := s.Heads(h.UUID)
	if len(list) != MaxHeads || list[len(list)-1].SeqID != h.SeqID {
		t.Errorf("%+v", list)
	}
	if m, err := s.Load(h.UUID); err != nil || !m.Kept || m.Head.SeqID != h.SeqID {
		t.Errorf("%v, %+v", err, m.Head.Mark)
	}
	if again, err := list[0].At(); err != nil || again.SeqID != list[0].SeqID || !again.Full {
		t.Errorf("%v", err)
	}
}

// A purge leaves nothing that brings a key back, not even in the blocks of the file.
func TestPurgeOverwritesWhatItRemoves(t *testing.T) {
	s, file := fresh(t), volumeFile(t, "luks2-unbound")
	h := captured(t, file, true)
	save(t, s, h, file)
	if _, err := h.Restore(file); !errors.Is(err, repair.ErrStillValid) {
		t.Errorf("over a valid head: %v", err)
	}
	write(t, file, make([]byte, 32<<10), 0)
	plan, err := h.Restore(file)
	if err != nil {
		t.Fatal(err)
	}
	kept := filepath.Join(undo.Directory(s.State), undo.Name(plan, noon))
	if err := undo.Keep(kept, file, plan, noon); err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(volume(s.State, h.UUID), headName(h.Mark))
	open, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer open.Close()
	if err := s.Purge(h.UUID); err != nil {
		t.Fatal(err)
	}
	for _, gone := range []string{path, kept} {
		if _, err := os.Stat(gone); !errors.Is(err, fs.ErrNotExist) {
			t.Errorf("%s: %v", gone, err)
		}
	}
	p := make([]byte, 1<<20)
	n, _ := open.ReadAt(p, 0)
	if n == 0 || len(bytes.Trim(p[:n], "\x00")) != 0 {
		t.Errorf("%d bytes, and not all zeros", n)
	}
}

// Whatever is asked of a rehearsed store, its files stay as they are.
func TestARehearsedStoreStays(t *testing.T) {
	s, file := fresh(t), volumeFile(t, "luks2-unbound")
	h := captured(t, file, true)
	save(t, s, h, file)
	if err := errors.Join(s.Hold(h.UUID, "why"), s.Note(h.UUID, Entry{What: Seen})); err != nil {
		t.Fatal(err)
	}
	before := tree(t, s.State)
	s.Rehearsed = true
	m, err := s.Load(h.UUID)
	if err != nil {
		t.Fatal(err)
	}
	_, err = s.Save(m.Chain.See(state(h.Mark, 9), h.Time, "elsewhere"), &h, file)
	paths, listErr := s.Revives(t.Context(), h.Mark)
	if len(paths) != 2 {
		t.Errorf("%v", paths)
	}
	if err := errors.Join(err, listErr, s.Shred(paths...), s.Purge(h.UUID), s.PurgeFormer(state(h.Mark, 9), "disk"),
		s.Note(h.UUID, Entry{What: Lost}), s.Hold(h.UUID, "other"), s.Release(h.UUID), s.TrimUndo(h.UUID),
		s.Drop(h.UUID)); err != nil {
		t.Fatal(err)
	}
	if after := tree(t, s.State); !maps.Equal(before, after) {
		t.Errorf("%d files, and %d", len(before), len(after))
	}
}

// state is another state of a volume, under another UUID.
func state(m identity.Mark, seqid uint64) identity.Mark {
	m.UUID, m.SeqID = "99999999-2222-4333-8444-555555555555", seqid
	return m
}

// tree is the contents of all files below a directory.
func tree(t *testing.T, dir string) map[string]string {
	t.Helper()
	files := map[string]string{}
	err := filepath.WalkDir(dir, func(path string, e fs.DirEntry, err error) error {
		if err != nil || e.IsDir() {
			return err
		}
		p, err := os.ReadFile(path)
		files[path] = string(p)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return files
}

// What a volume bore before goes with a key that is revoked, where it lay on the same device: elsewhere it may be
// of a clone.
func TestAFormerUUIDIsPurgedOnItsDevice(t *testing.T) {
	s, file := fresh(t), volumeFile(t, "luks2-unbound")
	h := captured(t, file, true)
	save(t, s, h, file)
	now, stranger := state(h.Mark, 9), state(h.Mark, 9)
	stranger.Keys = [][]byte{[]byte("other")}
	if err := errors.Join(s.PurgeFormer(now, "elsewhere"), s.PurgeFormer(stranger, "disk")); err != nil {
		t.Fatal(err)
	}
	if kept := s.Heads(h.UUID); len(kept) != 1 {
		t.Errorf("%v", kept)
	}
	if err := s.PurgeFormer(now, "disk"); err != nil {
		t.Fatal(err)
	}
	if _, err := s.Load(h.UUID); !errors.Is(err, fs.ErrNotExist) || len(s.Heads(h.UUID)) != 0 {
		t.Errorf("%v, %v", err, s.Heads(h.UUID))
	}
}

func TestHistoryIsBoundedAndInOrder(t *testing.T) {
	s := fresh(t)
	if _, err := s.History("u"); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("%v", err)
	}
	text := string(bytes.Repeat([]byte("x"), 1000))
	for i := range 1000 {
		if err := s.Note("u", Entry{What: Seen, SeqID: uint64(i), Text: text}); err != nil {
			t.Fatal(err)
		}
	}
	list, err := s.History("u")
	if err != nil || len(list) < 100 || len(list) > 300 {
		t.Fatalf("%d entries, %v", len(list), err)
	}
	for i, e := range list {
		if e.SeqID != list[0].SeqID+uint64(i) {
			t.Fatalf("entry %d has %d", i, e.SeqID)
		}
	}
	if list[len(list)-1].SeqID != 999 {
		t.Errorf("the last is %d", list[len(list)-1].SeqID)
	}
}

func TestAHoldLastsUntilItIsReleased(t *testing.T) {
	s := fresh(t)
	if err := s.Release("u"); err != nil || s.Held("u") != "" {
		t.Errorf("%v, %q", err, s.Held("u"))
	}
	if err := s.Hold("u", "why"); err != nil || s.Held("u") != "why" {
		t.Errorf("%v, %q", err, s.Held("u"))
	}
	if err := s.Release("u"); err != nil || s.Held("u") != "" {
		t.Errorf("%v, %q", err, s.Held("u"))
	}
}

func FuzzDecodeHead(f *testing.F) {
	p, err := Head{UUID: "u", DeviceSize: 100, Parts: []Part{{What: "header", Length: 4, Bytes: []byte("head")}}}.Encode()
	if err != nil {
		f.Fatal(err)
	}
	f.Add(p)
	f.Fuzz(func(t *testing.T, p []byte) {
		h, err := DecodeHead(p)
		if err != nil {
			return
		}
		for _, part := range h.Parts {
			if uint64(len(part.Bytes)) != part.Length || part.Offset+part.Length > h.DeviceSize {
				t.Errorf("%+v", part)
			}
		}
	})
}

// Whoever is killed in the middle of destroying leaves the chain, by which the rest is known; what cannot be listed is
// an error and not nothing.
func TestARevocationEndsWithTheChain(t *testing.T) {
	s, file := fresh(t), volumeFile(t, "luks2-unbound")
	h := captured(t, file, true)
	save(t, s, h, file)
	paths, err := s.Revives(t.Context(), h.Mark)
	if err != nil || len(paths) != 2 {
		t.Fatalf("%v, %v", paths, err)
	}
	slices.Reverse(paths)
	chain := filepath.Join(volume(s.State, h.UUID), chainFile)
	if got := InOrder(append(paths, paths...)); len(got) != 2 || got[1] != chain {
		t.Errorf("%v", got)
	}
	if got, err := s.Revives(t.Context(), h.Mark); err != nil || got[len(got)-1] != chain {
		t.Errorf("%v, %v", got, err)
	}
	if err := os.Symlink("x", filepath.Join(filepath.Dir(volume(s.State, h.UUID)), "x")); err != nil { // a circle
		t.Fatal(err)
	}
	if list, err := s.heads("x"); err == nil || len(list) != 0 {
		t.Errorf("a folder that cannot be listed: %v, %v", list, err)
	}
}

// A head of which no chain tells is what a revocation left that was cut off.
func TestAHeadWithoutAChainIsNotKept(t *testing.T) {
	s, file := fresh(t), volumeFile(t, "luks2-unbound")
	h := captured(t, file, true)
	save(t, s, h, file)
	chain := filepath.Join(volume(s.State, h.UUID), chainFile)
	if err := os.Remove(chain); err != nil {
		t.Fatal(err)
	}
	later := h
	later.SeqID++
	later.Mark.SeqID++
	save(t, s, later, file)
	heads, err := s.heads(h.UUID)
	if err != nil || len(heads) != 1 || filepath.Base(heads[0]) != headName(later.Mark) {
		t.Errorf("%v, %v", heads, err)
	}
}
