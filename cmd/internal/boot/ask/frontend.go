// SPDX-License-Identifier: Apache-2.0

package ask

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/orthrus-luks/orthrus/dm/secret"
)

// MaxPassphrase is the longest passphrase that is taken, in bytes.
const MaxPassphrase = 4096

var (
	// ErrUnavailable: this way leads to nobody; others may.
	ErrUnavailable = errors.New("nobody can be asked this way")
	// ErrNobody: no way leads to anybody.
	ErrNobody = errors.New("nobody can be asked")
	// ErrLate: nobody answered in time.
	ErrLate = errors.New("no answer in time")
	// ErrDeclined: somebody was there and gave no answer.
	ErrDeclined = errors.New("the question was declined")
)

// Echo is what is shown of what is typed.
type Echo int

// The ways to echo.
const (
	Masked Echo = iota // a star for each character; Tab stops and starts it
	Hidden
	Visible
)

// Question is what is asked.
type Question struct {
	Title    string    // "Passphrase for root (/dev/vda2)", without colon
	ID       string    // for agents, "cryptsetup:/dev/vda2"
	Echo     Echo      // at consoles
	Deadline time.Time // zero for none
	Cached   bool      // agents may answer with what they were told before
}

// Frontend is a way that leads to people.
type Frontend interface {
	// Name is what messages call it.
	Name() string
	// Ask waits for an answer, and gives everything back as it was when ctx ends. Errors are
	// ErrUnavailable, ErrDeclined, the context's, or those of the system.
	Ask(ctx context.Context, q Question) (*secret.Buffer, error)
	// Say shows a line of text, also while something is being asked. It is best effort.
	Say(text string)
}

// Answer is what came of a question.
type Answer struct {
	Passphrase *secret.Buffer
	By         string // name of the front end
}

// First asks all front ends and takes the first answer. It returns when all have ended. The error is
// ErrLate, ErrNobody, ErrDeclined or the context's.
func First(ctx context.Context, frontends []Frontend, q Question, warn func(error)) (Answer, error) {
	asking, cancel := context.WithCancel(ctx)
	if !q.Deadline.IsZero() {
		asking, cancel = context.WithDeadline(ctx, q.Deadline)
	}
	defer cancel()
	type reply struct {
		Answer
		err error
	}
	replies := make(chan reply, len(frontends))
	for _, f := range frontends {
		go func() {
			passphrase, err := f.Ask(asking, q)
			replies <- reply{Answer{passphrase, f.Name()}, err}
		}()
	}
	var winner Answer
	declined := false
	for range frontends {
		switch r := <-replies; {
		case r.err == nil && winner.Passphrase == nil:
			winner = r.Answer
			cancel()
		case r.err == nil:
			_ = r.Passphrase.Close() // a moment too late
		case errors.Is(r.err, ErrDeclined):
			declined = true
		case !errors.Is(r.err, ErrUnavailable) && asking.Err() == nil:
			warn(fmt.Errorf("%s: %w", r.By, r.err))
		}
	}
	switch {
	case winner.Passphrase != nil:
		return winner, nil
	case ctx.Err() != nil:
		return Answer{}, context.Cause(ctx)
	case asking.Err() != nil:
		return Answer{}, ErrLate
	case declined:
		return Answer{}, ErrDeclined
	}
	return Answer{}, ErrNobody
}
