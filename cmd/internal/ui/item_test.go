// SPDX-License-Identifier: Apache-2.0

package ui

import "testing"

func TestWordsStandBelowTheFirstOneWhereTheyDoNotFit(t *testing.T) {
	for _, c := range []struct {
		text   string
		indent int
		width  int
		want   string
	}{
		{"one two three", 8, 40, "one two three"},
		{"one two three", 8, 15, "one two\n        three"},
		{"a word-that-is-longer-than-a-line b", 2, 10, "a\n  word-that-is-longer-than-a-line\n  b"},
		{"", 8, 40, ""},
	} {
		if got := wrapped(c.text, c.indent, c.width); got != c.want {
			t.Errorf("%q in %d columns: %q, want %q", c.text, c.width, got, c.want)
		}
	}
}

func TestSizesHaveFewDigits(t *testing.T) {
	for size, want := range map[int64]string{
		0: "0 B", 512: "512 B", 1024: "1 KiB", 258048: "252 KiB",
		1<<20 + 1<<19: "1.5 MiB", 48 << 20: "48 MiB", 3 << 40: "3 TiB",
	} {
		if got := Bytes(size); got != want {
			t.Errorf("%d bytes: %q, want %q", size, got, want)
		}
	}
}
