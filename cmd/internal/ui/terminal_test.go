// SPDX-License-Identifier: Apache-2.0

package ui

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
	"github.com/orthrus-luks/orthrus/test/pace"
	"golang.org/x/sys/unix"
)

// person sits at a pseudo terminal: sees what is shown, types when told to.
type person struct {
	t      *testing.T
	master *os.File
	slave  *os.File
	mu     sync.Mutex
	seen   bytes.Buffer
	told   int // how much of seen was answered
}

// atTerminal returns a UI whose standard input and controlling terminal are a pseudo terminal.
func atTerminal(t *testing.T) (*UI, *person, *bytes.Buffer) {
	t.Helper()
	master, slave, err := pty.Open()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { slave.Close(); master.Close() })
	p := &person{t: t, master: master, slave: slave}
	go p.watch()
	var stderr bytes.Buffer
	u := &UI{In: slave, Out: slave, Err: &stderr, OpenTTY: func() (*os.File, error) {
		return os.OpenFile(slave.Name(), os.O_RDWR|unix.O_NOCTTY, 0)
	}}
	return u, p, &stderr
}

func (p *person) watch() {
	buffer := make([]byte, 4096)
	for {
		n, err := p.master.Read(buffer)
		if err != nil {
			return
		}
		p.mu.Lock()
		p.seen.Write(buffer[:n])
		p.mu.Unlock()
	}
}

func (p *person) screen() string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.seen.String()
}

// waitFor returns once text appears behind what was answered before.
func (p *person) waitFor(text string) bool {
	return pace.Await(2*time.Second, func() bool { return p.sees(text) })
}

func (p *person) sees(text string) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	at := strings.Index(p.seen.String()[p.told:], text)
	if at < 0 {
		return false
	}
	p.told += at + len(text)
	return true
}

// answer types replies, each after its prompt, on a goroutine of its own.
func (p *person) answer(pairs ...string) {
	go func() {
		for i := 0; i < len(pairs); i += 2 {
			if !p.waitFor(pairs[i]) {
				p.t.Errorf("%q never appeared on %q", pairs[i], p.screen())
				return
			}
			if _, err := p.master.WriteString(pairs[i+1]); err != nil {
				p.t.Error(err)
			}
		}
	}()
}

// settled waits until the screen ends with text.
func (p *person) settled(text string) {
	p.t.Helper()
	if pace.Await(2*time.Second, func() bool { return strings.HasSuffix(p.screen(), text) }) {
		return
	}
	p.t.Errorf("the screen shows %q, want %q at its end", p.screen(), text)
}

func (p *person) echoes() bool {
	termios, err := unix.IoctlGetTermios(int(p.slave.Fd()), unix.TCGETS)
	if err != nil {
		p.t.Fatal(err)
	}
	return termios.Lflag&unix.ECHO != 0
}

func TestAPromptHidesWhatIsTyped(t *testing.T) {
	u, p, _ := atTerminal(t)
	p.answer("Enter passphrase for x: ", "hunter2\n")
	if got := mustSecret(t, u, Request{Prompt: "Enter passphrase for x: "}); got != "hunter2" {
		t.Errorf("read %q", got)
	}
	p.settled("Enter passphrase for x: \r\n")
	if !p.echoes() {
		t.Error("echo stays off")
	}
}

func TestVerificationComparesTwoAnswers(t *testing.T) {
	u, p, _ := atTerminal(t)
	p.answer("New: ", "same\n", "Verify passphrase: ", "same\n")
	if got := mustSecret(t, u, Request{Prompt: "New: ", Verify: true}); got != "same" {
		t.Errorf("read %q", got)
	}
	p.answer("New: ", "one\n", "Verify passphrase: ", "other\n")
	got, err := u.Secret(context.Background(), Request{Prompt: "New: ", Verify: true})
	if got != nil || !errors.Is(err, ErrMismatch) || err.Error() != "Passphrases do not match." || CodeOf(err) != Denied {
		t.Errorf("%v, exit code %d", err, CodeOf(err))
	}
}

func TestAKeyFileFromATerminalIsAPrompt(t *testing.T) {
	u, p, _ := atTerminal(t)
	p.answer("Key: ", "typed\n")
	if got := mustSecret(t, u, Request{Prompt: "Key: ", KeyFile: "-", Size: 3}); got != "typed" {
		t.Errorf("read %q", got)
	}
	if _, err := u.Secret(context.Background(), Request{Prompt: "Key: ", Offset: 1}); !errors.Is(err, ErrOffsetOnTTY) {
		t.Errorf("an offset at a terminal: %v", err)
	}
	if _, err := u.Secret(context.Background(), Request{KeyFile: p.slave.Name()}); !errors.Is(err, ErrKeyFileIsTTY) {
		t.Errorf("a terminal as key file: %v", err)
	}
}

func TestALongAnswerIsCutAndSaidSo(t *testing.T) {
	u, p, stderr := atTerminal(t)
	p.answer("P: ", strings.Repeat("a", MaxPassphrase+1)+"\n", "Q: ", "next\n")
	if got := mustSecret(t, u, Request{Prompt: "P: "}); len(got) != MaxPassphrase {
		t.Errorf("read %d bytes", len(got))
	}
	if !strings.Contains(stderr.String(), "Read stopped at maximal interactive input length, passphrase can be trimmed.\n") {
		t.Errorf("said %q", stderr)
	}
	if got := mustSecret(t, u, Request{Prompt: "Q: "}); got != "next" {
		t.Errorf("the rest of the line was taken for the next answer: %q", got)
	}
}

