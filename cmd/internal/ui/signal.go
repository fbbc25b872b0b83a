// SPDX-License-Identifier: Apache-2.0

package ui

import (
	"context"
	"os/signal"

	"golang.org/x/sys/unix"
)

// Interruptible returns a context that SIGINT and SIGTERM cancel. Whatever takes long takes it, stops
// at a safe point and gives the terminal back as it was.
func Interruptible(parent context.Context) (context.Context, context.CancelFunc) {
	return signal.NotifyContext(parent, unix.SIGINT, unix.SIGTERM)
}
