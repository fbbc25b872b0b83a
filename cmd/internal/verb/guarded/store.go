// SPDX-License-Identifier: Apache-2.0

package guarded

import (
	"os"
	"path/filepath"

	"github.com/orthrus-luks/orthrus/cmd/internal/guard"
	"github.com/orthrus-luks/orthrus/cmd/internal/guard/store"
	"github.com/orthrus-luks/orthrus/cmd/internal/undo"
	"github.com/orthrus-luks/orthrus/cmd/internal/verb"
)

// runDirectory is for what is gone with the next boot.
func runDirectory() string {
	if dir := os.Getenv("ORTHRUS_RUN_DIR"); dir != "" {
		return dir
	}
	return "/run/orthrus"
}

// Store is where the guard keeps what it has seen. With --dry-run it stays as it is, whatever is done to it.
func Store(c *verb.Command) store.Store {
	return store.Store{State: undo.StateDirectory(), Volatile: runDirectory(), Rehearsed: c.Opt.DryRun}
}

// Socket is where a running guard answers.
func Socket() string { return filepath.Join(runDirectory(), filepath.Base(guard.DefaultSocket)) }
