// SPDX-License-Identifier: Apache-2.0

package cli_test

import (
	"bytes"
	"os"
	"strings"
	"testing"

	"github.com/creack/pty"
	"github.com/orthrus-luks/orthrus/cmd/internal/boot/crypttab"
	"github.com/orthrus-luks/orthrus/cmd/internal/cli"
)

// said is what a command line under our own name prints, and its exit code.
func said(line string) (stdout, stderr string, exit int) {
	var out, errors bytes.Buffer
	_, exit = start(append([]string{"/usr/sbin/orthrus"}, words(line)...), "1.0", &out, &errors)
	return out.String(), errors.String(), exit
}

// fits tells of lines that are wider than a screen; a command line to copy and a word are not broken.
func fits(t *testing.T, what, text string, columns int) {
	t.Helper()
	for line := range strings.Lines(text) {
		line = strings.TrimRight(line, "\n")
		example := strings.HasPrefix(line, "  orthrus ") || strings.Contains(line, " | orthrus ")
		if len(line) > columns && !example && len(strings.Fields(line)) > 1 {
			t.Errorf("%s: %d columns: %s", what, len(line), line)
		}
	}
}

func TestTheOverviewIsOneScreen(t *testing.T) {
	first, _, _ := said("")
	for _, line := range []string{"", "--help", "-?", "-h", "help", "-q --help"} {
		text, stderr, exit := said(line)
		if text != first || stderr != "" || exit != 0 {
			t.Errorf("orthrus %s: exit %d, %q", line, exit, stderr)
		}
	}
	if n := strings.Count(first, "\n"); n > 24 {
		t.Errorf("%d lines", n)
	}
	fits(t, "overview", first, 80)
	for _, v := range verbs() {
		if v.Lacks == "" && !strings.Contains(first, " "+string(v.Name)) {
			t.Errorf("the overview does not name %s", v.Name)
		}
	}
}

func TestEachVerbHasHelpOfItsOwn(t *testing.T) {
	for _, v := range verbs() {
		text, stderr, exit := said("help " + string(v.Name))
		if exit != 0 || stderr != "" || !strings.HasPrefix(text, "Usage: orthrus "+string(v.Name)+" ") {
			t.Errorf("%s: exit %d, %q, %q", v.Name, exit, stderr, text)
		}
		fits(t, string(v.Name), text, 80)
		if v.Lacks != "" {
			continue
		}
		if does := v.Does(); len(does) < 30 || len(does) > 420 || !strings.HasSuffix(does, ".") {
			t.Errorf("%s does %q", v.Name, does)
		}
		for _, part := range []string{"\nOptions:\n", "\nExamples:\n", "\nExit codes:\n", "\nSee also: man orthrus-" + string(v.Name)} {
			if !strings.Contains(text, part) {
				t.Errorf("%s: help lacks %q", v.Name, part)
			}
		}
		if n := strings.Count(text, "\n  # "); n != 2 {
			t.Errorf("%s: %d examples", v.Name, n)
		}
		for _, line := range []string{string(v.Name) + " --help", "--help " + string(v.Name), string(v.Name) + " -h", string(v.Name) + " x -q -h"} {
			if other, _, exit := said(line); other != text || exit != 0 {
				t.Errorf("orthrus %s: exit %d, %q", line, exit, other)
			}
		}
	}
}

func TestHelpOnAVerbHasTheOptionsOfTheVerb(t *testing.T) {
	docs := cli.Documented(verbs())
	for _, v := range verbs() {
		text, _, _ := said("help " + string(v.Name))
		if v.Sister != nil {
			for _, o := range v.Sister().Options {
				if !inOptions(text, o.Long) {
					t.Errorf("%s: --%s is not shown", v.Name, o.Long)
				}
			}
			continue
		}
		for _, o := range docs {
			named := strings.Contains(text, "--"+o.Long+" ") || strings.Contains(text, "--"+o.Long+"\n")
			want := v.Names(o.Option) && !o.Unlisted && o.Lacks == "" && v.Lacks == ""
			if inOptions(text, o.Long) != want {
				t.Errorf("%s: --%s is shown: %v (named: %v), want %v", v.Name, o.Long, !want, named, want)
			}
		}
	}
}

