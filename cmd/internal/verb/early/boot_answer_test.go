// SPDX-License-Identifier: Apache-2.0

package early

import (
	"context"
	"errors"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/creack/pty"

	"github.com/orthrus-luks/orthrus/cmd/internal/boot/ask"
	"github.com/orthrus-luks/orthrus/cmd/internal/cli"
	"github.com/orthrus-luks/orthrus/cmd/internal/ui"
	"github.com/orthrus-luks/orthrus/cmd/internal/verb"
	"github.com/orthrus-luks/orthrus/test/pace"
)

// asking is a boot that asks at the socket where answerers look for one.
func asking(t *testing.T) *ask.Socket {
	t.Helper()
	t.Setenv("ORTHRUS_RUN_DIR", t.TempDir())
	s, err := ask.Listen(socketPath())
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// wants asks until one of the passphrases is given, and says of others that they are wrong.
func wants(t *testing.T, s *ask.Socket, volume string, passphrases ...string) (given []string) {
	t.Helper()
	for {
		ctx, cancel := context.WithTimeout(t.Context(), pace.Limit(20*time.Second))
		answer, err := s.Ask(ctx, ask.Question{Title: "Passphrase for " + volume})
		cancel()
		if err != nil {
			t.Fatalf("%s: %v after %q", volume, err, given)
		}
		given = append(given, string(answer.Bytes()))
		_ = answer.Close()
		if slices.Contains(passphrases, given[len(given)-1]) {
			s.Say(volume + " is unlocked, with a passphrase.")
			return given
		}
		s.Say("Wrong passphrase for " + volume + ".")
	}
}

// ends concludes a boot.
func ends(t *testing.T, s *ask.Socket, how string) {
	t.Helper()
	if how != "" {
		s.Conclude(how)
	}
	if err := s.Close(); err != nil {
		t.Error(err)
	}
}

// words is what an answerer says; it may be read while that goes on.
type words struct {
	mu   sync.Mutex
	text strings.Builder
}

func (w *words) Write(p []byte) (int, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.text.Write(p)
}

func (w *words) String() string {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.text.String()
}

// saying waits until something was said.
func (w *words) saying(t *testing.T, text string) {
	t.Helper()
	for end := time.Now().Add(pace.Limit(20 * time.Second)); !strings.Contains(w.String(), text); time.Sleep(time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("nobody said %q: %q", text, w)
		}
	}
}

// hears waits until an answerer has called.
func (w *words) hears(t *testing.T, s *ask.Socket) {
	t.Helper()
	for end := time.Now().Add(pace.Limit(20 * time.Second)); w.String() == ""; time.Sleep(time.Millisecond) {
		if s.Say("Hello."); time.Now().After(end) {
			t.Fatal("nobody has called")
		}
	}
}

// answering is a run of boot --answer.
type answering struct {
	words
	tty  *os.File // what somebody types at; nil where a pipe is read
	pipe *os.File
	end  chan error
}

// onPipe begins one that reads a pipe; more may be written there.
func onPipe(t *testing.T, text string) *answering {
	t.Helper()
	in, out, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { in.Close(); out.Close() })
	a := &answering{pipe: out}
	if _, err := out.WriteString(text); err != nil {
		t.Fatal(err)
	}
	a.begin(t, in, func() (*os.File, error) { return nil, os.ErrNotExist })
	return a
}

// onTTY begins one at a terminal.
func onTTY(t *testing.T) *answering {
	t.Helper()
	master, slave, err := pty.Open()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { master.Close(); slave.Close() })
	a := &answering{tty: master}
	a.begin(t, slave, func() (*os.File, error) { return nil, os.ErrNotExist })
	return a
}

func (a *answering) begin(t *testing.T, in *os.File, tty func() (*os.File, error)) {
	t.Helper()
	inv, err := cli.Parse([]string{"orthrus", "boot", "--answer"}, []cli.Verb{Boot().Verb})
	if err != nil {
		t.Fatal(err)
	}
	c := verb.NewCommand(inv, &ui.UI{In: in, Out: a, Err: a, OpenTTY: tty})
	a.end = make(chan error, 1)
	go func() { a.end <- answerBoot(t.Context(), c) }()
}

// types answers a prompt.
func (a *answering) types(t *testing.T, prompt, text string) {
	t.Helper()
	a.saying(t, prompt)
	if _, err := a.tty.WriteString(text + "\n"); err != nil {
		t.Fatal(err)
	}
}

// ended waits for the end, and compares how that is.
func (a *answering) ended(t *testing.T, code ui.ExitCode, says string) {
	t.Helper()
	select {
	case err := <-a.end:
		got, said := ui.OK, a.String()
		if err != nil {
			told := verb.Explain(err)
			got, said = told.Code, said+strings.Join(told.Lines, "\n")
		}
		if got != code || !strings.Contains(said, says) {
			t.Errorf("exit code %d, want %d; %v; wanted %q in %q", got, code, err, says, said)
		}
	case <-time.After(pace.Limit(20 * time.Second)):
		t.Fatalf("no end: %q", a)
	}
}

func TestAWrongAndThenTheRightPassphrase(t *testing.T) {
	s := asking(t)
	a := onTTY(t)
	go func() {
		a.types(t, "Passphrase for root: ", "wrong")
		a.saying(t, "Wrong passphrase for root.")
		a.types(t, "Wrong passphrase for root.\nPassphrase for root: ", "right")
	}()
	if given := wants(t, s, "root", "right"); !slices.Equal(given, []string{"wrong", "right"}) {
		t.Errorf("%q", given)
	}
	ends(t, s, ask.Opened)
	a.ended(t, ui.OK, "root is unlocked")
	if said := a.String(); strings.Contains(said, "right") || strings.Contains(said, "wrong\n") {
		t.Errorf("a passphrase was shown: %q", said)
	}
}

