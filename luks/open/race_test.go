// SPDX-License-Identifier: Apache-2.0

package open

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/orthrus-luks/orthrus/dm/secret"
	"github.com/orthrus-luks/orthrus/luks"
)

// lock opens with one word and keeps what was tried.
type lock struct {
	word string

	mu    sync.Mutex
	tried []string
}

func (l *lock) open(_ context.Context, s Secret) (*luks.Key, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.tried = append(l.tried, string(s.Bytes()))
	if string(s.Bytes()) != l.word {
		return nil, luks.ErrPassphrase
	}
	key, err := secret.From([]byte("the key"))
	return &luks.Key{Buffer: key}, err
}

func (l *lock) all() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return strings.Join(l.tried, " ")
}

// says gives words, each as soon as its channel is closed; a nil channel does not hold it up.
func says(name string, after <-chan struct{}, words ...string) One {
	return One{Label: name, Get: func(context.Context) (Secret, error) {
		if after != nil {
			<-after
		}
		b, err := secret.From([]byte(strings.Join(words, " ")))
		return Passphrase(b), err
	}}
}

// asked answers a prompt, and tells that it was asked.
func asked(answers ...string) (p Prompt, shown chan struct{}) {
	shown = make(chan struct{})
	var once sync.Once
	return Prompt{Label: "a person", Tries: len(answers), Ask: func(context.Context) (*secret.Buffer, error) {
		once.Do(func() { close(shown) })
		next := answers[0]
		answers = answers[1:]
		return secret.From([]byte(next))
	}}, shown
}

func run(t *testing.T, l *lock, entries ...Entry) (string, error) {
	t.Helper()
	win, err := Race{Open: l.open}.Run(t.Context(), entries)
	if err != nil {
		return "", err
	}
	return win.By, win.Key.Close()
}

func TestTheFirstThatFitsWins(t *testing.T) {
	l := &lock{word: "one"}
	person, _ := asked("two", "one")
	if by, err := run(t, l, Entry{Source: says("a file", nil, "zero"), Lead: Alone}, Entry{Source: person}); by != "a person" || err != nil {
		t.Errorf("%q, %v", by, err)
	}
	if l.all() != "zero two one" {
		t.Errorf("tried %q", l.all())
	}
}

// A read that no context ends holds neither the prompt nor the passphrase that was typed there.
func TestASourceThatNeverReturnsHoldsNobody(t *testing.T) {
	fifo := filepath.Join(t.TempDir(), "fifo")
	if err := syscall.Mkfifo(fifo, 0o600); err != nil {
		t.Fatal(err)
	}
	hangs := One{Label: "a FIFO", Get: func(context.Context) (Secret, error) {
		f, err := os.Open(fifo)
		if err != nil {
			return Secret{}, err
		}
		return Secret{}, f.Close()
	}}
	defer func() { // let the goroutine go
		if f, err := os.OpenFile(fifo, os.O_RDWR, 0); err == nil {
			_ = f.Close()
		}
	}()
	for name, lead := range map[string]Entry{
		"beside":        {Source: hangs},
		"in front":      {Source: hangs, Lead: 1},
		"with a limit":  {Source: hangs, Lead: Alone, Limit: 1},
		"limit, beside": {Source: hangs, Limit: 1},
	} {
		person, _ := asked("one")
		if by, err := run(t, &lock{word: "one"}, lead, Entry{Source: person}); by != "a person" || err != nil {
			t.Errorf("%s: %q, %v", name, by, err)
		}
	}
}

func TestASourceThatHangsIsNamedWhereNoneHasTheKey(t *testing.T) {
	hang := make(chan struct{})
	defer close(hang)
	person, _ := asked("two")
	var lost []string
	race := Race{Open: (&lock{word: "one"}).open, Lost: func(s Source, _ error) { lost = append(lost, s.Name()) }}
	_, err := race.Run(t.Context(), []Entry{{Source: says("a stick", hang, "one"), Limit: 1}, {Source: person}})
	var all *LostError
	if !errors.As(err, &all) || len(all.Losses) != 2 || !errors.Is(err, ErrHangs) || !errors.Is(err, luks.ErrPassphrase) {
		t.Errorf("%v", err)
	}
	if len(lost) != 2 {
		t.Errorf("told of %q", lost)
	}
}

func TestASecretThatComesTooLateIsWiped(t *testing.T) {
	hang, ended := make(chan struct{}), make(chan error, 1)
	late, err := secret.From([]byte("one"))
	if err != nil {
		t.Fatal(err)
	}
	stick := sourceFunc(func(ctx context.Context, try Try) error {
		<-hang
		err := try(ctx, Passphrase(late))
		ended <- err
		return err
	})
	l := &lock{word: "one"}
	person, _ := asked("one")
	if by, err := run(t, l, Entry{Source: stick}, Entry{Source: person}); by != "a person" || err != nil {
		t.Fatalf("%q, %v", by, err)
	}
	close(hang)
	if err := <-ended; !errors.Is(err, context.Canceled) || late.Len() != 0 || l.all() != "one" {
		t.Errorf("%v, %d bytes left, tried %q", err, late.Len(), l.all())
	}
}

type sourceFunc func(ctx context.Context, try Try) error

func (sourceFunc) Name() string { return "a stick" }

func (f sourceFunc) Secrets(ctx context.Context, try Try) error { return f(ctx, try) }

func TestALeaderIsNotOvertakenWhileItsSecretIsTried(t *testing.T) {
	person, shown := asked("two")
	begun, done := make(chan struct{}), make(chan struct{})
	open := func(context.Context, Secret) (*luks.Key, error) {
		close(begun)
		<-done
		key, err := secret.From([]byte("the key"))
		return &luks.Key{Buffer: key}, err
	}
	go func() {
		<-begun
		for range 3 { // longer than a look at the leader takes
			<-time.After(busy)
		}
		close(done)
	}()
	win, err := Race{Open: open}.Run(t.Context(), []Entry{{Source: says("a file", nil, "one"), Lead: busy}, {Source: person}})
	if err != nil || win.By != "a file" {
		t.Fatalf("%v, %v", win.By, err)
	}
	defer win.Key.Close()
	select {
	case <-shown:
		t.Error("somebody was asked meanwhile")
	default:
	}
}

func TestWhatEndsTheContextEndsTheRace(t *testing.T) {
	hang := make(chan struct{})
	defer close(hang)
	ctx, cancel := context.WithCancelCause(t.Context())
	why := errors.New("the machine goes down")
	cancel(why)
	race := Race{Open: (&lock{word: "one"}).open}
	if _, err := race.Run(ctx, []Entry{{Source: says("a stick", hang, "one")}}); !errors.Is(err, why) {
		t.Errorf("%v", err)
	}
	if _, err := race.Run(t.Context(), nil); !errors.Is(err, ErrNoSource) {
		t.Errorf("without sources: %v", err)
	}
}

func TestWhatAStepGivesTooLateIsDropped(t *testing.T) {
	hang, dropped := make(chan struct{}), make(chan int, 1)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	_, err := Bounded(ctx, func(n int) { dropped <- n }, func(context.Context) (int, error) { <-hang; return 7, nil })
	if !errors.Is(err, ErrHangs) {
		t.Errorf("%v", err)
	}
	close(hang)
	if n := <-dropped; n != 7 {
		t.Errorf("dropped %d", n)
	}
}