// inOptions tells whether an option has an entry of its own.
func inOptions(text, long string) bool {
	for line := range strings.Lines(text) {
		term := strings.TrimSpace(line)
		if len(term) > 4 && term[0] == '-' && term[2:4] == ", " {
			term = term[4:]
		}
		if strings.HasPrefix(line, "  -") && strings.Fields(term)[0] == "--"+long {
			return true
		}
	}
	return false
}

func TestTopicsAreThere(t *testing.T) {
	list, _, _ := said("help topics")
	for _, topic := range cli.Topics() {
		text, stderr, exit := said("help " + topic.Name)
		if exit != 0 || stderr != "" || text == "" {
			t.Errorf("%s: exit %d, %q", topic.Name, exit, stderr)
		}
		fits(t, topic.Name, text, 80)
		if !strings.Contains(list, "\n  "+topic.Name+" ") && !strings.HasPrefix(list, "  "+topic.Name+" ") {
			t.Errorf("topics does not list %s", topic.Name)
		}
	}
	if text, _, _ := said("help check"); !strings.Contains(text, "Usage: orthrus check") ||
		!strings.Contains(text, "\n  healable ") {
		t.Error("help check explains the verb and its words")
	}
}

// TestCommandsInTopicsCanBeRun: a topic names no command line that the program would not take.
func TestCommandsInTopicsCanBeRun(t *testing.T) {
	seen := 0
	for _, topic := range cli.Topics() {
		for _, term := range topic.Terms {
			line, command := strings.CutPrefix(term.Word, "{program} ")
			if !command {
				continue
			}
			seen++
			line = strings.NewReplacer("SIZE", "1m", "FILE", "f", "UUID", "u", "NAME", "n", "DEVICE", "d").Replace(line)
			if _, err := parse(append([]string{"orthrus"}, words(line)...)); err != nil {
				t.Errorf("%s: %q: %v", topic.Name, line, err)
			}
		}
	}
	if seen < 10 {
		t.Errorf("%d commands", seen)
	}
}

func TestOptionsInTheCrypttabTopicAreUnderstood(t *testing.T) {
	text, _, _ := said("help crypttab")
	_, list, _ := strings.Cut(text, "\n\n")
	list, _, _ = strings.Cut(list, "\n\n")
	seen := 0
	for line := range strings.Lines(list) {
		for _, word := range strings.Split(strings.SplitN(strings.TrimSpace(line), "  ", 2)[0], ", ") {
			name, _, _ := strings.Cut(word, "=")
			if !strings.HasPrefix(line, "  ") || strings.HasPrefix(line, "    ") {
				continue
			}
			seen++
			value := map[string]string{
				"header": "=/h", "keyfile-offset": "=1", "keyfile-size": "=1", "key-slot": "=1",
				"tries": "=1", "timeout": "=1", "x-orthrus.pin": "=" + strings.Repeat("00", 32),
			}[name]
			if o := crypttab.ParseOptions(name + value); len(o.Problems) > 0 {
				t.Errorf("%s: %+v", name, o.Problems)
			}
		}
	}
	if seen < 10 {
		t.Errorf("%d options", seen)
	}
}

func TestHelpFitsANarrowScreen(t *testing.T) {
	for _, columns := range []int{40, 80, 200} {
		master, slave, err := pty.Open()
		if err != nil {
			t.Fatal(err)
		}
		defer master.Close()
		defer slave.Close()
		if err := pty.Setsize(slave, &pty.Winsize{Rows: 24, Cols: uint16(columns)}); err != nil {
			t.Fatal(err)
		}
		for _, line := range []string{"", "help open", "help recovery", "help verbs", "opne x", "open", "open --hlep"} {
			fits(t, line, shown(t, master, slave, line), columns)
		}
	}
}

