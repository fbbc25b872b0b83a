// SPDX-License-Identifier: Apache-2.0

package vm

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/orthrus-luks/orthrus/test/part"
	"github.com/orthrus-luks/orthrus/test/vm/cuts"
	"github.com/orthrus-luks/orthrus/test/vm/machine"
)

// TestEveryPowerCutOnARealKernelLeavesAKey logs what each operation really sends to the disk, and
// lets the real cryptsetup open what a power cut after each write would have left.
func TestEveryPowerCutOnARealKernelLeavesAKey(t *testing.T) {
	operations := cutsToTry(t)
	machine.Inside(t, func(t *testing.T) {
		for _, op := range operations {
			t.Run(op.Name, func(t *testing.T) {
				c := newCLI(t)
				base, writes := c.logged(op)
				if len(writes) < 3 {
					t.Fatalf("only %d writes were logged", len(writes))
				}
				image := bytes.Clone(base)
				flushes := 0
				for i, w := range writes {
					if w.Offset+int64(len(w.Data)) > cuts.Room {
						t.Fatalf("write %d of %d bytes at %d is outside the header", i, len(w.Data), w.Offset)
					}
					copy(image[w.Offset:], w.Data)
					if w.Flush {
						flushes++
					}
					c.judge(fmt.Sprintf("after write %d of %d", i+1, len(writes)), image, op.Holds)
				}
				for _, passphrase := range op.Opens {
					c.judge("after the last write", image, [][]string{{passphrase}})
				}
				if flushes == 0 {
					t.Error("nothing was flushed")
				}
				t.Logf("%s: %d writes, %d flushes, every prefix opens", op.Name, len(writes), flushes)
			})
		}
	})
}

// cutsToTry are all operations in the long run, and otherwise the two that can lose a key.
func cutsToTry(t *testing.T) []cuts.Operation {
	t.Helper()
	return part.Of(t, "operations", cuts.Operations(), cuts.Operations()[1:3])
}

// keyOf is a key file with that passphrase.
func (c cli) keyOf(passphrase string) string {
	c.t.Helper()
	path := filepath.Join(filepath.Dir(c.key), passphrase)
	if err := os.WriteFile(path, []byte(passphrase), 0o600); err != nil {
		c.t.Fatal(err)
	}
	return path
}

// line runs a command line of an operation.
func (c cli) line(text, dev string) {
	c.t.Helper()
	args := c.filled(text, dev)
	c.run(args[0], args[1:]...)
}

func (c cli) filled(text, dev string) []string {
	return cuts.Fill(text, dev, func(name string, key bool) string {
		if key {
			return c.keyOf(name)
		}
		return filepath.Join(filepath.Dir(c.key), name)
	})
}

// logged runs the operation through dm-log-writes and returns the header before and the writes.
func (c cli) logged(op cuts.Operation) ([]byte, []cuts.Write) {
	c.t.Helper()
	machine.LoadModule(c.t, "dm-log-writes")
	disk, log := machine.DiskPath(c.t, "a"), machine.DiskPath(c.t, "b")
	for _, line := range op.Before {
		c.line(line, disk)
	}
	base := c.read(disk, cuts.Room)
	dev := c.overlay("logged", fmt.Sprintf("0 %d log-writes %s %s\n", c.sectors(disk), disk, log))
	c.line(op.Run, dev)
	c.run("dmsetup", "remove", "--retry", "logged")
	writes, err := cuts.ParseLog(c.read(log, 16<<20))
	if err != nil {
		c.t.Fatal(err)
	}
	return base, writes
}

func (c cli) read(path string, n int) []byte {
	c.t.Helper()
	f, err := os.Open(path)
	if err != nil {
		c.t.Fatal(err)
	}
	defer f.Close()
	p := make([]byte, n)
	if _, err := f.ReadAt(p, 0); err != nil {
		c.t.Fatal(err)
	}
	return p
}

// judge lets the real cryptsetup try the image; one passphrase of each list must open it.
func (c cli) judge(when string, image []byte, holds [][]string) {
	c.t.Helper()
	for _, list := range holds {
		opened := false
		for _, passphrase := range list {
			path := filepath.Join(filepath.Dir(c.key), "image")
			if err := os.WriteFile(path, append(bytes.Clone(image), make([]byte, cuts.Room)...), 0o600); err != nil {
				c.t.Fatal(err)
			}
			opened = opened || exec.Command("cryptsetup", "open", "--test-passphrase", "--key-file", c.keyOf(passphrase), path).Run() == nil
		}
		if !opened {
			c.t.Errorf("%s: none of %v opens", when, list)
		}
	}
}
