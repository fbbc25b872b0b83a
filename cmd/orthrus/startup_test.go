// SPDX-License-Identifier: Apache-2.0

package main

import (
	"os"
	"os/exec"
	"regexp"
	"strconv"
	"strings"
	"testing"
)

// TestStartingInitialisesNextToNothing: a short verb takes a few milliseconds, of which a table or an
// expression built by a package that the verb does not use would be a good part.
func TestStartingInitialisesNextToNothing(t *testing.T) {
	const mostBytes, mostAllocations = 2048, 24
	program, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(program, "-test.run=^$")
	cmd.Env = append(os.Environ(), "GODEBUG=inittrace=1")
	trace, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("%v: %s", err, trace)
	}
	ours := 0
	line := regexp.MustCompile(`^init (github\.com/orthrus-luks/\S+) @.* clock, (\d+) bytes, (\d+) allocs$`)
	for text := range strings.Lines(string(trace)) {
		m := line.FindStringSubmatch(strings.TrimSpace(text))
		if m == nil || strings.HasSuffix(m[1], "/cmd/internal/manual") || strings.Contains(m[1], "/test/") {
			continue // in this test alone, not in the program
		}
		ours++
		bytes, _ := strconv.Atoi(m[2])
		allocations, _ := strconv.Atoi(m[3])
		if bytes > mostBytes || allocations > mostAllocations {
			t.Errorf("%s: %d bytes in %d allocations at start; at most %d in %d", m[1], bytes, allocations, mostBytes,
				mostAllocations)
		}
	}
	if ours == 0 {
		t.Errorf("no package of this module in the trace: %s", trace)
	}
}
