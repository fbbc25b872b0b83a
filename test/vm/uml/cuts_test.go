// SPDX-License-Identifier: Apache-2.0

package uml

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/orthrus-luks/orthrus/test/part"
	"github.com/orthrus-luks/orthrus/test/vm/cuts"
)

// flawed are the disks on which nothing may succeed: dm-flakey's features.
var flawed = []string{"drop_writes", "error_writes"}

// TestEveryOperationOnFlakyAndLoggedDisks runs each change of a header on a disk that drops its writes
// in silence, on one that fails them, and on a sound one that logs them. On the first two it never
// succeeds, and the real cryptsetup opens what it opened before. Of the last, every prefix of the writes,
// which is what a power cut leaves, opens with cryptsetup.
func TestEveryOperationOnFlakyAndLoggedDisks(t *testing.T) {
	dir := place(t, diskSize)
	if err := os.WriteFile(filepath.Join(dir, "log"), make([]byte, 8<<20), 0o600); err != nil {
		t.Fatal(err)
	}
	operations := toTry(t)
	var script strings.Builder
	fmt.Fprintf(&script, "mount -t hostfs results /mnt -o %s/results || echo FAIL mount results\n", dir)
	if err := os.Mkdir(filepath.Join(dir, "results"), 0o700); err != nil {
		t.Fatal(err)
	}
	for n, op := range operations {
		scriptFor(&script, dir, n, op)
	}
	runScript(t, dir, script.String(), 10*time.Minute)
	prefixes, writes := 0, 0
	for n, op := range operations {
		t.Run(op.Name, func(t *testing.T) {
			j := judge{t, t.TempDir(), op}
			base := result(t, dir, "base", n)
			for _, feature := range flawed {
				after := result(t, dir, feature, n)
				if !bytes.Equal(after, base) {
					t.Errorf("%s: a write reached the disk", feature)
				}
				j.holds("on a disk with "+feature, after, op.Holds)
			}
			p, w := j.replay(base, result(t, dir, "log", n))
			prefixes, writes = prefixes+p, writes+w
		})
	}
	fmt.Printf("%d operations on a real kernel: none succeeds on a disk that loses or fails writes; %d writes logged, cryptsetup opens all %d different states that a power cut leaves\n",
		len(operations), writes, prefixes)
}

// toTry are all operations in the long run, and otherwise a key changed, and a LUKS1 header restored.
func toTry(t *testing.T) []cuts.Operation {
	t.Helper()
	all := cuts.Operations()
	return part.Of(t, "operations", all, []cuts.Operation{all[1], all[13]})
}

// scriptFor makes the volume, tries the operation on both flawed disks, then on the logged one.
func scriptFor(script *strings.Builder, dir string, n int, op cuts.Operation) {
	fill := func(line, dev string) string {
		args := cuts.Fill(line, dev, func(name string, key bool) string {
			if key {
				return filepath.Join(dir, name)
			}
			return fmt.Sprintf("/mnt/%s.%d", name, n)
		})
		if args[0] == "orthrus" {
			args[0] = "./orthrus"
		}
		return strings.Join(args, " ")
	}
	say := func(format string, args ...any) { fmt.Fprintf(script, format+"\n", args...) }
	say("at='%s'", op.Name)
	for _, line := range op.Before {
		say("want 0 %s", fill(line, "/dev/ubda"))
	}
	say("want 0 dd if=/dev/ubda of=/mnt/base.%d bs=1M iflag=direct", n)
	over := func(table string) {
		say("want 0 dmsetup create over --table '0 %d %s'", diskSize/512, table)
		say("want 0 dmsetup mknodes over")
	}
	for _, feature := range flawed {
		over("flakey /dev/ubda 0 0 3600 1 " + feature)
		say(`out=$(%s 2>&1) && echo "FAIL at $at: success on a disk with %s: $out"`, fill(op.Run, "/dev/mapper/over"), feature)
		say("want 0 dmsetup remove --retry over")
		say("want 0 dd if=/dev/ubda of=/mnt/%s.%d bs=1M iflag=direct", feature, n)
		say("rm -f /mnt/undo.%d", n)
	}
	over("log-writes /dev/ubda /dev/ubdb")
	say("want 0 %s", fill(op.Run, "/dev/mapper/over"))
	say("want 0 dmsetup remove --retry over")
	say("want 0 dd if=/dev/ubdb of=/mnt/log.%d bs=1M iflag=direct", n)
}

func result(t *testing.T, dir, name string, n int) []byte {
	t.Helper()
	p, err := os.ReadFile(filepath.Join(dir, "results", fmt.Sprintf("%s.%d", name, n)))
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// judge lets the real cryptsetup open images.
type judge struct {
	t   *testing.T
	dir string
	op  cuts.Operation
}

// replay tries every prefix of the logged writes and returns how many different states there were, and
// how many writes.
func (j judge) replay(base, log []byte) (states, count int) {
	j.t.Helper()
	writes, err := cuts.ParseLog(log)
	if err != nil {
		j.t.Fatal(err)
	}
	image, flushes := bytes.Clone(base), 0
	for i, w := range writes {
		if w.Flush {
			flushes++
		}
		if len(w.Data) == 0 {
			continue
		}
		if w.Offset+int64(len(w.Data)) > cuts.Room {
			j.t.Fatalf("write %d of %d bytes at %d is outside the header", i, len(w.Data), w.Offset)
		}
		count++
		copy(image[w.Offset:], w.Data)
		j.holds(fmt.Sprintf("after write %d of %d", i+1, len(writes)), image, j.op.Holds)
		states++
	}
	for _, passphrase := range j.op.Opens {
		j.holds("in the end", image, [][]string{{passphrase}})
	}
	if count < 2 || flushes < 1 {
		j.t.Errorf("%d writes and %d flushes were logged", count, flushes)
	}
	return states, count
}

// holds asks that one passphrase of each list opens the image.
func (j judge) holds(when string, image []byte, lists [][]string) {
	j.t.Helper()
	if err := os.WriteFile(filepath.Join(j.dir, "image"), image, 0o600); err != nil {
		j.t.Fatal(err)
	}
	for _, list := range lists {
		opened := false
		for _, passphrase := range list {
			cmd := exec.Command("cryptsetup", "open", "--test-passphrase", "--key-file", "-", filepath.Join(j.dir, "image"))
			cmd.Stdin = strings.NewReader(passphrase)
			opened = opened || cmd.Run() == nil
		}
		if !opened {
			j.t.Errorf("%s: none of %v opens", when, list)
		}
	}
}
