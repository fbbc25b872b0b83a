// SPDX-License-Identifier: Apache-2.0

package monkey

import (
	"fmt"
	"io"
	"os"
	"strings"
	"sync"
	"time"

	"github.com/orthrus-luks/orthrus/test/monkey/programs"
)

// Options say how much is played.
type Options struct {
	Sequences, Pairs int
	Seed             uint64
	Workers          int
	Stop             int           // failures after which nothing more is begun
	For              time.Duration // after which nothing more is begun; 0 without a limit
	Verbose          bool
}

// memory is where images lie.
const memory = "/dev/shm"

// play is a run of several runners.
type play struct {
	o        Options
	out      io.Writer
	set      programs.Set
	table    *Table
	begin    time.Time
	lock     sync.Mutex
	next     uint64
	failures map[string]int // by kind
	failed   int
	peers    int
	err      error
}

// Main plays what the options say and prints tables and failures. It returns how many failed.
func Main(out io.Writer, o Options) (failed int, err error) {
	dir, err := os.MkdirTemp(memory, "monkey-programs-")
	if err != nil {
		return 0, err
	}
	defer os.RemoveAll(dir)
	set, err := programs.Build(dir)
	if err != nil {
		return 0, err
	}
	p := &play{o: o, out: out, set: set, table: NewTable(), begin: time.Now(), failures: map[string]int{}}
	var done sync.WaitGroup
	for range max(o.Workers, 1) {
		done.Go(p.work)
	}
	done.Wait()
	p.report()
	return p.failed, p.err
}

// take hands the next number out.
func (p *play) take() (n uint64, ok bool) {
	p.lock.Lock()
	defer p.lock.Unlock()
	if p.err != nil || p.failed >= p.o.Stop || p.next >= uint64(p.o.Sequences+p.o.Pairs) || p.o.For > 0 && time.Since(p.begin) > p.o.For {
		return 0, false
	}
	p.next++
	return p.next - 1, true
}

func (p *play) work() {
	r, err := NewRunner(p.set, memory, p.table)
	if err != nil {
		p.fail(err)
		return
	}
	defer r.Close()
	for {
		n, ok := p.take()
		if !ok {
			return
		}
		var f *Failure
		if n < uint64(p.o.Sequences) {
			f, err = r.Play(Draw(p.o.Seed + n))
		} else {
			f, err = r.Race(p.o.Seed + n)
		}
		if err != nil {
			p.fail(err)
			return
		}
		if f != nil {
			p.found(r, f)
		}
	}
}

func (p *play) fail(err error) {
	p.lock.Lock()
	defer p.lock.Unlock()
	if p.err == nil {
		p.err = err
	}
}

// found counts a failure; the first of its kind is shrunk and printed.
func (p *play) found(r *Runner, f *Failure) {
	p.lock.Lock()
	key := f.Verb + ": " + f.Kind
	if f.Peer {
		key = "(cryptsetup's) " + key
		p.peers++
	} else {
		p.failed++
	}
	p.failures[key]++
	first := p.failures[key] == 1
	p.lock.Unlock()
	if !first || f.Peer && !p.o.Verbose {
		return
	}
	if len(f.Sequence.Steps) > 0 {
		smaller, err := r.Shrink(f)
		if err != nil {
			p.fail(err)
			return
		}
		f = smaller
	}
	p.lock.Lock()
	defer p.lock.Unlock()
	fmt.Fprintf(p.out, "\nFAILED (seed %d): %s by %s: %s\n%s\n", f.Sequence.Seed, f.Verb, f.By, f.Text, Script(f))
}

func (p *play) report() {
	fmt.Fprintln(p.out)
	p.table.Print(p.out)
	if p.o.Verbose {
		p.table.PrintRefusals(p.out)
	}
	for _, key := range sortedKeys(p.failures) {
		fmt.Fprintf(p.out, "%6d  %s\n", p.failures[key], key)
	}
	took := time.Since(p.begin)
	fmt.Fprintf(p.out, "%d played (%d steps) in %v, %.0f a minute; %d failed, %d ended by what cryptsetup did\n",
		p.next, p.table.Steps(), took.Round(time.Second), float64(p.next)/took.Minutes(), p.failed, p.peers)
}

// Script is a shell script that does what a failing sequence did.
func Script(f *Failure) string {
	lines := []string{
		"#!/bin/sh", "# " + f.Text, "# orthrus, cryptsetup-2.6.1 and cryptsetup-2.7.5 are the programs; k0, k1, … hold their own names",
		"cd \"$(mktemp -d)\" && for n in $(seq 0 60); do printf k$n >k$n; done",
	}
	return strings.Join(append(lines, f.Script...), "\n")
}