// shown is what a command line writes to a terminal.
func shown(t *testing.T, master, slave *os.File, line string) string {
	t.Helper()
	go func() {
		_, _ = start(append([]string{"orthrus"}, words(line)...), "1", slave, slave)
		_, _ = slave.WriteString("\x04end")
	}()
	var text []byte
	piece := make([]byte, 1024)
	for !bytes.HasSuffix(text, []byte("\x04end")) {
		n, err := master.Read(piece)
		if err != nil {
			t.Fatal(err)
		}
		text = append(text, piece[:n]...)
	}
	return strings.ReplaceAll(string(text), "\r\n", "\n")
}

func TestAMistakeIsOneLineWithTheNearestName(t *testing.T) {
	for line, want := range map[string]string{
		"opne x":                      `there is no verb "opne"; did you mean open? See orthrus --help.`,
		"LUKSADDKYE x":                `there is no verb "LUKSADDKYE"; did you mean luksAddKey? See orthrus --help.`,
		"format x":                    `there is no verb "format"; did you mean luksFormat? See orthrus --help.`,
		"xyzzy":                       `there is no verb "xyzzy". See orthrus --help.`,
		"hepl open":                   `there is no verb "hepl"; did you mean help? See orthrus --help.`,
		"open --hlep":                 `there is no option "--hlep"; did you mean --help? See orthrus open --help.`,
		"--hlep":                      `there is no option "--hlep"; did you mean --help? See orthrus --help.`,
		"luksFormat --lable x y":      `there is no option "--lable"; did you mean --label? See orthrus luksFormat --help.`,
		"luksFormat -z y":             `there is no option "-z". See orthrus luksFormat --help.`,
		"open":                        `open requires <device> [--type <type>] [<name>] as arguments. See orthrus open --help.`,
		"resize --size x v":           `--size: invalid numeric value. See orthrus resize --help.`,
		"luksDump --size 5 a":         `Option --size is not allowed with luksDump action. See orthrus luksDump --help.`,
		"-q":                          `no verb was given. See orthrus --help.`,
		"open x y --key-file":         `--key-file: missing argument. See orthrus open --help.`,
		"help opne":                   `there is no help on "opne"; did you mean open? See orthrus --help.`,
		"luksFormat --key-size 100 x": `Key size must be a multiple of 8 bits. See orthrus luksFormat --help.`,
	} {
		stdout, stderr, exit := said(line)
		if exit != 1 || stdout != "" || stderr != "orthrus: "+want+"\n" {
			t.Errorf("orthrus %s: exit %d, %q", line, exit, stderr)
		}
	}
}

// TestNothingOfThisShowsUnderCryptsetupsName: there the words "help" and "list" are unknown, as ever.
func TestNothingOfThisShowsUnderCryptsetupsName(t *testing.T) {
	for _, line := range []string{"help", "help open", "opne", "-h", ""} {
		var stdout, stderr bytes.Buffer
		_, exit := start(append([]string{"cryptsetup"}, words(line)...), "1", &stdout, &stderr)
		if exit != 1 || stdout.Len() > 0 || !strings.HasPrefix(stderr.String(), "Usage: cryptsetup [") {
			t.Errorf("cryptsetup %s: exit %d, %q", line, exit, stdout.String())
		}
	}
	for _, v := range verbs() {
		var stdout, stderr bytes.Buffer
		inv, _ := start([]string{"cryptsetup", string(v.Name), "x", "y", "z"}, "1", &stdout, &stderr)
		if v.Unasked && (inv != nil || !strings.HasSuffix(stderr.String(), "cryptsetup: Unknown action.\n")) {
			t.Errorf("cryptsetup knows %s", v.Name)
		}
	}
}
