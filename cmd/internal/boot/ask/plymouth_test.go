// SPDX-License-Identifier: Apache-2.0

package ask

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/orthrus-luks/orthrus/test/pace"
)

// splash plays back what plymouthd 22.02 sends, and records what it is sent.
func splash(t *testing.T, replies ...string) (Plymouth, <-chan string) {
	t.Helper()
	path := filepath.Join(t.TempDir(), "plymouthd")
	l, err := net.Listen("unix", path)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	heard := make(chan string, 10)
	go func() {
		c, err := l.Accept()
		if err != nil {
			return
		}
		defer c.Close()
		buffer := make([]byte, 1024)
		for {
			n, err := c.Read(buffer)
			if err != nil {
				close(heard)
				return
			}
			heard <- string(buffer[:n])
			if len(replies) > 0 {
				_, _ = io.WriteString(c, replies[0])
				replies = replies[1:]
			}
		}
	}()
	return Plymouth{Socket: path, MessageTime: pace.Limit(5 * time.Second)}, heard
}

func TestPlymouthIsAskedInItsOwnWords(t *testing.T) {
	for _, c := range []struct {
		name    string
		cached  bool
		replies []string
		sent    []string
		want    string
		err     error
	}{
		{"an answer", false, []string{"\x02\x06\x00\x00\x00secret"}, []string{"*\x02\x02Q\x00"}, "secret", nil},
		{"a cached answer", true, []string{"\x09\x0a\x00\x00\x00first\x00next"}, []string{"c\x00"}, "first", nil},
		{"nothing cached", true, []string{"\x05", "\x02\x01\x00\x00\x00x"}, []string{"c\x00", "*\x02\x02Q\x00"}, "x", nil},
		{"escape", false, []string{"\x05"}, []string{"*\x02\x02Q\x00"}, "", ErrDeclined},
		{"refused", false, []string{"\x15"}, nil, "", ErrUnavailable},
		{"an empty answer", false, []string{"\x02\x00\x00\x00\x00"}, nil, "", nil},
		{"an answer too long", false, []string{"\x02\xff\xff\xff\xff"}, nil, "", ErrUnavailable},
	} {
		p, heard := splash(t, c.replies...)
		got, err := p.Ask(t.Context(), Question{Title: "Q", Cached: c.cached})
		if !errors.Is(err, c.err) || string(got.Bytes()) != c.want {
			t.Errorf("%s: %q, %v", c.name, got.Bytes(), err)
		}
		for _, want := range c.sent {
			if said := <-heard; said != want {
				t.Errorf("%s: sent %q, want %q", c.name, said, want)
			}
		}
	}
}

func TestPlymouthThatIsGoneOrHangsUp(t *testing.T) {
	if (Plymouth{Socket: PlymouthSocket + "-of-nobody"}).Running() {
		t.Error("nobody answers")
	}
	if _, err := (Plymouth{Socket: "/nowhere"}).Ask(t.Context(), Question{}); !errors.Is(err, ErrUnavailable) {
		t.Error(err)
	}
	p, heard := splash(t)
	ctx, cancel := context.WithCancel(t.Context())
	go func() { <-heard; cancel() }()
	if _, err := p.Ask(ctx, Question{Title: "Q"}); !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
	if _, open := <-heard; open {
		t.Error("still connected")
	}
}

func TestMessagesToPlymouthAreCut(t *testing.T) {
	p, heard := splash(t, "\x06")
	p.Say(strings.Repeat("m", 1000))
	if got := <-heard; got != "M\x02\xff"+strings.Repeat("m", plyMaxArgument)+"\x00" {
		t.Errorf("%q", got)
	}
}

// recorded is a reply that is all there.
type recorded struct{ *bytes.Reader }

func (r recorded) Read(p []byte, _ time.Time) (int, error) {
	n, err := r.Reader.Read(p)
	if errors.Is(err, io.EOF) {
		err = nil
	}
	return n, err
}

func FuzzPlymouthAnswer(f *testing.F) {
	f.Add([]byte("\x02\x06\x00\x00\x00secret"))
	f.Add([]byte("\x09\x0a\x00\x00\x00first\x00next"))
	f.Fuzz(func(t *testing.T, reply []byte) {
		got, err := plymouthAnswer(recorded{bytes.NewReader(reply)})
		if (err == nil) != (got != nil) || got.Len() > MaxPassphrase {
			t.Errorf("%d bytes, %v", got.Len(), err)
		}
	})
}
