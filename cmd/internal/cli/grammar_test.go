// SPDX-License-Identifier: Apache-2.0

package cli_test

import (
	"bytes"
	"os"
	"strings"
	"testing"
)

// recording is one command line that cryptsetup 2.8 was given, with what it said: the last lines of
// its output without the synopsis, and its exit code.
type recording struct {
	line   string
	output string
	code   string
}

// readRecordings reads "$ line", output lines, "= code". All were run with --test-args in front.
func readRecordings(t *testing.T, path string) []recording {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	var list []recording
	for _, line := range strings.Split(strings.TrimSpace(string(text)), "\n") {
		switch {
		case strings.HasPrefix(line, "$ "):
			list = append(list, recording{line: line[2:]})
		case strings.HasPrefix(line, "= "):
			list[len(list)-1].code = line[2:]
		default:
			list[len(list)-1].output += line + "\n"
		}
	}
	return list
}

// words splits a line at blanks, single quotes keeping them.
func words(line string) []string {
	var list []string
	var word strings.Builder
	quoted, started := false, false
	for _, r := range line + " " {
		switch {
		case r == '\'':
			quoted, started = !quoted, true
		case r == ' ' && !quoted:
			if started {
				list = append(list, word.String())
			}
			started = false
			word.Reset()
		default:
			word.WriteRune(r)
			started = true
		}
	}
	return list
}

// differs explains each command line that we answer otherwise than cryptsetup, on purpose.
func differs(line string) string {
	if strings.Contains(line, "reencrypt") {
		return "reencryption is not supported"
	}
	for _, format := range []string{"tcrypt", "loopaes", "bitlk", "fvault2"} {
		if strings.Contains(line, "--type "+format) || strings.Contains(line, format+"Dump ") {
			return "the format is not supported"
		}
	}
	switch {
	case strings.Contains(line, "hw-opal"), strings.Contains(line, "--integrity hmac"):
		return "integrity and OPAL are not supported"
	case strings.HasSuffix(line, "-id -1"), strings.HasSuffix(line, "-slot -1"), line == "--offset -1":
		return "cryptsetup lets negative numbers wrap round"
	}
	return ""
}

func TestGrammarAnswersAsCryptsetupDoes(t *testing.T) {
	for _, r := range readRecordings(t, "testdata/grammar.txt") {
		var stdout, stderr bytes.Buffer
		argv := append([]string{"cryptsetup", "--test-args"}, words(r.line)...)
		inv, exit := start(argv, "0", &stdout, &stderr)
		if inv != nil {
			t.Errorf("%s: --test-args started %s", r.line, inv.Action)
		}
		got := strings.TrimPrefix(stderr.String(), usage("cryptsetup"))
		same := got == r.output && r.code == string(rune('0'+exit))
		switch reason := differs(r.line); {
		case !same && reason == "":
			t.Errorf("%s:\n got %q exit %d\nwant %q exit %s", r.line, got, exit, r.output, r.code)
		case !same && exit != 1:
			t.Errorf("%s: differs (%s) but is not refused: %q", r.line, reason, got)
		}
	}
}
