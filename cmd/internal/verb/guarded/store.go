// SPDX-License-Identifier: Apache-2.0

package guarded

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/orthrus-luks/orthrus/cmd/internal/guard"
	"github.com/orthrus-luks/orthrus/cmd/internal/guard/identity"
	"github.com/orthrus-luks/orthrus/cmd/internal/guard/store"
	"github.com/orthrus-luks/orthrus/cmd/internal/ui"
	"github.com/orthrus-luks/orthrus/cmd/internal/undo"
	"github.com/orthrus-luks/orthrus/cmd/internal/verb"
	"github.com/orthrus-luks/orthrus/luks"
)

// runDirectory is for what is gone with the next boot.
func runDirectory() string {
	if dir := os.Getenv("ORTHRUS_RUN_DIR"); dir != "" {
		return dir
	}
	return "/run/orthrus"
}

// Store is where the guard keeps what it has seen.
func Store() store.Store {
	return store.Store{State: undo.StateDirectory(), Volatile: runDirectory()}
}

// Socket is where a running guard answers.
func Socket() string { return filepath.Join(runDirectory(), filepath.Base(guard.DefaultSocket)) }

// ForgetHeads destroys what the guard keeps of a volume, after something that opened it was revoked. What is
// kept of another volume that bears the same UUID stays.
func ForgetHeads(v *luks.Volume) error {
	known, err := Store().Load(v.UUID)
	if tip, seen := known.Chain.Tip(); err == nil && seen && !identity.SameVolume(tip.Mark, identity.Of(v.View)) {
		return nil
	}
	err = Store().Forget(v.UUID)
	if err == nil || os.Geteuid() != 0 && errors.Is(err, fs.ErrPermission) {
		return nil // what root keeps is not of an image that is somebody else's
	}
	return &verb.Notice{
		Text: fmt.Sprintf("The keyslot is gone, but what the guard keeps of the volume below %s cannot be "+
			"destroyed: %v.", undo.StateDirectory(), err),
		Code: ui.Failed, Err: err,
	}
}
