// SPDX-License-Identifier: Apache-2.0

// Package given refuses what a caller left out, before anything is done with it.
package given

import (
	"context"
	"errors"
)

// ErrNoContext is returned where a context is nil.
var ErrNoContext = errors.New("no context is given")

// Context refuses a nil one: ErrNoContext.
func Context(ctx context.Context) error {
	if ctx == nil {
		return ErrNoContext
	}
	return nil
}
