// SPDX-License-Identifier: Apache-2.0

package ui

import (
	"bytes"
	"context"
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// piped returns a UI whose standard input is a real pipe that holds text and then ends.
func piped(t *testing.T, text string) (*UI, *bytes.Buffer) {
	t.Helper()
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { r.Close() })
	go func() {
		_, _ = io.WriteString(w, text)
		w.Close()
	}()
	var stderr bytes.Buffer
	return &UI{In: r, Out: io.Discard, Err: &stderr, OpenTTY: noTerminal}, &stderr
}

func noTerminal() (*os.File, error) { return nil, os.ErrNotExist }

func mustSecret(t *testing.T, u *UI, r Request) string {
	t.Helper()
	got, err := u.Secret(context.Background(), r)
	if err != nil {
		t.Fatalf("%+v: %v", r, err)
	}
	defer got.Close()
	return string(got.Bytes())
}

func TestOneLineIsTakenAndTheRestStays(t *testing.T) {
	u, _ := piped(t, "first\nsecond\r\nthird")
	for _, want := range []string{"first", "second\r", "third"} {
		if got := mustSecret(t, u, Request{}); got != want {
			t.Errorf("read %q, want %q", got, want)
		}
	}
	if _, err := u.Secret(context.Background(), Request{}); !errors.Is(err, ErrNothingToRead) {
		t.Errorf("at the end: %v", err)
	}
}

func TestAnEmptyLineIsAnEmptyPassphrase(t *testing.T) {
	u, _ := piped(t, "\nrest")
	if got := mustSecret(t, u, Request{}); got != "" {
		t.Errorf("read %q", got)
	}
	if rest, _ := io.ReadAll(u.In); string(rest) != "rest" {
		t.Errorf("%q is left", rest)
	}
}

func TestStandardInputAsKeyFileKeepsNewlines(t *testing.T) {
	u, _ := piped(t, "key\nwith\x00bytes\n")
	if got := mustSecret(t, u, Request{KeyFile: "-"}); got != "key\nwith\x00bytes\n" {
		t.Errorf("read %q", got)
	}
}

func TestTwoKeysFromOneStandardInput(t *testing.T) {
	u, _ := piped(t, "old keynew\nkey")
	if got := mustSecret(t, u, Request{KeyFile: "-", Size: 7}); got != "old key" {
		t.Errorf("first %q", got)
	}
	if got := mustSecret(t, u, Request{KeyFile: "-"}); got != "new\nkey" {
		t.Errorf("second %q", got)
	}
}

func TestSizeAndOffsetCountForALineToo(t *testing.T) {
	u, _ := piped(t, "xxpassmore\n")
	if got := mustSecret(t, u, Request{Offset: 2, Size: 4}); got != "pass" {
		t.Errorf("read %q", got)
	}
}

func TestPassphrasesOnPipesMayBeLongerThanTypedOnes(t *testing.T) {
	long := strings.Repeat("a", 3*MaxPassphrase)
	u, _ := piped(t, long+"\n")
	if got := mustSecret(t, u, Request{}); got != long {
		t.Errorf("read %d bytes", len(got))
	}
}

func keyFile(t *testing.T, content string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "key")
	if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

func TestKeyFilesAreReadAsTheyAre(t *testing.T) {
	path := keyFile(t, "0123456789\n")
	u, _ := piped(t, "")
	for _, c := range []struct {
		offset, size uint64
		want         string
	}{
		{0, 0, "0123456789\n"},
		{0, 4, "0123"},
		{4, 0, "456789\n"},
		{4, 4, "4567"},
		{4, 7, "456789\n"},
		{11, 0, ""}, // a key of no bytes, as cryptsetup takes it
	} {
		if got := mustSecret(t, u, Request{KeyFile: path, Offset: c.offset, Size: c.size}); got != c.want {
			t.Errorf("offset %d size %d: %q, want %q", c.offset, c.size, got, c.want)
		}
	}
}

func TestKeyFilesThatCannotServeAreNamed(t *testing.T) {
	path := keyFile(t, "0123456789")
	folder := filepath.Dir(path)
	missing := filepath.Join(folder, "missing")
	u, _ := piped(t, "")
	for _, c := range []struct {
		request Request
		kind    Problem
		message string
	}{
		{Request{KeyFile: missing}, ErrOpenKeyFile, "Failed to open key file " + missing +
			": no such file or directory."},
		{Request{KeyFile: folder}, ErrReadKey, "Error reading passphrase " + folder + ": is a directory."},
		{Request{KeyFile: path, Size: 11}, ErrShortKeyFile, "Cannot read requested amount of data."},
		{Request{KeyFile: path, Offset: 11}, ErrSeekKeyFile, "Cannot seek to requested keyfile offset."},
		{Request{KeyFile: path, Offset: 1 << 63}, ErrSeekKeyFile, "Cannot seek to requested keyfile offset."},
		{Request{KeyFile: os.DevNull}, ErrNothingToRead, "Nothing to read on input."},
		{Request{KeyFile: "/dev/zero"}, ErrLongKeyFile, "Maximum keyfile size exceeded."},
		{Request{KeyFile: "-"}, ErrNothingToRead, "Nothing to read on input."},
		{Request{KeyFile: "-", Offset: 1}, ErrSeekKeyFile, "Cannot seek to requested keyfile offset."},
	} {
		got, err := u.Secret(context.Background(), c.request)
		var input *InputError
		if got != nil || !errors.As(err, &input) || !errors.Is(err, c.kind) || err.Error() != c.message {
			t.Errorf("%+v: %v", c.request, err)
		}
		if CodeOf(err) != Failed {
			t.Errorf("%+v: exit code %d", c.request, CodeOf(err))
		}
	}
}

func TestOnlyAnAskedSizeMayExceedTheLimit(t *testing.T) {
	u, _ := piped(t, "")
	if got := mustSecret(t, u, Request{KeyFile: "/dev/zero", Size: MaxKeyFile + 1}); len(got) != MaxKeyFile+1 {
		t.Errorf("read %d bytes", len(got))
	}
	full := keyFile(t, strings.Repeat("k", MaxKeyFile))
	if got := mustSecret(t, u, Request{KeyFile: full}); len(got) != MaxKeyFile {
		t.Errorf("read %d bytes of a file as long as the limit", len(got))
	}
	more := keyFile(t, strings.Repeat("k", MaxKeyFile+1))
	if _, err := u.Secret(context.Background(), Request{KeyFile: more}); !errors.Is(err, ErrLongKeyFile) {
		t.Errorf("a longer file: %v", err)
	}
}

func TestCancellingEndsAReadThatWaits(t *testing.T) {
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	defer w.Close()
	u := &UI{In: r, Out: io.Discard, Err: io.Discard, OpenTTY: noTerminal}
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Millisecond)
	defer cancel()
	if _, err := u.Secret(ctx, Request{}); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("ended with %v", err)
	}
}
