// SPDX-License-Identifier: Apache-2.0

package open

import (
	"context"
	"errors"
	"time"
)

// ErrHangs: something does not answer and was left to itself.
var ErrHangs = errors.New("no answer in time")

// grace is how long something whose context has ended may take to give everything back.
const grace = time.Second

// Bounded runs a step that may hang where no context reaches, as reads of a dying disk do. When ctx
// ends and the step does not, it is left to itself and the error is ErrHangs; what it gives later goes
// to drop.
func Bounded[T any](ctx context.Context, drop func(T), step func(context.Context) (T, error)) (T, error) {
	type result struct {
		value T
		err   error
	}
	done := make(chan result, 1)
	go func() {
		value, err := step(ctx)
		done <- result{value, err}
	}()
	select {
	case r := <-done:
		return r.value, r.err
	case <-ctx.Done():
	}
	late := time.NewTimer(grace)
	defer late.Stop()
	select {
	case r := <-done:
		return r.value, r.err
	case <-late.C:
	}
	go func() { drop((<-done).value) }()
	var none T
	return none, ErrHangs
}

// Within is Bounded for a step that gives nothing, for so long; 0 is without end.
func Within(ctx context.Context, limit time.Duration, step func(context.Context) error) error {
	if limit > 0 {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeoutCause(ctx, limit, ErrHangs)
		defer cancel()
	}
	type nothing struct{}
	_, err := Bounded(ctx, func(nothing) {}, func(ctx context.Context) (nothing, error) { return nothing{}, step(ctx) })
	return err
}
