// SPDX-License-Identifier: Apache-2.0

package ask

import (
	"context"
	"errors"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/orthrus-luks/orthrus/dm/secret"
	"github.com/orthrus-luks/orthrus/test/pace"
)

func listening(t *testing.T) (*Socket, string) {
	t.Helper()
	path := filepath.Join(t.TempDir(), "run", "ask")
	s, err := Listen(path)
	if err != nil {
		t.Fatal(err)
	}
	return s, path
}

func called(t *testing.T, path string) *Caller {
	t.Helper()
	c, err := Call(path)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	return c
}

func next(t *testing.T, c *Caller) News {
	t.Helper()
	news, err := c.Next()
	if err != nil {
		t.Fatal(err)
	}
	return news
}

func answers(t *testing.T, c *Caller, number int, text string) {
	t.Helper()
	passphrase, err := secret.From([]byte(text))
	if err != nil {
		t.Fatal(err)
	}
	defer passphrase.Close()
	if err := c.Answer(number, passphrase); err != nil {
		t.Fatal(err)
	}
}

func TestACallerAnswersNowOrLater(t *testing.T) {
	s, path := listening(t)
	early := called(t, path)
	for round, want := range []string{"first answer", "second \n answer"} {
		done := make(chan string)
		go func() {
			got, err := s.Ask(t.Context(), Question{Title: "Passphrase for root", ID: "cryptsetup:root"})
			if err != nil {
				t.Error(err)
			}
			defer got.Close()
			done <- string(got.Bytes())
		}()
		news := next(t, early)
		if news.Ask != round+1 || news.Title != "Passphrase for root" {
			t.Errorf("%+v", news)
		}
		who := early
		if round == 1 {
			who = called(t, path)
			if again := next(t, who); again != news {
				t.Errorf("one who calls late hears %+v", again)
			}
		}
		answers(t, who, news.Ask, want)
		if got := <-done; got != want {
			t.Errorf("%q", got)
		}
		if news := next(t, who); news.Taken != round+1 {
			t.Errorf("%+v", news)
		}
		if news := next(t, early); news.Withdrawn != round+1 {
			t.Errorf("%+v", news)
		}
	}
	s.Say("a \x1b word")
	if news := next(t, early); news.Say != "a ? word" {
		t.Errorf("%+v", news)
	}
	s.Conclude(Opened)
	for _, c := range []*Caller{early, called(t, path)} {
		if news := next(t, c); news.Over != Opened {
			t.Errorf("%+v", news)
		}
	}
	if err := s.Close(); err != nil {
		t.Error(err)
	}
	if _, err := early.Next(); !errors.Is(err, ErrUnavailable) {
		t.Errorf("after the end: %v", err)
	}
	if _, err := os.Stat(path); !os.IsNotExist(err) {
		t.Errorf("the socket stays: %v", err)
	}
}

func TestASocketInUseIsLeftAlone(t *testing.T) {
	s, path := listening(t)
	if _, err := Listen(path); !errors.Is(err, ErrTaken) {
		t.Errorf("a second one: %v", err)
	}
	if err := s.Close(); err != nil {
		t.Error(err)
	}
	if err := os.WriteFile(path, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	again, err := Listen(path)
	if err != nil {
		t.Fatalf("in place of what a former run left: %v", err)
	}
	if err := again.Close(); err != nil {
		t.Error(err)
	}
}

func TestOnlyItsOwnerMayOpenTheSocket(t *testing.T) {
	s, path := listening(t)
	defer s.Close()
	info, err := os.Stat(path)
	if err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("%v, %v", info.Mode(), err)
	}
}

func TestAnswersToOtherQuestionsAndNonsenseAreDropped(t *testing.T) {
	s, path := listening(t)
	defer s.Close()
	asked := make(chan error)
	ctx, cancel := context.WithCancel(t.Context())
	go func() {
		got, err := s.Ask(ctx, Question{Title: "Q"})
		if got != nil {
			t.Errorf("%q", got.Bytes())
		}
		asked <- err
	}()
	wrong := called(t, path)
	answers(t, wrong, next(t, wrong).Ask+7, "stray")
	for _, nonsense := range []string{"answer 1\n", "answer 1 -1\n", "answer 1 999999\n", strings.Repeat("a", 100), "hello\n"} {
		c, err := net.Dial("unix", path)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := c.Write([]byte(nonsense)); err != nil {
			t.Fatal(err)
		}
		_ = c.SetReadDeadline(time.Now().Add(pace.Limit(5 * time.Second)))
		buffer := make([]byte, 4096)
		for err = nil; err == nil; {
			_, err = c.Read(buffer)
		}
		if errors.Is(err, os.ErrDeadlineExceeded) {
			t.Errorf("%q: not hung up on", nonsense)
		}
		c.Close()
	}
	cancel()
	if err := <-asked; !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
}
