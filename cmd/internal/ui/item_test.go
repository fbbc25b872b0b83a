// SPDX-License-Identifier: Apache-2.0

package ui

import (
	"slices"
	"strings"
	"testing"

	"github.com/creack/pty"
)

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
		if got := wrapped(strings.Fields(c.text), c.indent, c.indent, c.width); got != c.want {
			t.Errorf("%q in %d columns: %q, want %q", c.text, c.width, got, c.want)
		}
	}
}

// A command stands on one line, however long it is: who copies it is not to get it in pieces.
func TestCommandsAreNotBroken(t *testing.T) {
	for text, want := range map[string][]string{
		"Try it first: orthrus open --header a DEVICE; then close it.": {
			"Try", "it", "first:", "orthrus open --header a DEVICE;", "then", "close", "it.",
		},
		"To see all: sudo orthrus list": {"To", "see", "all:", "sudo orthrus list"},
		"orthrus: there is no verb.":    {"orthrus:", "there", "is", "no", "verb."},
	} {
		if got := pieces(text); !slices.Equal(got, want) {
			t.Errorf("%q: %q", text, got)
		}
	}
}

func TestSentencesFitTheTerminal(t *testing.T) {
	for _, c := range []struct {
		own  bool
		text string
		want string
	}{
		{true, "It is healthy.", "It is healthy."},
		{
			true, "Both copies of the header are gone, and the far one is whole.",
			"Both copies of the header are gone, and\r\n  the far one is whole.",
		},
		{
			true, "  See orthrus open --test-passphrase a.img; that tries it, and changes nothing.",
			"  See\r\n    orthrus open --test-passphrase a.img;\r\n    that tries it, and changes nothing.",
		},
		{true, "a.img    LUKS2    healthy    16 MiB    in step", "a.img    LUKS2    healthy    16 MiB    in step"},
		{
			false, "Both copies of the header are gone, and the far one is whole.",
			"Both copies of the header are gone, and the far one is whole.",
		},
	} {
		u, p, _ := atTerminal(t)
		u.Own = c.own
		if err := pty.Setsize(p.master, &pty.Winsize{Rows: 24, Cols: 40}); err != nil {
			t.Fatal(err)
		}
		u.Printf("%s", c.text)
		if !p.waitFor(c.want + "\r\n") {
			t.Errorf("%q: %q", c.text, p.screen())
		}
	}
}

// A serial line says nothing of its width.
func TestSentencesStayWholeWhereNoWidthIsKnown(t *testing.T) {
	const text = "The kernel trusts no key that the root hash is signed with, whoever it was who signed it."
	u, p, _ := atTerminal(t)
	u.Own = true
	if err := pty.Setsize(p.master, &pty.Winsize{}); err != nil {
		t.Fatal(err)
	}
	u.Printf("%s", text)
	if !p.waitFor(text + "\r\n") {
		t.Errorf("%q", p.screen())
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
