// SPDX-License-Identifier: Apache-2.0

package poweron

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/orthrus-luks/orthrus/test/pace"
	"github.com/orthrus-luks/orthrus/test/vm/machine"
)

// patience is for one thing to show on a console, on an emulated processor of a
// quiet machine.
const patience = 90 * time.Second

// What consoles show.
const (
	Prompt = "Passphrase for"
	Login  = "orthrus login:"
)

// Session is a person before the console of a machine.
type Session struct {
	M    *machine.Machine
	mark int
	in   bool // logged in
}

// PowerOn starts a machine with an image and sits down before its console. The
// caller closes the machine.
func PowerOn(ctx context.Context, cfg machine.Config) (*Session, error) {
	m, err := machine.Start(ctx, cfg)
	if err != nil {
		return nil, err
	}
	return &Session{M: m}, nil
}

// Sees waits for a text.
func (s *Session) Sees(ctx context.Context, text string) error {
	return s.seesWithin(ctx, text, patience)
}

func (s *Session) seesWithin(ctx context.Context, text string, quiet time.Duration) error {
	ctx, cancel := context.WithTimeout(ctx, pace.Limit(quiet))
	defer cancel()
	mark, err := s.M.Console().Expect(ctx, s.mark, text)
	if err == nil {
		s.mark = mark
	}
	return err
}

// Types enters a line.
func (s *Session) Types(line string) error {
	_, err := s.M.Console().Write([]byte(line + "\r"))
	return err
}

// Answers waits to be asked for a passphrase and enters it.
func (s *Session) Answers(ctx context.Context, text string) error {
	if err := s.Sees(ctx, Prompt); err != nil {
		return err
	}
	return s.Types(text)
}

// LogsIn enters as root, unless that was done before.
func (s *Session) LogsIn(ctx context.Context) error {
	if s.in {
		return nil
	}
	if err := s.Sees(ctx, Login); err != nil {
		return err
	}
	s.in = true
	// A getty drops what is typed before it has set the line up, which may be after it has asked.
	for range 2 {
		if err := s.Types("root"); err != nil {
			return err
		}
		if s.seesWithin(ctx, "# ", patience/6) == nil {
			return nil
		}
	}
	return s.Sees(ctx, "# ")
}

// Runs runs a command, once logged in, which must say what is wanted.
func (s *Session) Runs(ctx context.Context, command, want string) error {
	if err := s.LogsIn(ctx); err != nil {
		return err
	}
	// The command itself is echoed: what it says comes behind a mark.
	if err := s.Types("echo ha''lt; " + command); err != nil {
		return err
	}
	if err := s.Sees(ctx, "halt"); err != nil {
		return err
	}
	if err := s.Sees(ctx, want); err != nil {
		return fmt.Errorf("%s: %w", command, err)
	}
	return nil
}

// Asked counts the lines with a prompt so far.
func (s *Session) Asked() int {
	n := 0
	for line := range strings.Lines(s.M.Console().Tail(1 << 20)) {
		if strings.Contains(line, Prompt) {
			n++
		}
	}
	return n
}
