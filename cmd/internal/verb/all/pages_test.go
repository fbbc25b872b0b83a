// SPDX-License-Identifier: Apache-2.0

package all

import (
	"errors"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/orthrus-luks/orthrus/cmd/internal/cli"
)

const root = "../../../../"

// pages are the texts for people: the README and those that it links.
func pages(t *testing.T) []string {
	t.Helper()
	list, err := filepath.Glob(root + "cmd/pages/*.md")
	if err != nil || len(list) == 0 {
		t.Fatalf("pages: %v, %v", list, err)
	}
	return append(list, root+"README.md")
}

var link = regexp.MustCompile(`\]\(([^)#:]+)(#[^)]*)?\)`)

func TestPagesAreLinkedAndLeadSomewhere(t *testing.T) {
	readme, err := os.ReadFile(root + "README.md")
	if err != nil {
		t.Fatal(err)
	}
	for _, path := range pages(t) {
		text, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		if name := filepath.Base(path); name != "README.md" && !strings.Contains(string(readme), "](cmd/pages/"+name+")") {
			t.Errorf("README.md has no link to %s", name)
		}
		for _, m := range link.FindAllStringSubmatch(string(text), -1) {
			if _, err := os.Stat(filepath.Join(filepath.Dir(path), m[1])); err != nil {
				t.Errorf("%s links to %v", path, err)
			}
		}
	}
}

// TestCommandsOfPagesAreUnderstood gives every line of a block that calls the program to the parser.
func TestCommandsOfPagesAreUnderstood(t *testing.T) {
	seen := 0
	for _, path := range pages(t) {
		text, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		for _, line := range commands(string(text)) {
			seen++
			verbs := Declarations(Verbs())
			argv := strings.Fields(line)
			if argv[1] == "verity" {
				continue // a parser of its own, whose lines test/interop carries out
			}
			_, err := cli.Parse(argv, verbs)
			var usage *cli.UsageError
			if errors.As(err, &usage) {
				t.Errorf("%s: %s: %v", path, line, err)
			}
		}
	}
	if seen < 40 {
		t.Errorf("only %d commands were found", seen)
	}
}

// commands are the lines within blocks that call orthrus, without what is said behind them.
func commands(text string) (list []string) {
	for i, block := range strings.Split(text, "```") {
		if i%2 == 0 {
			continue
		}
		for _, line := range strings.Split(block, "\n") {
			line, _, _ = strings.Cut(line, "#")
			line, _, _ = strings.Cut(line, "&&")
			line = strings.TrimPrefix(strings.TrimSpace(line), "sudo ")
			if strings.HasPrefix(line, "orthrus ") {
				list = append(list, line)
			}
		}
	}
	return list
}
