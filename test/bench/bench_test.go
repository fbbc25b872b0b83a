// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bytes"
	"strings"
	"testing"
	"time"
)

func TestOnlyTheQuotedSectionsGoIntoTheDocument(t *testing.T) {
	report := "# Speed\n\nMade on x.\n\n## Whole processes\n\n| a |\n\n## PBKDF2\n\n| b |\n\n## Sector encryption\n\n| c |\n"
	got, err := quoted(report, "before\n"+quoteBegin+"old\n"+quoteEnd+"after\n")
	want := "before\n" + quoteBegin + "Made on x.\n\n| a |\n\n| c |\n" + quoteEnd + "after\n"
	if err != nil || got != want {
		t.Errorf("%q, %v, want %q", got, err, want)
	}
	for _, document := range []string{"", quoteBegin, quoteEnd} {
		if _, err := quoted(report, document); err == nil {
			t.Errorf("no error for %q", document)
		}
	}
}

func TestEveryContestIsNamedOnceAndWorksOnTheImage(t *testing.T) {
	seen := map[string]bool{}
	for _, c := range contests() {
		if seen[c.name] {
			t.Errorf("%s: twice", c.name)
		}
		seen[c.name] = true
		for _, step := range append(c.make, c.ours, c.them) {
			if !strings.Contains(strings.Join(step.args, " "), "IMAGE") {
				t.Errorf("%s: %v without an image", c.name, step.args)
			}
		}
		if c.ours.exit != c.them.exit || c.ours.input != c.them.input {
			t.Errorf("%s: the two are asked for different things", c.name)
		}
	}
}

func TestRowsHaveRatiosPairByPair(t *testing.T) {
	var out bytes.Buffer
	b := &bench{out: &out}
	took := func(ms ...int) (list []sample) {
		for _, one := range ms {
			list = append(list, sample{wall: time.Duration(one) * time.Millisecond, peak: 1 << 40})
		}
		return list
	}
	b.printContest(contest{name: "x", aim: 0.5, kdf: 1}, took(10, 40, 30), took(20, 50, 100))
	for _, want := range []string{"| x | 30.0 ms | 50.0 ms | **0.50** | 0.30–0.80 | ≤ 0.50 | 1 + "} {
		if !strings.HasPrefix(out.String(), want) {
			t.Errorf("%s, want %s", out.String(), want)
		}
	}
}

func TestDurationsAndSizesAreReadable(t *testing.T) {
	for d, want := range map[time.Duration]string{
		1234 * time.Microsecond: "1.23 ms", 45600 * time.Microsecond: "46 ms", 1500 * time.Millisecond: "1.50 s",
	} {
		if got := brief(d); got != want {
			t.Errorf("%v: %s, want %s", d, got, want)
		}
	}
	for kib, want := range map[uint32]string{64: "64 KiB", 1 << 10: "1 MiB", 4 << 20: "4 GiB"} {
		if got := size(kib); got != want {
			t.Errorf("%d KiB: %s, want %s", kib, got, want)
		}
	}
}
