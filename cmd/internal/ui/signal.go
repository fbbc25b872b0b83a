// SPDX-License-Identifier: Apache-2.0

package ui

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"time"

	"golang.org/x/sys/unix"
)

// errQuit is the cause of a context that SIGQUIT has cancelled.
var errQuit = fmt.Errorf("quit: %w", context.Canceled)

// errTerminated is the cause of one that SIGTERM has cancelled.
var errTerminated = fmt.Errorf("terminated: %w", context.Canceled)

// Ended is the exit code of a run that a signal has cancelled, as shells have it: Interrupted or Terminated.
func Ended(ctx context.Context) ExitCode {
	if errors.Is(context.Cause(ctx), errTerminated) {
		return Terminated
	}
	return Interrupted
}

// patience is how long work may take to stop at a safe point and to give the terminal back after SIGQUIT,
// which is for what does not listen to the other signals.
const patience = time.Second

// Interruptible returns a context that SIGINT and SIGTERM cancel. Whatever takes long takes it, stops
// at a safe point and gives the terminal back as it was. SIGQUIT cancels it too, and the process then ends by
// that signal: in the returned function, which is called last, or a second later.
func Interruptible(parent context.Context) (context.Context, context.CancelFunc) {
	ctx, stop := signal.NotifyContext(parent, unix.SIGINT)
	ctx, cancel := context.WithCancelCause(ctx)
	quits := make(chan os.Signal, 1)
	signal.Notify(quits, unix.SIGQUIT, unix.SIGTERM)
	go func() {
		select {
		case sig := <-quits:
			if sig == unix.SIGTERM {
				cancel(errTerminated)
				return
			}
			cancel(errQuit)
			time.Sleep(patience)
			dieOf(unix.SIGQUIT)
		case <-ctx.Done():
		}
	}()
	return ctx, func() {
		if errors.Is(context.Cause(ctx), errQuit) {
			dieOf(unix.SIGQUIT)
		}
		cancel(nil)
		signal.Stop(quits)
		stop()
	}
}
