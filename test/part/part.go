// SPDX-License-Identifier: Apache-2.0

package part

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

const (
	wholeEnv  = "ORTHRUS_LONG"
	notRunEnv = "ORTHRUS_NOT_RUN"
	// insideEnv is set in the virtual machine, whose files nobody reads: tests say what they leave out on the host.
	insideEnv = "ORTHRUS_GUEST"
)

// Whole tells whether everything is to run.
func Whole() bool { return os.Getenv(wholeEnv) != "" }

// Of is all of a list where everything is to run, and otherwise the slice of it, which is noted.
func Of[E any](t testing.TB, what string, all, slice []E) []E {
	t.Helper()
	if Whole() {
		return all
	}
	Note(t, what, len(slice), len(all))
	return slice
}

// Count is how often to do something: all times, or a slice of that many, which is noted.
func Count(t testing.TB, what string, all, slice int) int {
	t.Helper()
	if Whole() {
		return all
	}
	Note(t, what, slice, all)
	return slice
}

// Note says how many of all there are this test runs; nothing where it runs all.
func Note(t testing.TB, what string, runs, all int) {
	t.Helper()
	if runs < all {
		write(t, fmt.Sprintf("%s: %d of %d %s not run", t.Name(), all-runs, all, what))
	}
}

// write adds a line to the summary. Several programs write to the file at once: a short line is added in one piece.
func write(t testing.TB, line string) {
	t.Helper()
	t.Log(line)
	path := os.Getenv(notRunEnv)
	if path == "" || os.Getenv(insideEnv) != "" {
		return
	}
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_APPEND|os.O_CREATE, 0o600)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if _, err := f.WriteString(place() + " " + line + "\n"); err != nil {
		t.Fatal(err)
	}
}

// place is the package under test, whose directory go test runs it in, from test/ or the like on.
func place() string {
	dir, err := os.Getwd()
	if err != nil {
		return "?"
	}
	for above := dir; above != filepath.Dir(above); above = filepath.Dir(above) {
		if _, err := os.Stat(filepath.Join(above, "go.mod")); err == nil {
			return strings.TrimPrefix(dir, above+"/")
		}
	}
	return filepath.Base(dir)
}
