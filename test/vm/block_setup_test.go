// SPDX-License-Identifier: Apache-2.0

package vm

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"github.com/orthrus-luks/orthrus/dm"
	"github.com/orthrus-luks/orthrus/dm/block"
	"github.com/orthrus-luks/orthrus/dm/target"
	"github.com/orthrus-luks/orthrus/test/vm/machine"
)

// opened opens a device for the length of the test.
func opened(t *testing.T, path string, flags block.Flags) *block.Device {
	t.Helper()
	d, err := block.Open(path, flags)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := d.Close(); err != nil {
			t.Error(err)
		}
	})
	return d
}

// loopOver attaches a new file of size bytes for the length of the test.
func loopOver(t *testing.T, size int64, options block.LoopOptions) (*block.Loop, string) {
	t.Helper()
	machine.LoadModule(t, "loop")
	file := filepath.Join(t.TempDir(), "image")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Truncate(file, size); err != nil {
		t.Fatal(err)
	}
	options.AutoClear = true
	loop, err := block.AttachLoop(file, options)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = loop.Close() })
	return loop, file
}

// marked gives n bytes of which every 512 tell where they stand.
func marked(n int) []byte {
	var out bytes.Buffer
	for out.Len() < n {
		fmt.Fprintf(&out, "%0512d", out.Len()/512)
	}
	return out.Bytes()[:n]
}

// withHoles is a mapping over a device of 1 MiB, marked, in which the 512-byte sectors of bad
// cannot be read or written.
func withHoles(t *testing.T, bad ...uint64) string {
	t.Helper()
	loop, file := loopOver(t, mib, block.LoopOptions{})
	if err := os.WriteFile(file, marked(mib), 0o600); err != nil {
		t.Fatal(err)
	}
	under := opened(t, loop.Path, 0)
	number := fmt.Sprintf("%d:%d", under.Major(), under.Minor())
	var table dm.Table
	at := uint64(0)
	for _, hole := range append(bad, mib/512) {
		if hole > at {
			table = append(table, &target.Linear{Start: at, Length: hole - at, Device: number, Offset: at})
		}
		if hole < mib/512 {
			table = append(table, &target.Error{Start: hole, Length: 1})
		}
		at = hole + 1
	}
	_, node := activate(t, mapper(t), dm.Plan{Name: freshName(), Table: table})
	return node
}

func asIOError(t *testing.T, err error) *block.IOError {
	t.Helper()
	var failed *block.IOError
	if !errors.As(err, &failed) {
		t.Fatalf("%v is no *block.IOError", err)
	}
	return failed
}
