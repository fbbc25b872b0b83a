// SPDX-License-Identifier: Apache-2.0

package main

import (
	"os"
	"os/exec"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/creack/pty"
)

// typed are the passphrases of the README's first ten minutes, in the order in which they are asked for.
var typed = []string{"one", "one", "one", "two", "two", "two"}

// TestTheFirstTenMinutes types what the README's transcript types, on a terminal, and compares what is shown. Keys are
// derived at little cost, which is the one difference.
func TestTheFirstTenMinutes(t *testing.T) {
	readme, err := os.ReadFile("../../README.md")
	if err != nil {
		t.Fatal(err)
	}
	_, after, _ := strings.Cut(string(readme), "```console\n$ ")
	transcript, _, found := strings.Cut(after, "\n```\n")
	if !found {
		t.Fatal("no transcript")
	}
	t.Setenv("TERM", "dumb") // no colours, and of progress the last line alone
	dir, asked, steps := t.TempDir(), slices.Clone(typed), 0
	for _, step := range strings.Split(transcript, "\n$ ") {
		line, want, _ := strings.Cut(step, "\n")
		steps++
		if args := strings.Fields(line); args[0] == "orthrus" {
			asked = playStep(t, dir, args[1:], want, asked)
			continue
		}
		shell := exec.Command("sh", "-c", line)
		shell.Dir = dir
		if out, err := shell.CombinedOutput(); err != nil || string(out) != want {
			t.Errorf("%s: %v, %q", line, err, out)
		}
	}
	if steps < 8 || len(asked) > 0 {
		t.Errorf("%d steps, %d passphrases left", steps, len(asked))
	}
}

var prompts = sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(`(?m)^.*(: |\): YES)$`) })

// playStep runs one command and gives the passphrases that are left.
func playStep(t *testing.T, dir string, args []string, want string, asked []string) []string {
	t.Helper()
	code := 0
	switch args[0] {
	case "luksFormat", "luksAddKey":
		args = append(args, cheap...)
	case "fix":
		code = 7
	}
	s := calledOnTerminal(t, "orthrus", dir, args...)
	// The folder of a test has a longer name than that of a home: the terminal is wide enough for it.
	if err := pty.Setsize(s.slave, &pty.Winsize{Rows: 24, Cols: 400}); err != nil {
		t.Fatal(err)
	}
	for _, prompt := range prompts().FindAllString(want, -1) {
		if prompt, confirm := strings.CutSuffix(prompt, "YES"); confirm {
			s.answer(prompt, "YES\n")
			continue
		}
		s.answer(prompt, asked[0]+"\n")
		asked = asked[1:]
	}
	s.ends(code, want[strings.LastIndex("\n"+want, "\n"):]+"\n")
	if got := masked(dir, s.seen); got != masked(dir, want+"\n") {
		t.Errorf("orthrus %s shows\n%s", strings.Join(args, " "), got)
	}
	return asked
}

var drawn = sync.OnceValue(func() *regexp.Regexp {
	return regexp.MustCompile(`[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}|[0-9]{8}T[0-9.]*[0-9]`)
})

// finished is what a slow machine says at the end of what takes long.
var finished = sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(`(?m)^Finished, .*\n`) })

// masked leaves out what is drawn, or depends on the time, the folder and the costs.
func masked(dir, text string) string {
	text = finished().ReplaceAllString(text, "")
	text = strings.ReplaceAll(text, dir+"/state", "/home/you/.local/state/orthrus")
	return drawn().ReplaceAllString(strings.ReplaceAll(text, "argon2id", "pbkdf2"), "…")
}
