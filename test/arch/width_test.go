// SPDX-License-Identifier: Apache-2.0

package arch

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"unicode/utf8"
)

const (
	// columns is how wide a line may be, a tab being four.
	columns = 120
	// wideLines is how many wider ones there are yet. It only goes down: whoever breaks some lowers it.
	wideLines = 85
)

// Lines of Go that is no test are no wider than that, but for those that are left from before.
func TestLinesAreNotTooWide(t *testing.T) {
	var wide []string
	for _, s := range sources(t) {
		if s.test {
			continue
		}
		text, err := os.ReadFile(filepath.Join(root, s.file))
		if err != nil {
			t.Fatal(err)
		}
		for i, line := range strings.Split(string(text), "\n") {
			if utf8.RuneCountInString(strings.ReplaceAll(line, "\t", "    ")) > columns {
				wide = append(wide, fmt.Sprintf("%s:%d", s.file, i+1))
			}
		}
	}
	switch {
	case len(wide) > wideLines:
		t.Errorf("%d lines are wider than %d columns, %d may be:\n%s", len(wide), columns, wideLines, strings.Join(wide, "\n"))
	case len(wide) < wideLines:
		t.Logf("%d lines are wider than %d columns: lower the %d in width_test.go", len(wide), columns, wideLines)
	}
}
