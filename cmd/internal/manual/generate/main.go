// SPDX-License-Identifier: Apache-2.0

// Command generate writes the man pages, the completions or the guard's sample configuration into a folder:
// "generate man bin/man", "generate completions bin/completions", "generate guard bin/guard".
package main

import (
	"fmt"
	"os"
	"path/filepath"

	"github.com/orthrus-luks/orthrus/cmd/internal/cli"
	"github.com/orthrus-luks/orthrus/cmd/internal/manual"
	"github.com/orthrus-luks/orthrus/cmd/internal/verb/all"
)

func main() {
	if err := run(os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, "generate:", err)
		os.Exit(1)
	}
}

func run(args []string) error {
	files := map[string]func([]cli.Verb) map[string]string{
		"man": manual.Pages, "completions": manual.Completions, "guard": manual.GuardSample,
	}
	if len(args) != 2 || files[args[0]] == nil {
		return fmt.Errorf("usage: generate man|completions|guard <folder>")
	}
	for name, text := range files[args[0]](all.Declarations(all.Verbs())) {
		path := filepath.Join(args[1], name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			return err
		}
		if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
			return err
		}
	}
	return nil
}
