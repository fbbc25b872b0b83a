// SPDX-License-Identifier: Apache-2.0

package boot

import (
	"bytes"
	"context"
	"crypto/sha256"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/orthrus-luks/orthrus/cmd/internal/boot/ask"
	"github.com/orthrus-luks/orthrus/cmd/internal/boot/cmdline"
	"github.com/orthrus-luks/orthrus/cmd/internal/boot/plan"
	"github.com/orthrus-luks/orthrus/dm/secret"
	"github.com/orthrus-luks/orthrus/luks"
	"github.com/orthrus-luks/orthrus/luks/kdf"
	"github.com/orthrus-luks/orthrus/test/pace"
)

// cheap is a keyslot that costs nothing to open.
func cheap() kdf.Params { return kdf.Params{Type: kdf.PBKDF2, Hash: "sha256", Iterations: 1000} }

// image makes a volume in a file and returns its path and metadata.
func image(t *testing.T, passphrase string, change func(*luks.FormatOptions)) (string, *luks.Volume) {
	t.Helper()
	path := filepath.Join(t.TempDir(), "disk.img")
	if err := os.WriteFile(path, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Truncate(path, 20<<20); err != nil {
		t.Fatal(err)
	}
	o := luks.FormatOptions{
		Version: 2, Cipher: "aes-xts-plain64", KeySize: 64, Hash: "sha256", SectorSize: 512,
		UUID: "aaaaaaaa-0000-4000-8000-00000000000a", Keyslot: luks.NewKeyslot{KDF: cheap()}, DigestIterations: 1000,
	}
	if change != nil {
		change(&o)
	}
	dev, err := luks.OpenDevice(path, luks.DeviceOptions{Write: true})
	if err != nil {
		t.Fatal(err)
	}
	defer dev.Close()
	v, err := luks.Format(t.Context(), dev, []byte(passphrase), o)
	if err != nil {
		t.Fatal(err)
	}
	return path, v
}

// rewrite exchanges text in both copies of a LUKS2 header and makes their checksums true again.
func rewrite(t *testing.T, path, old, new string) {
	t.Helper()
	f, err := os.OpenFile(path, os.O_RDWR, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	const size = 16384
	for _, at := range []int64{0, size} {
		head := make([]byte, size)
		if _, err := f.ReadAt(head, at); err != nil {
			t.Fatal(err)
		}
		text := bytes.TrimRight(head[4096:], "\x00")
		if !bytes.Contains(text, []byte(old)) {
			t.Fatalf("%q is not in %s", old, text)
		}
		changed := bytes.ReplaceAll(text, []byte(old), []byte(new))
		clear(head[4096:])
		copy(head[4096:], changed)
		clear(head[448:512])
		sum := sha256.Sum256(head)
		copy(head[448:], sum[:])
		if _, err := f.WriteAt(head, at); err != nil {
			t.Fatal(err)
		}
	}
}

// person is a front end that gives answers in a row, and then none.
type person struct {
	mu      sync.Mutex
	answers []string
	own     map[string]string // by volume; used up before answers
	asked   []string
	heard   []string
	waiting chan struct{} // closed once there is no answer left to give
	once    sync.Once
}

func says(answers ...string) *person {
	return &person{answers: answers, waiting: make(chan struct{})}
}

// knows gives each volume the answer that is its own, in whatever order they are asked about.
func knows(own map[string]string) *person {
	p := says()
	p.own = own
	return p
}

func (p *person) Name() string { return "a person" }

func (p *person) Say(text string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.heard = append(p.heard, text)
}

func (p *person) Ask(ctx context.Context, q ask.Question) (*secret.Buffer, error) {
	p.mu.Lock()
	p.asked = append(p.asked, q.Title)
	for name, answer := range p.own {
		if strings.Contains(q.Title, name) {
			delete(p.own, name)
			p.mu.Unlock()
			return secret.From([]byte(answer))
		}
	}
	if len(p.answers) == 0 {
		p.mu.Unlock()
		p.once.Do(func() { close(p.waiting) })
		<-ctx.Done()
		return nil, ctx.Err()
	}
	answer := p.answers[0]
	p.answers = p.answers[1:]
	p.mu.Unlock()
	return secret.From([]byte(answer))
}

// outcome is what came of a run.
type outcome struct {
	Result
	err    error
	events []Event
	person *person
}

// booted runs the plan of a crypttab and a command line, mapping nothing.
func booted(t *testing.T, who *person, tab, line string, change func(*Config)) outcome {
	t.Helper()
	o := outcome{person: who}
	config := Config{
		Plan: plan.Make(plan.Request{Crypttab: []byte(tab), Settings: cmdline.Parse(line, true)}), TestOnly: true,
		Report: func(e Event) string { o.events = append(o.events, e); return e.String() },
	}
	if who != nil {
		config.Frontends = []ask.Frontend{who}
	}
	if change != nil {
		change(&config)
	}
	ctx, cancel := context.WithTimeout(t.Context(), pace.Limit(30*time.Second))
	defer cancel()
	o.Result, o.err = Run(ctx, config)
	if ctx.Err() != nil {
		t.Error("the boot hangs")
	}
	return o
}

// link makes another path to a file.
func link(t *testing.T, path string) string {
	t.Helper()
	other := filepath.Join(t.TempDir(), "link")
	if err := os.Symlink(path, other); err != nil {
		t.Fatal(err)
	}
	return other
}

// states is "name=state" of all volumes.
func (o outcome) states() string {
	var all []string
	for _, v := range o.Volumes {
		all = append(all, fmt.Sprintf("%s=%s", v.Name, v.State))
	}
	return strings.Join(all, " ")
}

// told tells whether an event of that kind was reported.
func (o outcome) told(kind Kind) bool {
	for _, e := range o.events {
		if e.Kind == kind {
			return true
		}
	}
	return false
}
