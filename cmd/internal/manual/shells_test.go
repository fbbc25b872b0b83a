// SPDX-License-Identifier: Apache-2.0

package manual_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/creack/pty"
	"github.com/orthrus-luks/orthrus/cmd/internal/manual"
	"github.com/orthrus-luks/orthrus/test/pace"
)

// shells are those that completions are for. Each gets a function in the program's place that prints its arguments.
var shells = []struct {
	name  string
	argv  []string
	setUp string // with {} for the folder of the scripts
}{
	{
		"bash",
		[]string{"bash", "--noprofile", "--norc", "-i"},
		"bind 'set enable-bracketed-paste off'; . {}/bash/orthrus; orthrus() { echo \"GOT[$*]\"; }; echo REA''DY",
	},
	{
		"zsh",
		[]string{"zsh", "-f", "-i"},
		"unset zle_bracketed_paste; fpath=({}/zsh $fpath); autoload -Uz compinit; compinit -u -D; " +
			"orthrus() { echo \"GOT[$*]\"; }; echo REA''DY",
	},
	{
		"fish",
		[]string{"fish", "--no-config", "-i"},
		"source {}/fish/orthrus.fish; function orthrus; echo \"GOT[$argv]\"; end; echo REA''DY",
	},
}

// TestShellsComplete types words, the tabulator and return into real shells.
func TestShellsComplete(t *testing.T) {
	scripts := t.TempDir()
	for name, text := range manual.Completions(declared()) {
		path := filepath.Join(scripts, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	cases := []struct{ what, typed, want string }{
		{"verb", "luksForm", "luksFormat"},
		{"word after a verb", "far ena", "far enable"},
		{"option", "check --sv", "check --svg"},
		{"value", "luksFormat --pbkdf pbk", "luksFormat --pbkdf pbkdf2"},
		{"word of the guard", "guard his", "guard history"},
		{"kind of integrity", "luksFormat --integrity pol", "luksFormat --integrity poly1305"},
		{"cipher", "luksFormat --cipher serp", "luksFormat --cipher serpent-xts-plain64"},
		{"hash", "luksFormat --hash whi", "luksFormat --hash whirlpool"},
		{"format", "open --type fva", "open --type fvault2"},
		{"what is no mapping", "close contr", "close contr]"},
		{"what is no mapping either", "status contr", "status contr]"},
		{"file", "luksDump vau", "luksDump vault.img"},
		{"file of an option", "luksDump --header vau", "luksDump --header vault.img"},
		{"topic", "help exit", "help exit-codes"},
	}
	for _, sh := range shells {
		t.Run(sh.name, func(t *testing.T) {
			s := startShell(t, sh.argv, strings.ReplaceAll(sh.setUp, "{}", scripts))
			for _, c := range cases {
				if got, found := s.completed(c.typed, "GOT["+c.want); !found {
					t.Errorf("%s: %q gives %q, want %q", c.what, c.typed, got, c.want)
				}
			}
		})
	}
}

// shell is an interactive one on a terminal.
type shell struct {
	t      *testing.T
	master *os.File
	shown  chan []byte
}

func startShell(t *testing.T, argv []string, setUp string) *shell {
	t.Helper()
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "vault.img"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(argv[0], argv[1:]...)
	cmd.Dir, cmd.Env = dir, []string{"PATH=" + os.Getenv("PATH"), "HOME=" + dir, "TERM=xterm", "LANG=C", "PS1=$ "}
	master, err := pty.StartWithSize(cmd, &pty.Winsize{Rows: 50, Cols: 200})
	if err != nil {
		t.Fatalf("%v: scripts/setup installs it", err)
	}
	s := &shell{t, master, make(chan []byte, 1024)}
	t.Cleanup(func() { _ = cmd.Process.Kill(); _ = cmd.Wait(); master.Close() })
	go s.watch()
	s.write(setUp + "\r")
	if screen, found := s.await("READY", pace.Limit(30*time.Second)); !found {
		t.Fatalf("%s does not begin: %q", argv[0], screen)
	}
	return s
}

func (s *shell) watch() {
	for {
		piece := make([]byte, 4096)
		n, err := s.master.Read(piece)
		if err != nil {
			return
		}
		s.shown <- piece[:n]
	}
}

func (s *shell) write(text string) {
	s.t.Helper()
	if _, err := s.master.WriteString(text); err != nil {
		s.t.Fatal(err)
	}
}

// await gives what is shown until words are, or until the time is over.
func (s *shell) await(words string, limit time.Duration) (screen string, found bool) {
	over := time.After(limit)
	for !strings.Contains(screen, words) {
		select {
		case piece := <-s.shown:
			screen += string(piece)
		case <-over:
			return screen, false
		}
	}
	return screen, true
}

// completed gives what is shown of a command that was completed, and whether that is what is wanted. A shell that is
// slow is given more time between the tabulator and return.
func (s *shell) completed(typed, want string) (screen string, found bool) {
	s.t.Helper()
	for pause := 300 * time.Millisecond; pause < 10*time.Second; pause *= 4 {
		s.write("orthrus " + typed + "\t")
		time.Sleep(pause)
		s.write("\r")
		if screen, found = s.await(want, 2*time.Second+pause); found {
			return screen, true
		}
	}
	return screen, false
}
