// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bytes"
	"flag"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
)

// bench is what the parts share.
type bench struct {
	dir        string // for images
	ours, peer string // the programs
	pairs      int
	only       string
	out        io.Writer
}

// A part is a section of the report.
type part struct {
	name, title string
	run         func(*bench) error
}

var parts = []part{
	{"processes", "Whole processes", (*bench).processes},
	{"cancel", "Interrupted", (*bench).interrupted},
	{"grow", "Following a device that grew", (*bench).growTable},
	{"choice", "Choosing costs for a new keyslot", (*bench).choosing},
	{"argon2", "What Argon2id costs", (*bench).argon2Table},
	{"pbkdf2", "PBKDF2", (*bench).pbkdf2Table},
	{"sectors", "Sector encryption", (*bench).sectorTable},
	{"verity", "Verified images", (*bench).verityTables},
	{"far", "Keeping the far header in step", (*bench).farTable},
}

func main() {
	pairs := flag.Int("pairs", 5, "counted pairs of runs of each case; short ones run more often")
	only := flag.String("only", "", "run the comparisons whose name contains this")
	which := flag.String("part", "", "run this part alone")
	ours := flag.String("orthrus", "bin/orthrus", "our binary")
	out := flag.String("out", "", "write the report to this file as well")
	readme := flag.String("readme", "", "measure nothing: put the tables for users from -out into this file")
	find := flag.Uint64("find", 0, "measure nothing: take so many bytes of memory in huge pages, and end")
	flag.Parse()
	err := error(nil)
	switch {
	case *find > 0:
		err = takeMemory(*find)
	case *readme != "":
		err = quote(*out, *readme)
	default:
		err = run(*ours, *which, *out, bench{pairs: *pairs, only: *only})
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}

func run(ours, which, out string, b bench) (err error) {
	if b.ours, err = filepath.Abs(ours); err != nil {
		return err
	}
	if b.peer, err = exec.LookPath("cryptsetup"); err != nil {
		return fmt.Errorf("cryptsetup is missing; scripts/setup installs it: %w", err)
	}
	if b.dir, err = os.MkdirTemp("", "orthrus-bench"); err != nil {
		return err
	}
	defer os.RemoveAll(b.dir)
	var report bytes.Buffer
	b.out = io.MultiWriter(os.Stdout, &report)
	if err := b.report(which); err != nil {
		return err
	}
	if out == "" {
		return nil
	}
	return os.WriteFile(out, report.Bytes(), 0o644)
}

func (b *bench) report(which string) error {
	b.printf("# Speed\n\n%s\n", b.machine())
	for _, p := range parts {
		if which != "" && which != p.name {
			continue
		}
		b.printf("\n## %s\n\n", p.title)
		if err := p.run(b); err != nil {
			return fmt.Errorf("%s: %w", p.name, err)
		}
	}
	return nil
}

func (b *bench) printf(format string, args ...any) { fmt.Fprintf(b.out, format, args...) }

// table prints the head of a table.
func (b *bench) table(columns ...string) {
	b.printf("| %s |\n|%s\n", strings.Join(columns, " | "), strings.Repeat("---|", len(columns)))
}

func (b *bench) row(cells ...string) { b.printf("| %s |\n", strings.Join(cells, " | ")) }
