// SPDX-License-Identifier: Apache-2.0

package crash

import (
	"context"
	"errors"
	"slices"
	"strings"
	"testing"
)

func try(t *testing.T, c Config, flaws ...string) *Report {
	t.Helper()
	report, err := Run(context.Background(), []Operation{register{flaws}.operation()}, c)
	if err != nil {
		t.Fatal(err)
	}
	return report
}

// brokenBy lists the kinds of fault under which an invariant broke.
func brokenBy(r *Report) []string {
	var list []string
	for _, row := range r.Rows {
		if row.Outcomes[Broken] > 0 {
			list = append(list, row.Fault)
		}
	}
	return list
}

func TestSafeOperationSurvivesEveryFault(t *testing.T) {
	report := try(t, Config{Seed: 1, Images: 20000})
	if n := report.Broken(); n != 0 {
		var b strings.Builder
		_ = report.WriteTable(&b)
		t.Fatalf("%d broken:\n%s", n, b.String())
	}
	if all, distinct := report.Tried(); all < 20000 || distinct < 1000 {
		t.Errorf("%d images, %d distinct", all, distinct)
	}
	for _, row := range report.Rows {
		if row.Tried == 0 && row.Fault != "rot in a keyslot area" { // a register has none
			t.Errorf("%s: nothing tried", row.Fault)
		}
	}
}

func TestEveryFlawIsCaught(t *testing.T) {
	for _, c := range []struct {
		flaw string
		by   string // a kind of fault that must find it
	}{
		{"does not flush", "reordered"},
		{"does not read back", "lost write"},
		{"ignores write errors", "write error"},
		{"ignores flush errors", "flush error"},
		{"always writes the first copy first", "rot, then cut"},
		{"recovers from the first copy", "rot, then cut"},
		{"recovers by way of zeros", "crash in recovery"},
		{"recovers again and again", "power cut"},
		{"takes an error for absence", "error in recovery"},
		{"scribbles on errors", "read error"},
	} {
		flaws := []string{c.flaw}
		if strings.HasPrefix(c.flaw, "ignores") {
			flaws = append(flaws, "does not read back")
		}
		if got := brokenBy(try(t, Config{Seed: 1, Images: 10000}, flaws...)); !slices.Contains(got, c.by) {
			t.Errorf("%s: found by %q, not by %q", c.flaw, got, c.by)
		}
	}
}

func TestWritesElsewhereAreCaught(t *testing.T) {
	_, err := Run(context.Background(), []Operation{register{[]string{"writes elsewhere"}}.operation()}, Config{})
	var elsewhere *AuditError
	if !errors.As(err, &elsewhere) || elsewhere.Range.Offset != 0 {
		t.Fatalf("%v, want an AuditError", err)
	}
}
