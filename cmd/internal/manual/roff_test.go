// SPDX-License-Identifier: Apache-2.0

package manual

import (
	"strings"
	"testing"
)

func TestTextIsProtectedFromRoff(t *testing.T) {
	if got := escape("a-b\\n\n.dot\n'quote"); got != "a\\-b\\en\n\\&.dot\n\\&'quote" {
		t.Errorf("%q", got)
	}
}

func TestBrokenLinesAreNoRequests(t *testing.T) {
	text := strings.Repeat("word ", 15) + "... 'tis"
	got := fill(escape(text + " " + text))
	for line := range strings.Lines(got) {
		if strings.HasPrefix(line, ".") || strings.HasPrefix(line, "'") || len(line) > lineWidth+len(`\&`)+1 {
			t.Errorf("%q", line)
		}
	}
	if words := strings.ReplaceAll(strings.Join(strings.Fields(got), " "), `\&`, ""); words != text+" "+text {
		t.Errorf("%q", got)
	}
}
