// SPDX-License-Identifier: Apache-2.0

package vm

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/orthrus-luks/orthrus/dm/block"
	"github.com/orthrus-luks/orthrus/test/vm/machine"
)

func TestLoopOptionsReachTheKernel(t *testing.T) {
	machine.Inside(t, func(t *testing.T) {
		loop, file := loopOver(t, 8*mib, block.LoopOptions{Offset: mib, SizeLimit: 3 * mib, SectorSize: 4096})
		d := opened(t, loop.Path, block.ReadWrite|block.Direct)
		if d.Size() != 3*mib || d.LogicalSector() != 4096 || !d.Direct() {
			t.Errorf("size %d, sector %d, direct %v", d.Size(), d.LogicalSector(), d.Direct())
		}
		if _, err := d.WriteAt([]byte("here"), 5); err != nil {
			t.Fatal(err)
		}
		if err := d.Sync(); err != nil {
			t.Fatal(err)
		}
		content, err := os.ReadFile(file)
		if err != nil || string(content[mib+5:mib+9]) != "here" {
			t.Errorf("file: %q, %v", content[mib:mib+9], err)
		}
		if behind, err := block.LoopBacking(loop.Path); err != nil || behind != file {
			t.Errorf("file behind: %q, %v", behind, err)
		}
	})
}

func TestLoopWithALongNameKeepsItWhole(t *testing.T) {
	machine.Inside(t, func(t *testing.T) {
		machine.LoadModule(t, "loop")
		file := filepath.Join(t.TempDir(), strings.Repeat("long ", 40))
		if err := os.WriteFile(file, make([]byte, mib), 0o600); err != nil {
			t.Fatal(err)
		}
		loop, err := block.AttachLoop(file, block.LoopOptions{AutoClear: true, Direct: true})
		if err != nil {
			t.Fatal(err)
		}
		defer loop.Close()
		if behind, err := block.LoopBacking(loop.Path); err != nil || behind != file {
			t.Errorf("%q, %v", behind, err)
		}
		if err := os.Remove(file); err != nil {
			t.Fatal(err)
		}
		if behind, err := block.LoopBacking(loop.Path); err != nil || behind != file+" (deleted)" {
			t.Errorf("%q, %v", behind, err)
		}
	})
}

func TestAutoClearedLoopGoesWithItsLastUser(t *testing.T) {
	machine.Inside(t, func(t *testing.T) {
		loop, _ := loopOver(t, mib, block.LoopOptions{})
		user, err := block.Open(loop.Path, 0)
		if err != nil {
			t.Fatal(err)
		}
		if err := loop.Close(); err != nil {
			t.Fatal(err)
		}
		if _, err := block.LoopBacking(loop.Path); err != nil {
			t.Errorf("gone while in use: %v", err)
		}
		if err := user.Close(); err != nil {
			t.Fatal(err)
		}
		detached(t, loop.Path)
	})
}

func detached(t *testing.T, path string) {
	t.Helper()
	machine.Eventually(t, 5*time.Second, "the file is let go", func() bool {
		_, err := block.LoopBacking(path)
		return errors.Is(err, block.ErrNotLoop)
	})
}

func TestLoopWithoutAutoClearStaysUntilDetached(t *testing.T) {
	machine.Inside(t, func(t *testing.T) {
		machine.LoadModule(t, "loop")
		file := filepath.Join(t.TempDir(), "image")
		if err := os.WriteFile(file, make([]byte, mib), 0o600); err != nil {
			t.Fatal(err)
		}
		first, err := block.AttachLoop(file, block.LoopOptions{})
		if err != nil {
			t.Fatal(err)
		}
		if err := first.Close(); err != nil {
			t.Fatal(err)
		}
		again, err := block.OpenLoop(first.Path)
		if err != nil || again.File != file {
			t.Fatalf("%+v, %v", again, err)
		}
		if err := again.Detach(); err != nil {
			t.Fatal(err)
		}
		detached(t, first.Path)
		if _, err := block.OpenLoop(first.Path); !errors.Is(err, block.ErrNotLoop) {
			t.Errorf("detached: %v", err)
		}
	})
}

func TestGrownFileGrowsTheOpenDevice(t *testing.T) {
	machine.Inside(t, func(t *testing.T) {
		loop, file := loopOver(t, mib, block.LoopOptions{})
		d := opened(t, loop.Path, block.ReadWrite|block.Direct)
		if err := os.Truncate(file, 3*mib); err != nil {
			t.Fatal(err)
		}
		if err := loop.SetCapacity(); err != nil {
			t.Fatal(err)
		}
		tail := bytes.Repeat([]byte("new"), 1000)
		if _, err := d.WriteAt(tail, 3*mib-3000); err != nil || d.Size() != 3*mib {
			t.Errorf("write into the new part: %v, size %d", err, d.Size())
		}
		if err := os.Truncate(file, 2*mib); err != nil {
			t.Fatal(err)
		}
		if err := loop.SetCapacity(); err != nil {
			t.Fatal(err)
		}
		if size, err := d.Refresh(); size != 2*mib || err != nil {
			t.Errorf("shrunk: %d, %v", size, err)
		}
	})
}

func TestManyAttachAtOnceAndEachGetsItsOwn(t *testing.T) {
	machine.Inside(t, func(t *testing.T) {
		machine.LoadModule(t, "loop")
		dir := t.TempDir()
		var mu sync.Mutex
		seen := map[string]bool{}
		var all sync.WaitGroup
		for i := range 12 {
			file := filepath.Join(dir, string(rune('a'+i)))
			if err := os.WriteFile(file, make([]byte, 65536), 0o600); err != nil {
				t.Fatal(err)
			}
			all.Go(func() {
				loop, err := block.AttachLoop(file, block.LoopOptions{AutoClear: true})
				if err != nil {
					t.Error(err)
					return
				}
				t.Cleanup(func() { _ = loop.Close() })
				behind, err := block.LoopBacking(loop.Path)
				mu.Lock()
				defer mu.Unlock()
				if seen[loop.Path] || err != nil || behind != file {
					t.Errorf("%s for %s: %q, %v", loop.Path, file, behind, err)
				}
				seen[loop.Path] = true
			})
		}
		all.Wait()
	})
}

func TestAttachTellsWhyNot(t *testing.T) {
	machine.Inside(t, func(t *testing.T) {
		machine.LoadModule(t, "loop")
		if _, err := block.AttachLoop("/no/such/file", block.LoopOptions{}); !errors.Is(err, os.ErrNotExist) {
			t.Error(err)
		}
		file := filepath.Join(t.TempDir(), "image")
		if err := os.WriteFile(file, make([]byte, mib), 0o600); err != nil {
			t.Fatal(err)
		}
		if _, err := block.AttachLoop(file, block.LoopOptions{SectorSize: 100}); err == nil {
			t.Error("sectors of 100 bytes accepted")
		}
	})
}
