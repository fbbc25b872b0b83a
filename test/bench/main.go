// SPDX-License-Identifier: Apache-2.0

package main

import (
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
)

func main() {
	pairs := flag.Int("pairs", 5, "counted pairs of runs of each case")
	only := flag.String("only", "", "run the cases whose name contains this")
	ours := flag.String("orthrus", "bin/orthrus", "our binary")
	flag.Parse()
	if err := run(*ours, *pairs, *only); err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}

func run(ours string, pairs int, only string) error {
	ours, err := filepath.Abs(ours)
	if err != nil {
		return err
	}
	peer, err := exec.LookPath("cryptsetup")
	if err != nil {
		return fmt.Errorf("cryptsetup is missing; scripts/setup installs it: %w", err)
	}
	dir, err := os.MkdirTemp("", "orthrus-bench")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	b := bench{dir: dir, ours: ours, peer: peer, pairs: pairs}
	if err := b.printHead(); err != nil {
		return err
	}
	for _, c := range cases() {
		if !strings.Contains(c.name, only) {
			continue
		}
		if err := b.compare(c); err != nil {
			return fmt.Errorf("%s: %w", c.name, err)
		}
	}
	return nil
}