func TestNoAnswerGivesTheTerminalBack(t *testing.T) {
	for name, end := range map[string]struct {
		request Request
		typed   string
		cancel  bool
	}{
		"timeout":      {request: Request{Prompt: "P: ", Timeout: 30 * time.Millisecond}},
		"end of input": {request: Request{Prompt: "P: "}, typed: "\x04"},
		"signal":       {request: Request{Prompt: "P: "}, cancel: true},
	} {
		t.Run(name, func(t *testing.T) {
			u, p, _ := atTerminal(t)
			ctx, cancel := context.WithCancel(context.Background())
			defer cancel()
			go func() {
				p.waitFor("P: ")
				if end.cancel {
					cancel()
				}
				_, _ = p.master.WriteString(end.typed)
			}()
			got, err := u.Secret(ctx, end.request)
			if got != nil || !errors.Is(err, ErrReadTerminal) || err.Error() != "Error reading passphrase from terminal." {
				t.Errorf("%v", err)
			}
			if errors.Is(err, context.Canceled) != end.cancel || CodeOf(err) != Failed {
				t.Errorf("cause %v, exit code %d", err, CodeOf(err))
			}
			if !p.echoes() {
				t.Error("echo stays off")
			}
		})
	}
}

func TestWithoutControllingTerminalStandardErrorPrompts(t *testing.T) {
	u, p, stderr := atTerminal(t)
	u.OpenTTY = noTerminal
	typed := make(chan struct{})
	go func() {
		defer close(typed)
		for p.echoes() {
			time.Sleep(time.Millisecond)
		}
		_, _ = p.master.WriteString("typed\n")
	}()
	defer func() { <-typed }()
	if got := mustSecret(t, u, Request{Prompt: "P: "}); got != "typed" {
		t.Errorf("read %q", got)
	}
	if stderr.String() != "P: \n" || !p.echoes() {
		t.Errorf("standard error holds %q", stderr)
	}
}

func TestOnlyYESInCapitalsConfirms(t *testing.T) {
	for typed, yes := range map[string]bool{"YES\n": true, "yes\n": false, "NO\n": false, "YES \n": false, "\x04": false} {
		u, p, _ := atTerminal(t)
		p.answer("(Type 'yes' in capital letters): ", typed)
		err := u.Confirm(context.Background(), Confirmation{Text: "All will be lost."})
		if yes != (err == nil) || !yes && (!errors.Is(err, ErrDeclined) || CodeOf(err) != Denied) {
			t.Errorf("%q: %v", typed, err)
		}
		if !strings.HasPrefix(p.screen(), "\r\nWARNING!\r\n========\r\nAll will be lost.\r\n\r\nAre you sure? (Type 'yes' in capital letters): ") {
			t.Errorf("asked %q", p.screen())
		}
	}
}

func TestANoSaysWhatWasNotDone(t *testing.T) {
	for want, c := range map[string]Confirmation{
		"Operation aborted.\n": {},
		"Nothing was lost.\n":  {Refused: "Nothing was lost."},
		"":                     {Silent: true},
	} {
		u, p, _ := atTerminal(t)
		p.answer("capital letters): ", "NO\n")
		if err := u.Confirm(context.Background(), c); err == nil || err.Error() != want {
			t.Errorf("%v, want %q", err, want)
		}
	}
}

func TestNobodyIsAskedWhoCannotAnswer(t *testing.T) {
	batch, _, _ := atTerminal(t)
	batch.Batch = true
	pipe, _ := piped(t, "passphrase\n")
	for _, u := range []*UI{batch, pipe} {
		if err := u.Confirm(context.Background(), Confirmation{Text: "?"}); err != nil {
			t.Errorf("%v", err)
		}
	}
	if got := mustSecret(t, pipe, Request{}); got != "passphrase" {
		t.Errorf("the question took %q from the input", got)
	}
}

func TestTriesAreForTerminals(t *testing.T) {
	terminal, _, _ := atTerminal(t)
	pipe, _ := piped(t, "")
	if terminal.Tries(0) != 3 || terminal.Tries(5) != 5 || pipe.Tries(5) != 1 {
		t.Error("wrong number of tries")
	}
}

func TestVerificationIsUsualForNewPassphrasesAndNeedsATerminal(t *testing.T) {
	terminal, _, _ := atTerminal(t)
	batch, _, _ := atTerminal(t)
	batch.Batch = true
	pipe, stderr := piped(t, "")
	for _, c := range []struct {
		u            *UI
		asked, usual bool
		want         bool
	}{
		{terminal, false, true, true},
		{terminal, false, false, false},
		{terminal, true, false, true},
		{batch, false, true, false},
		{batch, true, true, true},
		{pipe, false, true, false},
	} {
		if got := c.u.Verify(c.asked, c.usual); got != c.want {
			t.Errorf("asked %v, usual %v, batch %v: %v", c.asked, c.usual, c.u.Batch, got)
		}
	}
	if stderr.Len() > 0 || pipe.Verify(true, true) || stderr.String() != "Can't do passphrase verification on non-tty inputs.\n" {
		t.Errorf("on a pipe: %q", stderr)
	}
}
