// SPDX-License-Identifier: Apache-2.0

package watch

import (
	"context"
	"errors"
	"io/fs"

	"github.com/orthrus-luks/orthrus/cmd/internal/guard/store"
	"github.com/orthrus-luks/orthrus/cmd/internal/ui"
	"github.com/orthrus-luks/orthrus/cmd/internal/verb"
	"github.com/orthrus-luks/orthrus/cmd/internal/verb/guarded"
	"github.com/orthrus-luks/orthrus/cmd/internal/verb/volume"
)

// guardExport makes a header backup of what the guard keeps of a volume.
func guardExport(ctx context.Context, c *verb.Command, uuid string) error {
	head, err := guarded.Store().Load(uuid)
	if errors.Is(err, fs.ErrNotExist) {
		return verb.Failure(ui.NoDevice, "The guard keeps no header of a volume with UUID %s.", uuid)
	}
	if err != nil {
		return err
	}
	image, err := head.Backup(ctx)
	if errors.Is(err, store.ErrNoAreas) {
		return verb.Failure(ui.Failed, "What the guard keeps of the volume has no keyslots, so that no passphrase would open it: that takes store = full in its configuration.")
	}
	if err != nil {
		return verb.Failure(ui.Failed, "What the guard keeps of the volume cannot be used: %v.", err)
	}
	if err := volume.WriteBackupFile(c.Opt.HeaderBackupFile.V, image); err != nil {
		return err
	}
	c.UI.Printf("The header as it was at %s is in %s. To try it first: orthrus open --test-passphrase --header %s DEVICE; to write it back: orthrus luksHeaderRestore --header-backup-file %s DEVICE.",
		head.Time, c.Opt.HeaderBackupFile.V, c.Opt.HeaderBackupFile.V, c.Opt.HeaderBackupFile.V)
	return nil
}
