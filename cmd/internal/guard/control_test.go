// SPDX-License-Identifier: Apache-2.0

package guard

import (
	"context"
	"errors"
	"io/fs"
	"net"
	"os"
	"path/filepath"
	"runtime"
	"sync"
	"testing"

	"github.com/orthrus-luks/orthrus/udev"
)

// quietEvents never happen.
type quietEvents struct{}

func (quietEvents) Receive(ctx context.Context) (udev.Event, error) {
	<-ctx.Done()
	return udev.Event{}, ctx.Err()
}
func (quietEvents) Stats() udev.Stats { return udev.Stats{} }
func (quietEvents) Close() error      { return nil }

// answering is a server at a socket of its own, ended with the test.
func answering(t *testing.T) string {
	t.Helper()
	b := newBench(t, "")
	path := filepath.Join(b.dir, "run", "guard.sock")
	s, err := serve(path, &Daemon{Guard: b.Guard, Socket: path, events: quietEvents{}})
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(context.Background())
	var ended sync.WaitGroup
	ended.Go(func() { s.run(ctx) })
	t.Cleanup(func() {
		stop()
		ended.Wait()
		if _, err := os.Lstat(path); !errors.Is(err, fs.ErrNotExist) {
			t.Errorf("the socket is left: %v", err)
		}
	})
	return path
}

func TestAThousandSilentClientsKeepNobodyWaiting(t *testing.T) {
	path := answering(t)
	for range 1000 {
		c, err := net.Dial("unix", path)
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close()
	}
	for range 3 {
		if s, err := AskStatus(path); err != nil || s.PID != os.Getpid() {
			t.Errorf("%+v, %v", s, err)
		}
	}
}

func TestTheSocketIsPrivateFromItsFirstMoment(t *testing.T) {
	path := answering(t)
	info, err := os.Lstat(path)
	if err != nil || info.Mode().Perm() != 0o600 || info.Mode()&fs.ModeSocket == 0 {
		t.Errorf("%v, %v", info.Mode(), err)
	}
	left, err := os.ReadDir(filepath.Dir(path))
	if err != nil || len(left) != 1 {
		t.Errorf("%v, %v", left, err)
	}
}

// A device that does not answer is asked once, and what it says too late is not taken over.
func TestADeviceThatOwesAnAnswerIsNotAskedAgain(t *testing.T) {
	b := newBench(t, "")
	let, asked := make(chan struct{}), 0
	late, stop := context.WithCancel(t.Context())
	stop()
	taken := false
	ask := func() func() {
		<-let
		return func() { taken = true }
	}
	if b.within(late, "8:0", ask) {
		t.Error("an answer, before there was one")
	}
	if b.within(t.Context(), "8:0", func() func() { asked++; return func() {} }) || asked != 0 {
		t.Error("asked again")
	}
	if !b.within(t.Context(), "8:16", func() func() { asked++; return func() {} }) || asked != 1 {
		t.Error("another device was not asked")
	}
	close(let)
	for {
		b.mu.Lock()
		owes := b.owing["8:0"] != nil
		b.mu.Unlock()
		if !owes {
			break
		}
		runtime.Gosched()
	}
	if taken || !b.within(t.Context(), "8:0", func() func() { return func() { taken = true } }) || !taken {
		t.Error("the late answer was taken over, or no new one")
	}
}

// Two looks at once that ask the same device both get an answer.
func TestADeviceThatIsBeingAskedIsWaitedFor(t *testing.T) {
	b := newBench(t, "")
	let, first, answers := make(chan struct{}), make(chan struct{}), make(chan bool, 2)
	go func() {
		answers <- b.within(t.Context(), "8:0", func() func() { close(first); <-let; return func() {} })
	}()
	<-first
	asked := false
	go func() { answers <- b.within(t.Context(), "8:0", func() func() { asked = true; return func() {} }) }()
	late, stop := context.WithCancel(t.Context())
	stop()
	if b.within(late, "8:0", func() func() { return func() {} }) {
		t.Error("somebody without time got an answer out of turn")
	}
	close(let)
	one, other := <-answers, <-answers
	if !one || !other || !asked {
		t.Error("somebody got no answer")
	}
}
