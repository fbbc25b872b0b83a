// SPDX-License-Identifier: Apache-2.0

package ask

import (
	"bytes"
	"context"
	"errors"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/creack/pty"
	"golang.org/x/sys/unix"
)

// screen is a pseudo terminal with somebody in front of it.
type screen struct {
	t      *testing.T
	master *os.File
	slave  *os.File
	mu     sync.Mutex
	seen   bytes.Buffer
}

func newScreen(t *testing.T, keymap string) (*Console, *screen) {
	t.Helper()
	master, slave, err := pty.Open()
	if err != nil {
		t.Fatal(err)
	}
	s := &screen{t: t, master: master, slave: slave}
	console, err := OpenConsole(slave.Name(), keymap)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { console.Close(); slave.Close(); master.Close() })
	go s.watch()
	return console, s
}

func (s *screen) watch() {
	buffer := make([]byte, 4096)
	for {
		n, err := s.master.Read(buffer)
		if err != nil {
			return
		}
		s.mu.Lock()
		s.seen.Write(buffer[:n])
		s.mu.Unlock()
	}
}

func (s *screen) text() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.seen.String()
}

// shows waits for a text.
func (s *screen) shows(text string) {
	s.t.Helper()
	for range 400 {
		if strings.Contains(s.text(), text) {
			return
		}
		time.Sleep(5 * time.Millisecond)
	}
	s.t.Errorf("the screen shows %q, not %q", s.text(), text)
}

func (s *screen) types(keys string) {
	if _, err := s.master.WriteString(keys); err != nil {
		s.t.Error(err)
	}
}

// answered asks while somebody types after the prompt has appeared, and returns the answer.
func answered(t *testing.T, c *Console, s *screen, q Question, keys string) string {
	t.Helper()
	go func() {
		s.shows(q.Title + ": ")
		s.types(keys)
	}()
	answer, err := c.Ask(t.Context(), q)
	if err != nil {
		t.Fatal(err)
	}
	defer answer.Close()
	return string(answer.Bytes())
}

func TestAnAnswerIsMaskedHiddenOrShown(t *testing.T) {
	for _, c := range []struct {
		echo       Echo
		keys, want string
		screen     string
	}{
		{Masked, "pässword\r", "pässword", "Q: ********\r\n"},
		{Hidden, "secret\r", "secret", "Q: \r\n"},
		{Visible, "secret\r", "secret", "Q: secret\r\n"},
		{Masked, "ab\tcd\r", "abcd", "Q: **\r\x1b[KQ: \r\n"},
		{Hidden, "ab\tc\r", "abc", "Q: \r\x1b[KQ: ***\r\n"},
		{Visible, "ax\x7fb\r", "ab", "Q: ax\r\x1b[KQ: ab\r\n"},
		{Masked, "wrong\x15ok\r", "ok", "Q: *****\r\x1b[KQ: **\r\n"},
	} {
		console, s := newScreen(t, "")
		if got := answered(t, console, s, Question{Title: "Q", Echo: c.echo}, c.keys); got != c.want {
			t.Errorf("%q: %q", c.keys, got)
		}
		s.shows(c.screen)
	}
}

func TestAPassphraseLongerThanALineOfTheKernelArrivesWhole(t *testing.T) {
	console, s := newScreen(t, "")
	long := strings.Repeat("0123456789", 300)
	if got := answered(t, console, s, Question{Title: "Q"}, long+"\r"); got != long {
		t.Errorf("%d bytes of %d", len(got), len(long))
	}
}

func TestTheLayoutThatCountsIsShown(t *testing.T) {
	for _, c := range []struct{ kernel, keymap, want string }{
		{"qwertz", "de-latin1", "de-latin1, qwertz"},
		{"qwerty", "", "qwerty"},
		{"", "de-latin1", ""},
		{"qwerty", "de-latin1", "de-latin1, qwerty"}, // it was asked for, and is not in force
	} {
		if got := describeLayout(c.kernel, c.keymap); got != c.want {
			t.Errorf("%q, %q: %q", c.kernel, c.keymap, got)
		}
	}
	console, s := newScreen(t, "de-latin1")
	answered(t, console, s, Question{Title: "Passphrase for root"}, "x\r")
	s.shows("\x1b[KPassphrase for root: *")
}

func TestAMessageStandsAboveThePrompt(t *testing.T) {
	console, s := newScreen(t, "")
	go func() {
		s.shows("Q: ")
		s.types("ab")
		s.shows("Q: **")
		console.Say("Disk \x1b[2J found.")
		s.shows("\r\x1b[KDisk ?[2J found.\r\n\r\x1b[KQ: **")
		s.types("c\r")
	}()
	answer, err := console.Ask(t.Context(), Question{Title: "Q"})
	if err != nil || string(answer.Bytes()) != "abc" {
		t.Errorf("%q, %v", answer.Bytes(), err)
	}
	console.Say("After.")
	s.shows("After.\r\n")
}

func TestTheTerminalIsSilentBetweenQuestionsAndGivenBackInTheEnd(t *testing.T) {
	console, s := newScreen(t, "")
	before, err := unix.IoctlGetTermios(int(s.slave.Fd()), unix.TCGETS)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	go func() {
		s.shows("Q: ")
		s.types("half")
		s.shows("****")
		cancel()
	}()
	if _, err := console.Ask(ctx, Question{Title: "Q"}); !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
	resting, err := unix.IoctlGetTermios(int(s.slave.Fd()), unix.TCGETS)
	if err != nil || resting.Lflag != before.Lflag&^(unix.ECHO|unix.ECHONL) || resting.Iflag != before.Iflag {
		t.Errorf("between questions %+v, was %+v, %v", resting, before, err)
	}
	if err := console.Close(); err != nil {
		t.Error(err)
	}
	after, err := unix.IoctlGetTermios(int(s.slave.Fd()), unix.TCGETS)
	want := *before // as it rested when the console was open
	want.Lflag |= unix.ECHO
	if err != nil || *after != want {
		t.Errorf("%+v, want %+v, %v", after, want, err)
	}
}

func TestSignalKeysDoNotReachTheProcess(t *testing.T) {
	console, s := newScreen(t, "")
	if got := answered(t, console, s, Question{Title: "Q"}, "a\x1c\x1ab\r"); got != "ab" {
		t.Errorf("%q", got)
	}
}

func TestOnlyATerminalIsAConsole(t *testing.T) {
	if c, err := OpenConsole(os.DevNull, ""); err == nil {
		t.Error(c.Name())
	}
}
