// SPDX-License-Identifier: Apache-2.0

package fstab

import (
	"slices"
	"strings"
	"testing"
)

func TestTablesAreReadAsTheyAreWritten(t *testing.T) {
	const text = "\ufeffUUID=1 / ext4 noatime 0 1\n# /dev/x /old ext4\n\nLABEL=my\\040disk /my\\040disk\n/dev/sda2 none swap sw 0 0\nalone\n"
	want := []Mount{
		{Source: "UUID=1", Point: "/", Type: "ext4", Options: "noatime"},
		{Source: "LABEL=my disk", Point: "/my disk"},
		{Source: "/dev/sda2", Point: "none", Type: "swap", Options: "sw"},
	}
	got := Parse(text)
	if !slices.Equal(got, want) {
		t.Errorf("%+v", got)
	}
	if At("/my disk", got) != want[1] || At("/nowhere", got) != (Mount{}) {
		t.Error("a mount point is not found by its name")
	}
}

func FuzzFieldsSurviveBeingWritten(f *testing.F) {
	f.Add("a b", `back\slash \040 #`)
	f.Add("#x", "\u00a0\u2003")
	f.Fuzz(func(t *testing.T, first, second string) {
		want := []string{first, second}
		line := Escape(first) + " " + Escape(second)
		if first == "" || second == "" || strings.ContainsFunc(first+second, notPlain) {
			return
		}
		if got := Fields(line); !slices.Equal(got, want) {
			t.Errorf("%q: %q, want %q", line, got, want)
		}
	})
}

// notPlain are blanks beyond ASCII, which strings.Fields cuts at as well.
func notPlain(r rune) bool { return r > 0x7f || r == 0 }
