// SPDX-License-Identifier: Apache-2.0

package ask

import (
	"bytes"
	"strings"
	"testing"
)

// typing types keys and returns what the line holds then.
func typing(t *testing.T, keys string) (held string, last outcome) {
	t.Helper()
	l, err := newLine(Masked)
	if err != nil {
		t.Fatal(err)
	}
	defer l.close()
	for _, b := range []byte(keys) {
		if last = l.key(b); last == entered {
			break
		}
	}
	return string(l.buffer.Bytes()[:l.length]), last
}

func TestKeysEditTheLine(t *testing.T) {
	for _, c := range []struct{ name, keys, want string }{
		{"plain", "secret\r", "secret"},
		{"line feed", "secret\n", "secret"},
		{"end of input ends a started line", "secret\x04", "secret"},
		{"end of input on an empty line is nothing", "\x04a\r", "a"},
		{"backspace", "secrex\x7ft\x08t\r", "secret"},
		{"backspace at the start", "\x7f\x7fa\r", "a"},
		{"backspace takes a whole character", "aä\x7f€\x7f😀\x7fb\r", "ab"},
		{"backspace takes one byte that is no UTF-8", "a\xff\xfe\x7f\r", "a\xff"},
		{"kill line", "wrong\x15right\r", "right"},
		{"interrupt empties as well", "wrong\x03right\r", "right"},
		{"kill word", "one two \x17three\r", "one three"},
		{"kill word of one word", "one\x17\r", ""},
		{"arrow keys are dropped", "a\x1b[Ab\x1b[1;5Cc\x1bOPd\r", "abcd"},
		{"escape alone takes the next key with it", "a\x1bxb\r", "ab"},
		{"control keys are dropped", "a\x01\x02\x1a\x1cb\r", "ab"},
		{"literal key", "a\x16\tb\x16\x15\r", "a\tb\x15"},
		{"tab only toggles", "a\tb\tc\r", "abc"},
		{"blanks count", "  a  \r", "  a  "},
		{"UTF-8", "пароль 密码\r", "пароль 密码"},
	} {
		if got, last := typing(t, c.keys); got != c.want || last != entered {
			t.Errorf("%s: %q, want %q", c.name, got, c.want)
		}
	}
}

func TestNothingIsTakenBeyondTheGreatestLength(t *testing.T) {
	held, last := typing(t, strings.Repeat("a", MaxPassphrase+5))
	if len(held) != MaxPassphrase || last != full {
		t.Errorf("%d bytes, %v", len(held), last)
	}
	if held, _ := typing(t, strings.Repeat("a", MaxPassphrase+5)+"\x7fb\r"); len(held) != MaxPassphrase || !strings.HasSuffix(held, "ab") {
		t.Errorf("after a backspace %d bytes", len(held))
	}
}

func TestWhatIsCutIsWiped(t *testing.T) {
	l, err := newLine(Masked)
	if err != nil {
		t.Fatal(err)
	}
	defer l.close()
	for _, b := range []byte("secret words\x17\x7f\x7f\x15") {
		l.key(b)
	}
	if !bytes.Equal(l.buffer.Bytes(), make([]byte, MaxPassphrase)) {
		t.Error("something is left")
	}
}

func TestLayoutsAreKnownByTheirLetters(t *testing.T) {
	for want, letters := range map[string]map[uint8]byte{
		"qwerty":  {16: 'q', 17: 'w', 21: 'y', 33: 'f'},
		"qwertz":  {16: 'q', 17: 'w', 21: 'z', 33: 'f'},
		"azerty":  {16: 'a', 17: 'z', 21: 'y', 33: 'f'},
		"dvorak":  {16: '\'', 17: ',', 21: 'f', 33: 'u'},
		"colemak": {16: 'q', 17: 'w', 21: 'j', 33: 't'},
		"":        {},
	} {
		if got := layoutOf(func(k uint8) byte { return letters[k] }); got != want {
			t.Errorf("%q, want %q", got, want)
		}
	}
}

func FuzzLine(f *testing.F) {
	f.Add([]byte("a\x7f\x1b[Aä\x15\x17\t\x16\x03b\r"))
	f.Fuzz(func(t *testing.T, keys []byte) {
		l, err := newLine(Masked)
		if err != nil {
			t.Fatal(err)
		}
		defer l.close()
		for _, b := range keys {
			l.key(b)
			if l.length < 0 || l.length > MaxPassphrase || l.characters() > l.length {
				t.Fatalf("length %d", l.length)
			}
		}
		if rest := l.buffer.Bytes()[l.length:]; len(bytes.Trim(rest, "\x00")) > 0 {
			t.Error("something is left behind the line")
		}
	})
}
