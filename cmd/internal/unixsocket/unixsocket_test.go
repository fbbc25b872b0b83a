// SPDX-License-Identifier: Apache-2.0

package unixsocket

import (
	"errors"
	"io"
	"io/fs"
	"net"
	"os"
	"path/filepath"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

func listening(t *testing.T) (*Listener, string) {
	t.Helper()
	path := filepath.Join(t.TempDir(), "s")
	l, err := Listen(path)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	return l, path
}

func TestWhatOneSideWritesTheOtherReads(t *testing.T) {
	l, path := listening(t)
	c, err := Dial(path)
	if err != nil {
		t.Fatal(err)
	}
	s, err := l.Accept()
	if err != nil {
		t.Fatal(err)
	}
	for _, way := range []struct{ from, to *os.File }{{c, s}, {s, c}} {
		if _, err := way.from.Write([]byte("words")); err != nil {
			t.Error(err)
		}
		got := make([]byte, 5)
		if _, err := io.ReadFull(way.to, got); err != nil || string(got) != "words" {
			t.Errorf("%q, %v", got, err)
		}
	}
	if err := c.Close(); err != nil {
		t.Error(err)
	}
	if n, err := s.Read(make([]byte, 1)); n != 0 || !errors.Is(err, io.EOF) {
		t.Errorf("after the end: %d, %v", n, err)
	}
	if _, err := s.Write([]byte("words")); !errors.Is(err, unix.EPIPE) {
		t.Errorf("to nobody: %v", err)
	}
}

func TestADeadlineEndsReadingAndWriting(t *testing.T) {
	l, path := listening(t)
	c, err := Dial(path)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	s, err := l.Accept()
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	for _, f := range []*os.File{c, s} {
		if err := f.SetDeadline(time.Now().Add(time.Millisecond)); err != nil {
			t.Error(err)
		}
		if _, err := f.Read(make([]byte, 1)); !errors.Is(err, os.ErrDeadlineExceeded) {
			t.Errorf("reading: %v", err)
		}
		if _, err := f.Write(make([]byte, 1<<24)); !errors.Is(err, os.ErrDeadlineExceeded) {
			t.Errorf("writing: %v", err)
		}
	}
}

func TestClosingEndsAnAcceptThatWaits(t *testing.T) {
	l, path := listening(t)
	ended := make(chan error)
	go func() {
		_, err := l.Accept()
		ended <- err
	}()
	if err := l.Close(); err != nil {
		t.Error(err)
	}
	if err := <-ended; err == nil {
		t.Error("accepted what nobody dialled")
	}
	if _, err := l.Accept(); err == nil {
		t.Error("accepted after the end")
	}
	if _, err := os.Lstat(path); err != nil {
		t.Errorf("the socket is left to who made it: %v", err)
	}
}

func TestEachWriteIsADatagram(t *testing.T) {
	path := filepath.Join(t.TempDir(), "s")
	l, err := net.ListenUnixgram("unixgram", &net.UnixAddr{Name: path, Net: "unixgram"})
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	c, err := DialDatagram(path)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	for _, text := range []string{"one", "another"} {
		if _, err := c.Write([]byte(text)); err != nil {
			t.Error(err)
		}
	}
	for _, text := range []string{"one", "another"} {
		got := make([]byte, 100)
		if n, err := l.Read(got); err != nil || string(got[:n]) != text {
			t.Errorf("%q, %v", got[:n], err)
		}
	}
}

func TestAnAbstractNameIsDialled(t *testing.T) {
	name := "@" + filepath.Join(t.TempDir(), "s")
	l, err := net.Listen("unix", name)
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	c, err := Dial(name)
	if err != nil {
		t.Fatal(err)
	}
	c.Close()
}

// The errors read as those of package net do.
func TestFailuresNameThePathAndTheCall(t *testing.T) {
	taken := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(taken, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	listen := func(path string) error { _, err := Listen(path); return err }
	dial := func(path string) error { _, err := Dial(path); return err }
	for _, c := range []struct {
		do   func(string) error
		path string
		kind error
		net  func(string) error
	}{
		{dial, taken + "s", fs.ErrNotExist, func(path string) error { _, err := net.Dial("unix", path); return err }},
		{dial, taken, unix.ECONNREFUSED, func(path string) error { _, err := net.Dial("unix", path); return err }},
		{listen, taken, unix.EADDRINUSE, func(path string) error { _, err := net.Listen("unix", path); return err }},
	} {
		err, want := c.do(c.path), c.net(c.path)
		if !errors.Is(err, c.kind) || want == nil || err.Error() != want.Error() {
			t.Errorf("%v, not %v", err, want)
		}
	}
}
