// SPDX-License-Identifier: Apache-2.0

package main

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/creack/pty"
)

// reports are those that a person reads first.
var reports = [][]string{
	{"check", "a.img"}, {"check", "--boot", "a.img"}, {"fix", "a.img"}, {"list", "a.img"}, {"help", "check"},
}

// TestReportsFitTheScreen shows reports on terminals of three widths. A line may be too long only where a single word
// is.
func TestReportsFitTheScreen(t *testing.T) {
	dir := formatted(t)
	for _, columns := range []uint16{40, 80, 200} {
		for _, args := range reports {
			for _, env := range []string{"TERM=dumb", "NO_COLOR=1", "LANG=C"} {
				for _, line := range strings.Split(shown(t, dir, columns, env, args...), "\n") {
					word := line[strings.LastIndexByte(line, ' ')+1:]
					if utf8.RuneCountInString(line) > int(columns) && len(line)-len(word) > len("  far header  ") {
						t.Errorf("%d columns, %v: %q", columns, args, line)
					}
				}
			}
		}
	}
}

// Colours are for terminals that know them and for whoever wants them; bytes beyond ASCII for nobody.
func TestColoursAreForTerminals(t *testing.T) {
	dir := formatted(t)
	for _, args := range reports[:4] {
		if text := shown(t, dir, 80, "TERM=xterm", args...); !strings.Contains(text, "\x1b[32mhealthy\x1b[0m") {
			t.Errorf("%v: no colour: %q", args, text)
		}
		piped := exec.Command(os.Args[0], args...)
		piped.Args[0], piped.Dir, piped.Env = "orthrus", dir, append(os.Environ(), "TERM=xterm", "LANG=C.UTF-8")
		text, err := piped.Output()
		texts := []string{string(text), shown(t, dir, 80, "TERM=dumb", args...), shown(t, dir, 80, "NO_COLOR=1", args...)}
		for _, text := range texts {
			strange := strings.ContainsFunc(text, func(r rune) bool { return r == 0x1b || r > 0x7e })
			if strange || err != nil || text == "" {
				t.Errorf("%v: %v, %q", args, err, text)
			}
		}
	}
}

// shown is what a command of ours prints on a terminal of that many columns.
func shown(t *testing.T, dir string, columns uint16, env string, args ...string) string {
	t.Helper()
	master, slave, err := pty.Open()
	if err != nil {
		t.Fatal(err)
	}
	defer master.Close()
	if err := pty.Setsize(slave, &pty.Winsize{Rows: 24, Cols: columns}); err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(os.Args[0], args...)
	cmd.Args[0], cmd.Dir, cmd.Stdout, cmd.Stderr = "orthrus", dir, slave, slave
	cmd.Env = append(os.Environ(), "TERM=xterm", "ORTHRUS_STATE_DIR="+filepath.Join(dir, "state"), env)
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	slave.Close()
	var screen strings.Builder
	for {
		piece := make([]byte, 4096)
		n, err := master.Read(piece)
		screen.Write(piece[:n])
		if err != nil { // the last one who had the terminal open is gone
			break
		}
	}
	if err := cmd.Wait(); err != nil {
		t.Errorf("%v: %v", args, err)
	}
	return strings.ReplaceAll(screen.String(), "\r\n", "\n")
}
