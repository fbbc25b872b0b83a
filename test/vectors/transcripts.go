// SPDX-License-Identifier: Apache-2.0

package vectors

import (
	"embed"
	"fmt"
	"regexp"
	"strconv"
	"strings"
)

//go:embed transcripts
var transcripts embed.FS

// Step is one command of a transcript with what it printed and returned.
type Step struct {
	Command string
	Stdout  []string // lines
	Stderr  []string
	Exit    int
	Open    bool // the last line of standard output has no newline
}

// openEnd is an exit code recorded right behind output which ends without a newline.
var openEnd = regexp.MustCompile(`^  (.*)= (\d+)$`)

// Sessions lists the transcripts in the order in which they were recorded; each continues
// with the files the one before it left.
func Sessions() []string {
	return []string{"format", "keys", "dump", "tokens", "open", "backup", "help"}
}

// Transcript returns the steps of one session.
func Transcript(session string) []Step {
	content, err := transcripts.ReadFile("transcripts/" + session + ".txt")
	must(err)
	var steps []Step
	for line := range strings.Lines(string(content)) {
		steps = appendLine(steps, strings.TrimSuffix(line, "\n"))
	}
	return steps
}

func appendLine(steps []Step, line string) []Step {
	if command, ok := strings.CutPrefix(line, "$ "); ok {
		return append(steps, Step{Command: command, Exit: -1})
	}
	if len(steps) == 0 {
		panic(fmt.Sprintf("vectors: transcript starts with %q", line))
	}
	step := &steps[len(steps)-1]
	if m := openEnd.FindStringSubmatch(line); m != nil {
		step.Stdout, step.Exit, step.Open = append(step.Stdout, m[1]), number(m[2]), true
		return steps
	}
	switch {
	case strings.HasPrefix(line, "  "):
		step.Stdout = append(step.Stdout, line[2:])
	case strings.HasPrefix(line, "! "):
		step.Stderr = append(step.Stderr, line[2:])
	case strings.HasPrefix(line, "= "):
		step.Exit = number(line[2:])
	default:
		panic(fmt.Sprintf("vectors: unknown line %q in a transcript", line))
	}
	return steps
}

func number(digits string) int {
	n, err := strconv.Atoi(digits)
	must(err)
	return n
}
