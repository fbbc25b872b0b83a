// SPDX-License-Identifier: Apache-2.0

package part

import (
	"os"
	"path/filepath"
	"slices"
	"testing"
)

// noted runs a test's choice with an environment and returns what the summary gets.
func noted(t *testing.T, whole string, choose func(t *testing.T)) string {
	t.Helper()
	file := filepath.Join(t.TempDir(), "not-run")
	t.Setenv(notRunEnv, file)
	t.Setenv(wholeEnv, whole)
	t.Setenv(insideEnv, "")
	choose(t)
	text, err := os.ReadFile(file)
	if err != nil && !os.IsNotExist(err) {
		t.Fatal(err)
	}
	return string(text)
}

func TestASliceIsNoted(t *testing.T) {
	all := []int{1, 2, 3}
	for _, test := range []struct {
		name, whole, want string
		choose            func(t *testing.T)
	}{
		{"a slice", "", "test/part TestASliceIsNoted/a_slice: 2 of 3 things not run\n", func(t *testing.T) {
			if got := Of(t, "things", all, all[:1]); len(got) != 1 {
				t.Errorf("%v", got)
			}
		}},
		{"everything", "1", "", func(t *testing.T) {
			if got := Of(t, "things", all, all[:1]); !slices.Equal(got, all) {
				t.Errorf("%v", got)
			}
		}},
		{"a count", "", "test/part TestASliceIsNoted/a_count: 970 of 1000 rounds not run\n", func(t *testing.T) {
			if got := Count(t, "rounds", 1000, 30); got != 30 {
				t.Errorf("%d", got)
			}
		}},
		{"a slice that is all", "", "", func(t *testing.T) { Note(t, "things", 3, 3) }},
	} {
		t.Run(test.name, func(t *testing.T) {
			if got := noted(t, test.whole, test.choose); got != test.want {
				t.Errorf("%q, want %q", got, test.want)
			}
		})
	}
}