func TestLinesOfAPipeAnswerOneVolumeAfterTheOther(t *testing.T) {
	s := asking(t)
	a := onPipe(t, "one\nbad\ntwo\n")
	wants(t, s, "first", "one")
	wants(t, s, "second", "two")
	ends(t, s, ask.Opened)
	a.ended(t, ui.OK, "first is unlocked, with a passphrase.\nWrong passphrase for second.\nsecond is unlocked")
}

func TestAPipeThatHasNoMoreIsAWrongPassphrase(t *testing.T) {
	s := asking(t)
	a := onPipe(t, "wrong\n")
	a.pipe.Close()
	ctx, cancel := context.WithCancel(t.Context())
	go func() {
		answer, err := s.Ask(ctx, ask.Question{Title: "Q"})
		if err != nil || string(answer.Bytes()) != "wrong" {
			t.Errorf("%v", err)
		}
		_, _ = s.Ask(ctx, ask.Question{Title: "Q"})
	}()
	a.ended(t, ui.Denied, "There is no other passphrase to give.")
	cancel()
	ends(t, s, "")
}

// Of two who answer at once one is too late; hers is given again where the other's was wrong.
func TestTwoWhoAnswerAtOnce(t *testing.T) {
	for range 20 {
		s := asking(t)
		wrong, right := onPipe(t, "wrong\n"), onPipe(t, "right\n")
		for _, a := range []*answering{wrong, right} {
			a.hears(t, s)
		}
		given := wants(t, s, "root", "right")
		if len(given) > 2 || len(given) == 2 && given[0] != "wrong" {
			t.Errorf("%q", given)
		}
		ends(t, s, ask.Opened)
		wrong.ended(t, ui.OK, "root is unlocked")
		right.ended(t, ui.OK, "root is unlocked")
	}
}

// Somebody at the console was faster: the prompt goes, and the terminal is as it was.
func TestAPromptEndsWhenTheBootGoesOn(t *testing.T) {
	s := asking(t)
	a := onTTY(t)
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error)
	go func() {
		_, err := s.Ask(ctx, ask.Question{Title: "Passphrase for root"})
		done <- err
	}()
	a.saying(t, "Passphrase for root: ")
	cancel()
	if err := <-done; !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
	ends(t, s, ask.Opened)
	a.ended(t, ui.OK, "")
}

func TestHowABootEndsIsTheExitCode(t *testing.T) {
	for how, want := range map[string]struct {
		code ui.ExitCode
		says string
	}{
		ask.Opened: {ui.OK, ""},
		ask.Failed: {ui.Denied, "The volumes stay closed."},
		"":         {ui.Failed, "The boot has ended, and not said how."},
	} {
		s := asking(t)
		a := onPipe(t, "wrong\n")
		if given := wants(t, s, "root", "wrong"); len(given) != 1 {
			t.Errorf("%q", given)
		}
		ends(t, s, how)
		a.ended(t, want.code, want.says)
	}
}

// An answer that is cut off is none; the next one counts.
func TestOneWhoIsKilledInTheMiddleOfAnAnswer(t *testing.T) {
	s := asking(t)
	torn, err := net.Dial("unix", socketPath())
	if err != nil {
		t.Fatal(err)
	}
	got := make(chan []string)
	go func() { got <- wants(t, s, "root", "right") }()
	if _, err := torn.Read(make([]byte, 100)); err != nil {
		t.Fatal(err)
	}
	if _, err := torn.Write([]byte("answer 1 5\nri")); err != nil {
		t.Fatal(err)
	}
	if err := torn.Close(); err != nil {
		t.Fatal(err)
	}
	a := onPipe(t, "right\n")
	if given := <-got; !slices.Equal(given, []string{"right"}) {
		t.Errorf("%q", given)
	}
	ends(t, s, ask.Opened)
	a.ended(t, ui.OK, "root is unlocked")
}

func TestTheNameOfAnSSHServersShellAnswers(t *testing.T) {
	for words, want := range map[string]string{
		"/bin/cryptroot-unlock":                    "cryptroot-unlock boot --answer",
		"-cryptroot-unlock":                        "cryptroot-unlock boot --answer",
		"cryptroot-unlock -c cat_/dev/mem":         "cryptroot-unlock boot --answer",
		"orthrus luksDump cryptroot-unlock":        "orthrus luksDump cryptroot-unlock",
		"/sbin/orthrus-cryptroot-unlock --version": "/sbin/orthrus-cryptroot-unlock --version",
	} {
		if got := strings.Join(Answering(strings.Fields(words)), " "); got != want {
			t.Errorf("%s: %s", words, got)
		}
	}
	if got := Answering(nil); got != nil {
		t.Errorf("%v", got)
	}
}

func TestTheSocketLiesWhereTheGuardsDoes(t *testing.T) {
	t.Setenv("ORTHRUS_RUN_DIR", "/x")
	if got := socketPath(); got != "/x/"+filepath.Base(ask.SocketPath) {
		t.Error(got)
	}
	t.Setenv("ORTHRUS_RUN_DIR", "")
	if got := socketPath(); got != ask.SocketPath {
		t.Error(got)
	}
}
