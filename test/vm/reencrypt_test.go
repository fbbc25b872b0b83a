// SPDX-License-Identifier: Apache-2.0

package vm

import (
	"bytes"
	"fmt"
	"os"
	"strconv"
	"testing"

	"github.com/orthrus-luks/orthrus/test/vectors/interrupted"
	"github.com/orthrus-luks/orthrus/test/vm/machine"
)

// TestInterruptedReencryptionsOpen: the kernel reads each recorded state as it was written, by a table of several
// lines, a hot zone read-only; what is written through a mapping between two steps is there when it is opened again;
// and a state that was brought home opens as any volume does.
func TestInterruptedReencryptionsOpen(t *testing.T) {
	machine.Inside(t, func(t *testing.T) {
		for _, module := range []string{"loop", "dm-crypt", "xts", "cbc", "ecb", "essiv", "sha256_generic"} {
			machine.LoadModule(t, module)
		}
		opened, written := 0, 0
		for _, f := range interrupted.Families() {
			for _, s := range f.States {
				if f.Name == "odd-metadata" || s.Name == "done" || s.Name == "moving" || s.Name == "moved-not-restored" {
					continue
				}
				t.Run(f.Name+"/"+s.Name, func(t *testing.T) {
					b := newBench(t)
					line := b.midway(f, s)
					b.reads(f, append(line, "--readonly")...)
					opened++
					if s.Name == "clean-1" {
						b.writesMidway(f, line)
						written++
					}
				})
			}
		}
		fmt.Printf("reencryption: %d states open and read whole, %d were written to\n", opened, written)
		if opened < 60 || written < 7 {
			t.Errorf("%d, %d", opened, written)
		}
	})
}

// midway puts a state into files, and returns what open is to be told.
func (b *bench) midway(f interrupted.Family, s interrupted.State) []string {
	b.write("a.img", s.Data)
	line := []string{}
	if &s.Data[0] != &s.Header[0] {
		b.write("a.hdr", s.Header)
		line = append(line, "--header", "a.hdr")
	}
	for name, key := range map[string][]byte{"old": f.Old.Key, "new": f.New.Key} {
		if key != nil && !(name == "new" && bytes.Equal(f.Old.Key, f.New.Key)) {
			b.write(name, key)
			line = append(line, "--volume-key-file", name, "--key-size", strconv.Itoa(8*len(key)))
		}
	}
	return append(line, "a.img")
}

// reads opens the volume and compares all of it.
func (b *bench) reads(f interrupted.Family, line ...string) {
	b.t.Helper()
	node := b.open(ours(), "mid", line...)
	got, err := os.ReadFile(node)
	if err != nil || len(got) < f.Plain || !bytes.Equal(got[:f.Plain], f.PlainData()) {
		b.t.Errorf("%d bytes, or the data differ: %v", len(got), err)
	}
	b.must(ours(), "status", "mid")
	b.must(ours(), "close", "mid")
}

// writesMidway: a write across the border of old and new.
func (b *bench) writesMidway(f interrupted.Family, line []string) {
	b.t.Helper()
	node := b.open(ours(), "mid", line...)
	file, err := os.OpenFile(node, os.O_RDWR, 0)
	if err != nil {
		b.t.Fatal(err)
	}
	whole := f.PlainData()
	const at = 12 << 10
	copy(whole[at:at+8192], pattern("across the border"))
	if _, err := file.WriteAt(whole[at:at+8192], at); err != nil {
		b.t.Fatal(err)
	}
	if err := file.Sync(); err != nil {
		b.t.Fatal(err)
	}
	if err := file.Close(); err != nil {
		b.t.Fatal(err)
	}
	b.must(ours(), "close", "mid")
	node = b.open(ours(), "mid", line...)
	got, err := os.ReadFile(node)
	if err != nil || !bytes.Equal(got[:f.Plain], whole) {
		b.t.Errorf("what was written is not there, %v", err)
	}
	b.must(ours(), "close", "mid")
}
