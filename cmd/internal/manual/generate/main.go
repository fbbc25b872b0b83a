// SPDX-License-Identifier: Apache-2.0

// Command generate writes the man pages, the completions or the guard's sample configuration into a folder:
// "generate man bin/man", "generate completions bin/completions", "generate guard bin/guard". Pages say the version in
// $VERSION and the date in $SOURCE_DATE_EPOCH, in seconds since 1970.
package main

import (
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"time"

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
		"man": pages, "completions": manual.Completions, "guard": manual.GuardSample,
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

func pages(verbs []cli.Verb) map[string]string {
	seconds, _ := strconv.ParseInt(os.Getenv("SOURCE_DATE_EPOCH"), 10, 64) // what is no number is 1970
	return manual.Pages(verbs, manual.Edition{Version: os.Getenv("VERSION"), Date: time.Unix(seconds, 0)})
}
