// SPDX-License-Identifier: Apache-2.0

package keyslot

import (
	"errors"
	"fmt"
	"time"

	"github.com/orthrus-luks/orthrus/cmd/internal/ui"
	"github.com/orthrus-luks/orthrus/cmd/internal/undo"
	"github.com/orthrus-luks/orthrus/cmd/internal/verb"
	"github.com/orthrus-luks/orthrus/cmd/internal/verb/volume"
	"github.com/orthrus-luks/orthrus/luks"
)

// aside is the header backup of a change that overwrites the only place of a keyslot.
type aside struct {
	c    *verb.Command
	v    *volume.Volume
	path string // empty where nothing had to be kept
}

// keep writes it, but for a rehearsal.
func (a *aside) keep(backup []byte) (err error) {
	if a.c.Opt.DryRun {
		return nil
	}
	a.path, err = undo.KeepHeader(undo.StateDirectory(), a.v.UUID, backup, a.v.File, time.Now())
	if err != nil {
		a.path = ""
		return fmt.Errorf("no backup can be kept meanwhile: %w; ORTHRUS_STATE_DIR names another folder", err)
	}
	a.c.UI.Verbosef("What is overwritten is kept in %s meanwhile.", a.path)
	return nil
}

// conclude destroys the backup, unless it holds what the device has lost.
func (a *aside) conclude(failed error) error {
	var lost *luks.OverwriteError
	switch {
	case a.path == "":
		return failed
	case errors.As(failed, &lost):
		return &verb.Notice{
			Text: fmt.Sprintf("Keyslot %d was being changed in place and holds no key now: %s. To go back: %s "+
				"luksHeaderRestore --header-backup-file %s %s; destroy that file then, it holds key material.",
				lost.Keyslot, verb.OneLine(lost.Err), a.c.Program, a.path, a.v.Path),
			Code: ui.Failed, Err: failed,
		}
	}
	return errors.Join(failed, undo.Shred(a.path))
}
