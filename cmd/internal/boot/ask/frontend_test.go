// SPDX-License-Identifier: Apache-2.0

package ask

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/orthrus-luks/orthrus/dm/secret"
)

// fake is a front end that answers after a while, or says why not.
type fake struct {
	name   string
	answer string
	after  time.Duration // 0 for never
	err    error
	ended  chan struct{}
}

func (f *fake) Name() string { return f.name }
func (f *fake) Say(string)   {}

func (f *fake) Ask(ctx context.Context, _ Question) (*secret.Buffer, error) {
	defer close(f.ended)
	if f.err != nil {
		return nil, f.err
	}
	var late <-chan time.Time
	if f.after > 0 {
		late = time.After(f.after)
	}
	select {
	case <-ctx.Done():
		return nil, ctx.Err()
	case <-late:
		return secret.From([]byte(f.answer))
	}
}

func TestTheFirstAnswerCountsAndEndsTheOthers(t *testing.T) {
	quick := &fake{name: "quick", answer: "yes", after: time.Millisecond, ended: make(chan struct{})}
	never := &fake{name: "never", ended: make(chan struct{})}
	gone := &fake{name: "gone", err: ErrUnavailable, ended: make(chan struct{})}
	broken := &fake{name: "broken", err: errors.New("no paper"), ended: make(chan struct{})}
	var warned []error
	got, err := First(t.Context(), []Frontend{never, gone, quick, broken}, Question{}, func(err error) { warned = append(warned, err) })
	if err != nil || got.By != "quick" || string(got.Passphrase.Bytes()) != "yes" {
		t.Errorf("%+v, %v", got, err)
	}
	for _, f := range []*fake{quick, never, gone, broken} {
		select {
		case <-f.ended:
		default:
			t.Errorf("%s is still asking", f.name)
		}
	}
	if len(warned) > 1 || len(warned) == 1 && warned[0].Error() != "broken: no paper" {
		t.Errorf("warned of %v", warned)
	}
}

func TestNoAnswer(t *testing.T) {
	make := func(err error) *fake { return &fake{name: "f", err: err, ended: make(chan struct{})} }
	cancelled, cancel := context.WithCancel(t.Context())
	cancel()
	for name, c := range map[string]struct {
		ctx  context.Context
		all  []Frontend
		q    Question
		want error
	}{
		"nobody":           {t.Context(), nil, Question{}, ErrNobody},
		"nobody there":     {t.Context(), []Frontend{make(ErrUnavailable)}, Question{}, ErrNobody},
		"declined":         {t.Context(), []Frontend{make(ErrUnavailable), make(ErrDeclined)}, Question{}, ErrDeclined},
		"late":             {t.Context(), []Frontend{make(nil)}, Question{Deadline: time.Now().Add(10 * time.Millisecond)}, ErrLate},
		"no longer wanted": {cancelled, []Frontend{make(nil)}, Question{}, context.Canceled},
	} {
		got, err := First(c.ctx, c.all, c.q, func(error) {})
		if !errors.Is(err, c.want) || got.Passphrase != nil {
			t.Errorf("%s: %+v, %v", name, got, err)
		}
	}
}
